//! Reads SOAP answers with a namespace-aware pull parser.
//!
//! An answer is mostly nil elements (`ox-soap.md` 1.4); those cost no allocation. What a caller does not look at is skipped.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::PrefixDeclaration;

/// An answer that is not what the interface promises. Says which element, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    /// With this reason, which must hold no values.
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl From<quick_xml::Error> for Unreadable {
    fn from(error: quick_xml::Error) -> Self {
        // The texts of the parser can quote the document, so only the kind of error is taken over.
        let kind = match error {
            quick_xml::Error::Syntax(_) | quick_xml::Error::IllFormed(_) => "it is no well-formed XML",
            quick_xml::Error::Namespace(_) => "its namespaces are wrong",
            quick_xml::Error::InvalidAttr(_) => "it has a wrong XML attribute",
            quick_xml::Error::Escape(_) => "it has an unknown entity",
            _ => "it cannot be read as XML",
        };
        Self::new(kind)
    }
}

/// The part of the vocabulary that an element belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// SOAP itself.
    Soap,
    /// Operations, `return`, and names of faults.
    Operation,
    /// Fields of contexts, users, groups and the like.
    Data,
    /// What XML Schema says about instances: `nil`.
    Instance,
    /// Anything else, also no namespace.
    Other,
}

impl From<&str> for Space {
    fn from(uri: &str) -> Self {
        match uri {
            "http://schemas.xmlsoap.org/soap/envelope/" => Self::Soap,
            "http://soap.admin.openexchange.com" | "http://soap.copy.user.admin.openexchange.com" => Self::Operation,
            "http://dataobjects.soap.admin.openexchange.com/xsd" => Self::Data,
            "http://www.w3.org/2001/XMLSchema-instance" => Self::Instance,
            _ => Self::Other,
        }
    }
}

/// The attributes of a nil element as the server writes them, some hundred times for each user. They are recognised as a
/// whole; whatever looks different is read attribute by attribute.
const NIL: &str = r#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true""#;

/// The namespace declarations in force. A namespace is looked at once, where it is declared.
#[derive(Default)]
struct Scopes(Vec<(usize, Cow<'static, str>, Space)>);

impl Scopes {
    fn declare(&mut self, depth: usize, prefix: impl Into<Cow<'static, str>>, space: Space) {
        self.0.push((depth, prefix.into(), space));
    }

    /// Forgets what was declared deeper.
    fn leave(&mut self, depth: usize) {
        while self.0.last().is_some_and(|(declared, ..)| *declared > depth) {
            self.0.pop();
        }
    }

    fn find(&self, prefix: &str) -> Space {
        self.0.iter().rev().find(|(_, known, _)| known == prefix).map_or(Space::Other, |(.., space)| *space)
    }
}

/// A start tag.
pub struct Element<'x> {
    start: BytesStart<'x>,
    space: Space,
    nil: bool,
    /// Whether it was `<x/>`: there is nothing left to read.
    closed: bool,
}

impl Element<'_> {
    /// Its name without prefix.
    pub fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }

    /// Whether it is this element.
    pub fn is(&self, space: Space, name: &str) -> bool {
        self.space == space && self.name() == name
    }

    /// Its name as a field of a data object; empty if it is none or nil, which makes it match nothing.
    pub fn field(&self) -> &str {
        if self.nil || self.space != Space::Data { "" } else { self.name() }
    }

    /// Whether it says "no value", which is not the same as an empty one.
    pub fn is_nil(&self) -> bool {
        self.nil
    }
}

/// A position in a document.
pub struct Reader<'x> {
    xml: quick_xml::Reader<&'x [u8]>,
    depth: usize,
    scopes: Scopes,
}

impl<'x> Reader<'x> {
    fn new(xml: &'x str) -> Self {
        Self { xml: quick_xml::Reader::from_str(xml), depth: 0, scopes: Scopes::default() }
    }

    /// The next tag below an element at this depth, or none after the last one.
    fn child(&mut self, depth: usize) -> Result<Option<Element<'x>>, Unreadable> {
        loop {
            match self.xml.read_event()? {
                Event::Start(start) => {
                    self.depth += 1;
                    return Ok(Some(self.element(start, false, self.depth)?));
                }
                Event::Empty(start) => {
                    let element = self.element(start, true, self.depth + 1)?;
                    self.scopes.leave(self.depth);
                    return Ok(Some(element));
                }
                Event::End(_) => {
                    self.up();
                    if self.depth < depth {
                        return Ok(None);
                    }
                }
                Event::Eof if depth == 0 => return Ok(None),
                Event::Eof => return Err(Unreadable::new("it ends too early")),
                Event::DocType(_) => return Err(Unreadable::new("it has a document type, which SOAP forbids")),
                _ => {}
            }
        }
    }

    fn up(&mut self) {
        self.depth -= 1;
        self.scopes.leave(self.depth);
    }

    fn element(&mut self, start: BytesStart<'x>, closed: bool, depth: usize) -> Result<Element<'x>, Unreadable> {
        let nil = match start.attributes_raw() {
            "" => false,
            NIL => {
                self.scopes.declare(depth, "xsi", Space::Instance);
                true
            }
            _ => self.attributes(&start, depth)?,
        };
        let prefix = start.name().prefix().map_or("", |prefix| prefix.into_inner());
        let space = self.scopes.find(prefix);
        Ok(Element { start, space, nil, closed })
    }

    /// Takes the declarations of an element over. Answers whether it is nil.
    fn attributes(&mut self, start: &BytesStart<'x>, depth: usize) -> Result<bool, Unreadable> {
        let mut nil = None;
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(quick_xml::Error::from)?;
            match attribute.key.as_namespace_binding() {
                Some(PrefixDeclaration::Default) => self.scopes.declare(depth, "", Space::from(&*attribute.value)),
                Some(PrefixDeclaration::Named(prefix)) => {
                    self.scopes.declare(depth, prefix.to_owned(), Space::from(&*attribute.value));
                }
                None if attribute.key.local_name().into_inner() == "nil" => {
                    nil = attribute.key.prefix().zip(Some(matches!(&*attribute.value, "true" | "1")));
                }
                None => {}
            }
        }
        // The declaration of its prefix may come after it.
        Ok(nil.is_some_and(|(prefix, nil)| nil && self.scopes.find(prefix.into_inner()) == Space::Instance))
    }

    /// Visits the children of an element. What `visit` leaves unread of a child is skipped.
    pub fn children(
        &mut self,
        parent: &Element<'x>,
        mut visit: impl FnMut(&mut Self, &Element<'x>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        if parent.closed {
            return Ok(());
        }
        let depth = self.depth;
        while let Some(child) = self.child(depth)? {
            visit(self, &child)?;
            self.leave(depth)?;
        }
        Ok(())
    }

    /// Skips to the end of whatever is open below `depth`.
    fn leave(&mut self, depth: usize) -> Result<(), Unreadable> {
        while self.depth > depth {
            let inner = self.depth;
            while self.child(inner)?.is_some() {}
        }
        Ok(())
    }

    /// The text of an element. White space is kept; an empty element is the empty text.
    pub fn text(&mut self, element: &Element<'x>) -> Result<Cow<'x, str>, Unreadable> {
        let mut text = Cow::Borrowed("");
        if element.closed {
            return Ok(text);
        }
        loop {
            match self.xml.read_event()? {
                Event::Text(part) => append(&mut text, part.xml10_content()),
                Event::CData(part) => append(&mut text, part.xml10_content()),
                Event::GeneralRef(reference) => {
                    let c = match reference.resolve_char_ref()? {
                        Some(c) => c,
                        None => match &*reference {
                            "amp" => '&',
                            "lt" => '<',
                            "gt" => '>',
                            "quot" => '"',
                            "apos" => '\'',
                            _ => return Err(Unreadable::new("it has an unknown entity")),
                        },
                    };
                    text.to_mut().push(c);
                }
                Event::End(_) => {
                    self.up();
                    return Ok(text);
                }
                Event::Start(_) | Event::Empty(_) => {
                    return Err(Unreadable::new(format!("{} holds elements instead of a text", element.name())));
                }
                Event::Eof => return Err(Unreadable::new("it ends too early")),
                _ => {}
            }
        }
    }

    /// A number.
    pub fn number<T: FromStr>(&mut self, element: &Element<'x>) -> Result<T, Unreadable> {
        let text = self.text(element)?;
        text.trim().parse().map_err(|_| Unreadable::new(format!("{} is no number that fits", element.name())))
    }

    /// A truth value.
    pub fn flag(&mut self, element: &Element<'x>) -> Result<bool, Unreadable> {
        match self.text(element)?.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(Unreadable::new(format!("{} is no truth value", element.name()))),
        }
    }
}

/// Joins texts; the first one stays borrowed, so that a text without references costs one copy at most.
fn append<'x>(text: &mut Cow<'x, str>, part: Cow<'x, str>) {
    if text.is_empty() {
        *text = part;
    } else {
        text.to_mut().push_str(&part);
    }
}

/// A SOAP fault as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct SoapFault {
    /// `Client`, `Server`, `VersionMismatch` …: the fault code without prefix.
    pub code: String,
    /// The text. Can hold personal data, so it is shown nowhere.
    pub text: String,
    /// The local name of the first element in the detail: the class of the exception.
    pub detail: Option<String>,
}

impl fmt::Debug for SoapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoapFault({}, {})", self.code, self.detail.as_deref().unwrap_or("no detail"))
    }
}

/// The body of an answer.
pub struct Answer<'x> {
    reader: Reader<'x>,
    response: Option<Element<'x>>,
}

/// What the body of an answer holds.
pub enum Body<'x> {
    /// The answer of an operation.
    Answer(Answer<'x>),
    /// A fault.
    Fault(SoapFault),
}

impl<'x> Body<'x> {
    /// Reads up to the first element in the SOAP body, and faults as a whole.
    pub fn open(xml: &'x str) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(xml);
        let envelope = reader.child(0)?.filter(|e| e.is(Space::Soap, "Envelope") && !e.closed);
        if envelope.is_none() {
            return Err(Unreadable::new("it is no SOAP envelope"));
        }
        let depth = reader.depth;
        loop {
            let part = reader.child(depth)?.ok_or_else(|| Unreadable::new("it has no SOAP body"))?;
            if part.is(Space::Soap, "Body") {
                let inner = reader.depth;
                let response = if part.closed { None } else { reader.child(inner)? };
                return match response {
                    Some(fault) if fault.is(Space::Soap, "Fault") => Ok(Self::Fault(read_fault(&mut reader, &fault)?)),
                    response => Ok(Self::Answer(Answer { reader, response })),
                };
            }
            reader.leave(depth)?;
        }
    }
}

fn read_fault<'x>(reader: &mut Reader<'x>, fault: &Element<'x>) -> Result<SoapFault, Unreadable> {
    let mut found = SoapFault { code: String::new(), text: String::new(), detail: None };
    reader.children(fault, |reader, part| {
        match part.name() {
            "faultcode" => {
                let code = reader.text(part)?;
                code.rsplit(':').next().unwrap_or_default().clone_into(&mut found.code);
            }
            "faultstring" => found.text = reader.text(part)?.into_owned(),
            "detail" => reader.children(part, |_, exception| {
                found.detail.get_or_insert_with(|| exception.name().to_owned());
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

impl<'x> Answer<'x> {
    /// Checks that this is the answer of that operation: `<operation>Response`, or an empty body.
    pub(super) fn check(&self, operation: &str) -> Result<(), Unreadable> {
        match &self.response {
            Some(response) if response.name().strip_suffix("Response") != Some(operation) => {
                Err(Unreadable::new("it is the answer of another operation"))
            }
            _ => Ok(()),
        }
    }

    /// Visits each `return`.
    pub fn each(
        &mut self,
        mut visit: impl FnMut(&mut Reader<'x>, &Element<'x>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let Some(response) = &self.response else {
            return Ok(());
        };
        self.reader.children(response, |reader, child| {
            if child.name() == "return" && !child.is_nil() { visit(reader, child) } else { Ok(()) }
        })
    }

    /// Collects each `return`.
    pub fn list<T>(
        &mut self,
        mut visit: impl FnMut(&mut Reader<'x>, &Element<'x>) -> Result<T, Unreadable>,
    ) -> Result<Vec<T>, Unreadable> {
        let mut found = Vec::new();
        self.each(|reader, element| {
            found.push(visit(reader, element)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The one `return`.
    pub fn one<T>(
        &mut self,
        visit: impl FnMut(&mut Reader<'x>, &Element<'x>) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        self.list(visit)?.pop().ok_or_else(|| Unreadable::new("it holds no result"))
    }

    /// The `id` in the one `return`, of which nothing else is wanted.
    pub fn one_id(&mut self) -> Result<u32, Unreadable> {
        self.one(read_id)
    }
}

/// The `id` of a data object, of which nothing else is wanted.
pub fn read_id<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<u32, Unreadable> {
    let mut id = None;
    reader.children(object, |reader, child| {
        if child.field() == "id" {
            id = Some(reader.number(child)?);
        }
        Ok(())
    })?;
    id.ok_or_else(|| Unreadable::new("an object has no id"))
}
