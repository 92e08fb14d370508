//! Answers and their XML (`ox-soap.md` 1.4).

use std::io::Write as _;
use std::vec::IntoIter;

use super::record::{Record, Value};
use super::schema::{COPY_NS, Kind, OPERATION_NS, Texts, Type};

/// Prefixes of the answers of a service.
#[derive(Debug)]
pub struct Style {
    /// Namespace of the operations.
    pub operation_ns: &'static str,
    /// Prefix of the operation namespace with colon.
    pub operation_prefix: &'static str,
    /// Whether the data namespace has the prefix `ns2` (else it is the default namespace).
    pub data_prefixed: bool,
    /// Prefix of the exceptions namespace with colon.
    pub exception_prefix: &'static str,
    /// Prefix of the RMI namespace with colon.
    pub java_prefix: &'static str,
    /// Declarations on the first element of an answer.
    pub answer_namespaces: &'static str,
    /// Declarations on the first element of a fault detail (the same in reverse order).
    pub fault_namespaces: &'static str,
    /// Whether it is the user copy service, whose faults have fields of their own.
    pub copy: bool,
}

macro_rules! namespaces {
    ($default:literal, $ns2:literal, $ns4:literal, $ns5:literal) => {
        (
            concat!(
                " xmlns=\"",
                $default,
                "\" xmlns:ns2=\"",
                $ns2,
                "\" xmlns:ns3=\"http://dataobjects.rmi.admin.openexchange.com/xsd\" xmlns:ns4=\"",
                $ns4,
                "\" xmlns:ns5=\"",
                $ns5,
                "\""
            ),
            concat!(
                " xmlns:ns5=\"",
                $ns5,
                "\" xmlns:ns4=\"",
                $ns4,
                "\" xmlns:ns3=\"http://dataobjects.rmi.admin.openexchange.com/xsd\" xmlns:ns2=\"",
                $ns2,
                "\" xmlns=\"",
                $default,
                "\""
            ),
        )
    };
}

const USER_NAMESPACES: (&str, &str) = namespaces!(
    "http://soap.admin.openexchange.com",
    "http://dataobjects.soap.admin.openexchange.com/xsd",
    "http://rmi.java/xsd",
    "http://exceptions.rmi.admin.openexchange.com/xsd"
);
const CONTEXT_NAMESPACES: (&str, &str) = namespaces!(
    "http://dataobjects.soap.admin.openexchange.com/xsd",
    "http://soap.admin.openexchange.com",
    "http://rmi.java/xsd",
    "http://exceptions.rmi.admin.openexchange.com/xsd"
);
const COMMON_NAMESPACES: (&str, &str) = namespaces!(
    "http://dataobjects.soap.admin.openexchange.com/xsd",
    "http://soap.admin.openexchange.com",
    "http://exceptions.rmi.admin.openexchange.com/xsd",
    "http://rmi.java/xsd"
);
const COPY_NAMESPACES: (&str, &str) = namespaces!(
    "http://dataobjects.soap.admin.openexchange.com/xsd",
    "http://soap.copy.user.admin.openexchange.com",
    "http://exceptions.rmi.admin.openexchange.com/xsd",
    "http://rmi.java/xsd"
);

/// The user service: operations in the default namespace.
pub static USER_STYLE: Style = Style {
    operation_ns: OPERATION_NS,
    operation_prefix: "",
    data_prefixed: true,
    exception_prefix: "ns5:",
    java_prefix: "ns4:",
    answer_namespaces: USER_NAMESPACES.0,
    fault_namespaces: USER_NAMESPACES.1,
    copy: false,
};

/// The context service.
pub static CONTEXT_STYLE: Style = Style {
    operation_ns: OPERATION_NS,
    operation_prefix: "ns2:",
    data_prefixed: false,
    exception_prefix: "ns5:",
    java_prefix: "ns4:",
    answer_namespaces: CONTEXT_NAMESPACES.0,
    fault_namespaces: CONTEXT_NAMESPACES.1,
    copy: false,
};

/// Group, resource, secondary account and all other services.
pub static COMMON_STYLE: Style = Style {
    operation_ns: OPERATION_NS,
    operation_prefix: "ns2:",
    data_prefixed: false,
    exception_prefix: "ns4:",
    java_prefix: "ns5:",
    answer_namespaces: COMMON_NAMESPACES.0,
    fault_namespaces: COMMON_NAMESPACES.1,
    copy: false,
};

/// The user copy service with its own operation namespace.
pub static COPY_STYLE: Style = Style {
    operation_ns: COPY_NS,
    operation_prefix: "ns2:",
    data_prefixed: false,
    exception_prefix: "ns4:",
    java_prefix: "ns5:",
    answer_namespaces: COPY_NAMESPACES.0,
    fault_namespaces: COPY_NAMESPACES.1,
    copy: true,
};

const HEAD: &[u8] = b"<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>";
const TAIL: &[u8] = b"</soap:Body></soap:Envelope>";

/// The result of a call.
#[derive(Debug)]
pub enum Answer {
    /// Nothing: an empty body.
    Void,
    /// `xs:boolean`.
    Flag(bool),
    /// `xs:int`.
    Number(i64),
    /// `xs:string`, nillable.
    Text(Option<String>),
    /// One `return` per record.
    Records(Vec<Record>),
    /// One `return` per id: the template with that id.
    Ids(Record, Vec<i64>),
}

impl From<Record> for Answer {
    fn from(record: Record) -> Self {
        Self::Records(vec![record])
    }
}

/// An answer on its way out. Big lists are written piece by piece: `listAll` of some thousand users has the size of a
/// film.
#[derive(Debug)]
pub struct Rendering {
    style: &'static Style,
    operation: &'static str,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    Start(Answer),
    Records(IntoIter<Record>),
    Ids { before: Vec<u8>, after: Vec<u8>, ids: IntoIter<i64> },
    Done,
}

impl Rendering {
    /// The rendering of an answer.
    pub const fn new(style: &'static Style, operation: &'static str, answer: Answer) -> Self {
        Self { style, operation, rest: Rest::Start(answer) }
    }

    /// Appends the next piece, at least `size` bytes if there is that much; false if it was the last one.
    pub fn fill(&mut self, size: usize, out: &mut Vec<u8>) -> bool {
        let end = out.len() + size;
        loop {
            match &mut self.rest {
                Rest::Start(_) => self.start(out),
                Rest::Records(records) => match records.next() {
                    Some(record) => {
                        self.item(out, |style, out| write_record(&record, style.data_prefixed, out));
                    }
                    None => self.finish(out),
                },
                Rest::Ids { before, after, ids } => match ids.next() {
                    Some(id) => {
                        out.extend_from_slice(before);
                        // Writing to a vector cannot fail.
                        let _ = write!(out, "{id}");
                        out.extend_from_slice(after);
                    }
                    None => self.finish(out),
                },
                Rest::Done => return false,
            }
            if out.len() >= end && !matches!(self.rest, Rest::Done) {
                return true;
            }
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(HEAD);
        let Rest::Start(answer) = std::mem::replace(&mut self.rest, Rest::Done) else { return };
        if matches!(answer, Answer::Void) {
            out.extend_from_slice(TAIL);
            return;
        }
        let style = self.style;
        let prefix = style.operation_prefix;
        let _ = write!(out, "<{prefix}{}Response{}", self.operation, style.answer_namespaces);
        let empty = match &answer {
            Answer::Records(records) => records.is_empty(),
            Answer::Ids(_, ids) => ids.is_empty(),
            _ => false,
        };
        if empty {
            out.extend_from_slice(b"/>");
            out.extend_from_slice(TAIL);
            return;
        }
        out.push(b'>');
        match answer {
            Answer::Flag(flag) => self.item(out, |_, out| out.extend_from_slice(flag.to_string().as_bytes())),
            Answer::Number(number) => self.item(out, |_, out| out.extend_from_slice(number.to_string().as_bytes())),
            Answer::Text(Some(text)) => self.item(out, |_, out| escape(&text, out)),
            Answer::Text(None) => {
                let nil = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"";
                let _ = write!(out, "<{prefix}return {nil}/>");
            }
            Answer::Void => {}
            Answer::Records(records) => self.rest = Rest::Records(records.into_iter()),
            Answer::Ids(template, ids) => {
                let (before, after) = self.split(template);
                self.rest = Rest::Ids { before, after, ids: ids.into_iter() };
            }
        }
        if matches!(self.rest, Rest::Done) {
            self.finish(out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let _ = write!(out, "</{}{}Response>", self.style.operation_prefix, self.operation);
        out.extend_from_slice(TAIL);
        self.rest = Rest::Done;
    }

    fn item(&self, out: &mut Vec<u8>, content: impl FnOnce(&Style, &mut Vec<u8>)) {
        let prefix = self.style.operation_prefix;
        let _ = write!(out, "<{prefix}return>");
        content(self.style, out);
        let _ = write!(out, "</{prefix}return>");
    }

    /// The text of one item before and after its id.
    fn split(&self, mut template: Record) -> (Vec<u8>, Vec<u8>) {
        let kind = template.kind();
        template.set_number("id", 0);
        let mut text = Vec::new();
        self.item(&mut text, |style, out| write_record(&template, style.data_prefixed, out));
        let position = kind.position("id").unwrap_or_default();
        let open = kind.texts(self.style.data_prefixed).open(position).as_bytes();
        let at = text.windows(open.len()).position(|window| window == open).unwrap_or_default() + open.len();
        let after = text.split_off((at + 1).min(text.len()));
        text.truncate(at);
        (text, after)
    }
}

/// Writes the fields of a record; absent ones as the table says.
pub fn write_record(record: &Record, prefixed: bool, out: &mut Vec<u8>) {
    let kind = record.kind();
    let texts = kind.texts(prefixed);
    let mut next = 0;
    for (position, value) in record.slots() {
        let at = usize::from(*position);
        out.extend_from_slice(texts.absent(next, at).as_bytes());
        write_field(kind, texts, *position, value, prefixed, out);
        next = at + 1;
    }
    out.extend_from_slice(texts.absent(next, kind.fields.len()).as_bytes());
}

fn write_field(kind: &Type, texts: &Texts, position: u16, value: &Value, prefixed: bool, out: &mut Vec<u8>) {
    let open = texts.open(position);
    match value {
        Value::List(items) => {
            for item in items {
                write_field(kind, texts, position, item, prefixed, out);
            }
            return;
        }
        Value::Nil => {
            out.extend_from_slice(texts.nil(position).as_bytes());
            return;
        }
        Value::Object(record) if record.is_empty() && record.kind().fields.len() == 1 => {
            // A map without entries.
            out.extend_from_slice(&open.as_bytes()[..open.len() - 1]);
            out.extend_from_slice(b"/>");
            return;
        }
        _ => {}
    }
    out.extend_from_slice(open.as_bytes());
    match value {
        Value::Text(text) => {
            escape(text, out);
            if matches!(kind.field(position).kind, Kind::Date) {
                // The simulated server runs in UTC.
                out.push(b'Z');
            }
        }
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Object(record) => write_record(record, prefixed, out),
        Value::Nil | Value::List(_) => {}
    }
    out.extend_from_slice(texts.close(position).as_bytes());
}

/// Writes text content.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let replacement: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'\r' => b"&#xd;",
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(replacement);
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

/// An answer in ISO-8859-1, as a client gets it whose Content-Type has no charset.
pub fn to_latin1(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for character in String::from_utf8_lossy(text).chars() {
        match u8::try_from(u32::from(character)) {
            Ok(byte) => out.push(byte),
            Err(_) => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
        }
    }
    out
}
