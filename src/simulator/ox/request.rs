//! Reading of requests: namespace aware, tolerant where the real server is (`ox-soap.md` 1.3).

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

use super::fault::{Code, Fault};
use super::malformed;
use super::options::OxOptions;
use super::record::{Record, Value};
use super::schema::{DATA_NS, Kind, Ns, RMI_NS, Type};
use super::service::{Operation, Service};
use super::values;

const SOAP_1_1: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_1_2: &str = "http://www.w3.org/2003/05/soap-envelope";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The call in an envelope: its operation and the children of the operation element.
pub fn read(service: &'static Service, options: &OxOptions, text: &str) -> Result<(&'static Operation, Record), Fault> {
    let mut xml = NsReader::from_str(text);
    xml.config_mut().expand_empty_elements = true;
    let mut reader = Reader { xml, text, service, options, inside: false, unqualified: false };
    reader.envelope()?;
    let Some(name) = reader.operation()? else { return Err(no_operation()) };
    let operation = service
        .operation(&name)
        .filter(|operation| options.allows(operation.feature))
        .ok_or_else(|| Fault::client("NO_PART_FOUND"))?;
    reader.inside = true;
    let body = reader.children(&operation.input, true)?;
    Ok((operation, body))
}

/// The answer to a request without an operation: empty body, GET without `?wsdl`.
pub fn no_operation() -> Fault {
    Fault::bare("No binding operation info while invoking unknown method with params unknown.")
}

struct Reader<'x> {
    xml: NsReader<&'x [u8]>,
    text: &'x str,
    service: &'static Service,
    options: &'x OxOptions,
    /// Whether the operation element was reached; it decides about the text for broken XML.
    inside: bool,
    /// Whether the children of the operation have no namespace (legacy, but then all of them).
    unqualified: bool,
}

enum Uri {
    Known(Ns),
    None,
    Other(String),
}

enum Token<'x> {
    Start(BytesStart<'x>, Uri),
    End,
    Text(String),
    Eof,
}

impl<'x> Reader<'x> {
    /// Goes to the child of the SOAP body.
    fn envelope(&mut self) -> Result<(), Fault> {
        let mut seen_root = false;
        loop {
            match self.token()? {
                Token::Start(start, uri) => {
                    let name = start.local_name();
                    if !seen_root {
                        seen_root = true;
                        version(&uri, name.as_ref())?;
                    } else if name.as_ref() == "Body" {
                        return Ok(());
                    } else {
                        self.skip()?;
                    }
                }
                Token::Text(text) if !seen_root && !text.trim().is_empty() => {
                    return Err(malformed::in_prolog(self.text));
                }
                Token::End => return Err(no_operation()),
                Token::Eof => return Err(malformed::end_of_prolog(self.text)),
                Token::Text(_) => {}
            }
        }
    }

    /// The local name of the operation element.
    fn operation(&mut self) -> Result<Option<String>, Fault> {
        loop {
            match self.token()? {
                Token::Start(start, uri) => {
                    return Ok(Some(match uri {
                        Uri::Known(Ns::Operation) => start.local_name().as_ref().to_owned(),
                        _ => String::new(),
                    }));
                }
                Token::End | Token::Eof => return Ok(None),
                Token::Text(_) => {}
            }
        }
    }

    /// The children of an element of this type, up to its end tag.
    fn children(&mut self, kind: &'static Type, of_operation: bool) -> Result<Record, Fault> {
        let mut record = Record::new(kind);
        let mut first = of_operation;
        loop {
            match self.token()? {
                Token::Start(start, uri) => {
                    if std::mem::take(&mut first) {
                        self.unqualified = matches!(uri, Uri::None);
                    }
                    let name = start.local_name();
                    match self.position(kind, &uri, name.as_ref()) {
                        Some(position) => self.field(&mut record, position, &start)?,
                        None if name.as_ref() == "clusterWeight" => self.skip()?,
                        None => return Err(self.unexpected(&uri, name.as_ref(), Some(kind))),
                    }
                }
                Token::End => return Ok(record),
                Token::Text(_) => {}
                Token::Eof => return Err(malformed::end_of_input(self.text, self.inside)),
            }
        }
    }

    fn position(&self, kind: &Type, uri: &Uri, name: &str) -> Option<u16> {
        let namespace_fits = match uri {
            Uri::Known(ns) => !self.unqualified && *ns == kind.ns,
            Uri::None => self.unqualified,
            Uri::Other(_) => false,
        };
        let position = kind.position(name).filter(|_| namespace_fits)?;
        self.options.allows(kind.field(position).feature).then_some(position)
    }

    fn field(&mut self, record: &mut Record, position: u16, start: &BytesStart<'_>) -> Result<(), Fault> {
        let field = record.kind().field(position);
        if self.is_nil(start) {
            self.skip()?;
            if field.many {
                record.push_at(position, Value::Nil);
            } else {
                record.take(field.name);
            }
            return Ok(());
        }
        let value = match field.kind {
            Kind::Object(kind) => Some(Value::Object(Box::new(self.children(kind(), false)?))),
            scalar => values::parse(scalar, self.scalar()?)?,
        };
        match value {
            Some(value) if field.many => record.push_at(position, value),
            Some(value) => record.set_at(position, value),
            None => {}
        }
        Ok(())
    }

    /// The text of an element without children.
    fn scalar(&mut self) -> Result<String, Fault> {
        let mut content = String::new();
        loop {
            match self.token()? {
                Token::Text(text) if content.is_empty() => content = text,
                Token::Text(text) => content.push_str(&text),
                Token::End => return Ok(content),
                Token::Start(start, uri) => return Err(self.unexpected(&uri, start.local_name().as_ref(), None)),
                Token::Eof => return Err(malformed::end_of_input(self.text, self.inside)),
            }
        }
    }

    fn skip(&mut self) -> Result<(), Fault> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.token()? {
                Token::Start(..) => depth += 1,
                Token::End => depth -= 1,
                Token::Text(_) => {}
                Token::Eof => return Err(malformed::end_of_input(self.text, self.inside)),
            }
        }
        Ok(())
    }

    fn token(&mut self) -> Result<Token<'x>, Fault> {
        loop {
            let event = self.xml.read_event();
            let event =
                event.map_err(|error| malformed::broken(self.text, self.inside, &error, self.xml.error_position()))?;
            return Ok(match event {
                Event::Start(start) => {
                    let uri = self.uri(&start);
                    Token::Start(start, uri)
                }
                Event::End(_) => Token::End,
                Event::Text(text) => {
                    let end = usize::try_from(self.xml.buffer_position()).unwrap_or_default();
                    malformed::check_characters(self.text, self.inside, end.saturating_sub(text.len()), end)?;
                    Token::Text(text.xml10_content().into_owned())
                }
                Event::CData(text) => Token::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => {
                    let end = usize::try_from(self.xml.buffer_position()).unwrap_or_default();
                    Token::Text(malformed::resolve(self.text, self.inside, &reference, end)?)
                }
                Event::Eof => Token::Eof,
                _ => continue,
            });
        }
    }

    fn uri(&self, start: &BytesStart<'_>) -> Uri {
        match self.xml.resolver().resolve_element(start.name()).0 {
            ResolveResult::Bound(Namespace(uri)) => {
                if uri == DATA_NS {
                    Uri::Known(Ns::Data)
                } else if uri == self.service.style.operation_ns {
                    Uri::Known(Ns::Operation)
                } else if uri == RMI_NS {
                    Uri::Known(Ns::Rmi)
                } else {
                    Uri::Other(uri.to_owned())
                }
            }
            ResolveResult::Unbound => Uri::None,
            ResolveResult::Unknown(prefix) => Uri::Other(prefix),
        }
    }

    fn is_nil(&self, start: &BytesStart<'_>) -> bool {
        if start.attributes_raw().trim().is_empty() {
            return false;
        }
        start.attributes().flatten().any(|attribute| {
            let (uri, name) = self.xml.resolver().resolve_attribute(attribute.key);
            name.as_ref() == "nil"
                && uri == ResolveResult::Bound(Namespace(INSTANCE))
                && matches!(attribute.value.as_ref(), "true" | "1")
        })
    }

    /// The fault for an element that does not belong here.
    fn unexpected(&self, uri: &Uri, name: &str, kind: Option<&Type>) -> Fault {
        let namespace = |ns: Ns| match ns {
            Ns::Operation => self.service.style.operation_ns,
            Ns::Data => DATA_NS,
            Ns::Rmi => RMI_NS,
        };
        let uri = match uri {
            Uri::Known(ns) => namespace(*ns),
            Uri::None => "",
            Uri::Other(uri) => uri,
        };
        let expected = kind.map(|kind| {
            let fields = kind.fields.iter().filter(|field| self.options.allows(field.feature));
            fields.map(|field| format!("<{{{}}}{}>", namespace(kind.ns), field.name)).collect::<Vec<_>>().join(",")
        });
        let expected = expected.unwrap_or_else(|| "(none)".to_owned());
        Fault::client(format!(
            "Unmarshalling Error: unexpected element (uri:\"{uri}\", local:\"{name}\"). Expected elements are {expected} "
        ))
    }
}

fn version(uri: &Uri, name: &str) -> Result<(), Fault> {
    let text = match uri {
        Uri::Other(uri) if uri == SOAP_1_1 => return Ok(()),
        Uri::Other(uri) if uri == SOAP_1_2 => {
            "A SOAP 1.2 message is not valid when sent to a SOAP 1.1 only endpoint.".to_owned()
        }
        Uri::Other(uri) => {
            format!("\"{uri}\", the namespace on the \"{name}\" element, is not a valid SOAP version.")
        }
        Uri::Known(_) | Uri::None => {
            format!("\"\", the namespace on the \"{name}\" element, is not a valid SOAP version.")
        }
    };
    Err(Fault { code: Code::VersionMismatch, ..Fault::client(text) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::ox::service;

    const ENVELOPE: &str = "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" \
        xmlns:s=\"http://soap.admin.openexchange.com\" xmlns:d=\"http://dataobjects.soap.admin.openexchange.com/xsd\" \
        xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><e:Body><s:change><s:ctx><d:id>10</d:id></s:ctx>\
        <s:usrdata><d:aliases>a</d:aliases><d:aliases xsi:nil=\"1\"/><d:birthday>2008-02-29</d:birthday>\
        <d:company>Müller &amp; &#83;öhne</d:company><d:note/><d:title xsi:nil=\"true\"/></s:usrdata>\
        </s:change></e:Body></e:Envelope>";

    fn read_user_call(text: &str) -> Result<Record, Fault> {
        read(service::find("OXUserService").unwrap(), &OxOptions::default(), text).map(|(_, body)| body)
    }

    #[test]
    fn nil_is_absent_and_empty_is_not() {
        let body = read_user_call(ENVELOPE).unwrap();
        let user = body.object("usrdata").unwrap();
        assert_eq!(user.text("company"), Some("Müller & Söhne"));
        assert_eq!(user.text("note"), Some(""));
        assert!(!user.has("title"));
        assert_eq!(user.list("aliases"), [Value::text("a"), Value::Nil]);
    }

    #[test]
    fn broken_requests_are_faults() {
        // Cut off at every place, and every character gone or doubled: an answer comes in any case.
        let places: Vec<usize> = ENVELOPE.char_indices().map(|(at, _)| at).collect();
        for at in places {
            let (before, after) = ENVELOPE.split_at(at);
            let _ = read_user_call(before);
            let mut rest = after.chars();
            let gone = rest.next().unwrap();
            let _ = read_user_call(&format!("{before}{}", rest.as_str()));
            let _ = read_user_call(&format!("{before}{gone}{after}"));
            let _ = read_user_call(&format!("{before}&{after}"));
        }
        let operation = ENVELOPE.find("<s:change>").unwrap();
        assert_eq!(read_user_call(&ENVELOPE[..operation]).unwrap_err().outcome(), "soap:Server");
        assert_eq!(read_user_call("").unwrap_err().outcome(), "soap:Client");
    }
}
