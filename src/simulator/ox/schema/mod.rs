//! The types of the SOAP interface as tables (`ox-soap.md` 3).
//!
//! One table drives everything: reading of requests, the fault for unknown elements, writing of answers, the WSDL and
//! the dump of the world.

mod texts;
mod types;
mod user;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use texts::Texts;
pub use types::*;
pub use user::{USER, USER_ELSEWHERE};

/// Namespaces of elements. The operation namespace depends on the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ns {
    /// Operations and their children.
    Operation,
    /// Fields of the data objects.
    Data,
    /// Fields of credentials and quotas.
    Rmi,
}

/// Namespace of the operations of all services but the user copy service.
pub const OPERATION_NS: &str = "http://soap.admin.openexchange.com";
/// Namespace of the operations of the user copy service.
pub const COPY_NS: &str = "http://soap.copy.user.admin.openexchange.com";
/// Namespace of the data objects.
pub const DATA_NS: &str = "http://dataobjects.soap.admin.openexchange.com/xsd";
/// Namespace of credentials and quotas.
pub const RMI_NS: &str = "http://dataobjects.rmi.admin.openexchange.com/xsd";

/// Parts of the interface that later versions or extra packages bring; they can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `convertguest` in the user `create`.
    ConvertGuest,
    /// `getVersion` of the util service.
    Version,
    /// The deputy permission service.
    Deputies,
    /// The shared account service.
    SharedAccounts,
    /// The user copy service.
    UserCopy,
}

/// What the text of an element means.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `xs:string`.
    Text,
    /// `xs:int`.
    Int,
    /// `xs:long`.
    Long,
    /// `xs:boolean`.
    Flag,
    /// `xs:date`.
    Date,
    /// `xs:base64Binary`.
    Binary,
    /// A nested type.
    Object(fn() -> &'static Type),
}

/// How an absent field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// `<x xsi:nil="true"/>`.
    Nil,
    /// Not at all: lists and fields that are not nillable.
    Omitted,
    /// An empty element: maps.
    Empty,
}

/// A field of a type.
#[derive(Clone, Debug)]
pub struct Field {
    /// Element name.
    pub name: &'static str,
    /// Meaning of its text.
    pub kind: Kind,
    /// Whether it may come several times.
    pub many: bool,
    /// How it is written when it is absent.
    pub absent: Absent,
    /// Internal database column and its length in characters (0: no limit).
    pub column: (&'static str, usize),
    /// Whether it is a contact field: stored whenever it is present.
    pub contact: bool,
    /// Whether only the user service knows it.
    pub only_in_user_service: bool,
    /// The feature that brings it.
    pub feature: Option<Feature>,
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            many: false,
            absent: Absent::Nil,
            column: ("", 0),
            contact: false,
            only_in_user_service: false,
            feature: None,
        }
    }

    const fn absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    const fn column(mut self, column: &'static str, limit: usize) -> Self {
        self.column = (column, limit);
        self
    }

    const fn contact(mut self) -> Self {
        self.contact = true;
        self
    }

    const fn only_in_user_service(mut self) -> Self {
        self.only_in_user_service = true;
        self
    }

    /// The field exists only with this feature.
    pub const fn with(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    /// The same field, any number of times.
    pub const fn many(mut self) -> Self {
        self.many = true;
        self.absent = Absent::Omitted;
        self
    }
}

/// A text field.
pub const fn text(name: &'static str) -> Field {
    Field::new(name, Kind::Text)
}

/// A field with any number of texts.
pub const fn texts(name: &'static str) -> Field {
    text(name).many()
}

/// A number field of 32 bits.
pub const fn int(name: &'static str) -> Field {
    Field::new(name, Kind::Int)
}

/// A number field of 64 bits.
pub const fn long(name: &'static str) -> Field {
    Field::new(name, Kind::Long)
}

/// A truth field.
pub const fn flag(name: &'static str) -> Field {
    Field::new(name, Kind::Flag)
}

/// A date field.
pub const fn date(name: &'static str) -> Field {
    Field::new(name, Kind::Date)
}

/// A field with base64 text.
pub const fn binary(name: &'static str) -> Field {
    Field::new(name, Kind::Binary)
}

/// A field with a nested type.
pub const fn object(name: &'static str, kind: fn() -> &'static Type) -> Field {
    Field::new(name, Kind::Object(kind))
}

/// A complex type.
#[derive(Debug)]
pub struct Type {
    /// Name in the WSDL.
    pub name: &'static str,
    /// Namespace of its fields.
    pub ns: Ns,
    /// Fields in schema order.
    pub fields: Vec<Field>,
    index: HashMap<&'static str, u16>,
    texts: [OnceLock<Texts>; 2],
}

impl Type {
    /// A type with these fields.
    pub fn new(name: &'static str, ns: Ns, fields: Vec<Field>) -> Self {
        let index = (0..).zip(&fields).map(|(position, field)| (field.name, position)).collect();
        Self { name, ns, fields, index, texts: [OnceLock::new(), OnceLock::new()] }
    }

    /// The place of a field.
    pub fn position(&self, name: &str) -> Option<u16> {
        self.index.get(name).copied()
    }

    /// The field at a place.
    pub fn field(&self, position: u16) -> &Field {
        &self.fields[usize::from(position)]
    }

    /// The prepared texts for answers in which the data namespace has the prefix `ns2` or none.
    pub fn texts(&self, prefixed: bool) -> &Texts {
        self.texts[usize::from(prefixed)].get_or_init(|| Texts::new(self, prefixed))
    }
}
