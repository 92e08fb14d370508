//! Values of the wire and records of them.

use super::schema::Type;

/// What an element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An item with `xsi:nil="true"`; only in lists, a scalar that is nil is simply not set.
    Nil,
    /// Text, date (`2008-02-29`) or base64.
    Text(Box<str>),
    /// `int` and `long`.
    Number(i64),
    /// `boolean`.
    Flag(bool),
    /// A nested type.
    Object(Box<Record>),
    /// The items of a field that may come several times.
    List(Vec<Value>),
}

impl Value {
    /// A text value.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub fn texts<I, T>(items: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<Box<str>>,
    {
        Self::List(items.into_iter().map(|item| Self::Text(item.into())).collect())
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The record, if it is one.
    pub fn as_object(&self) -> Option<&Record> {
        match self {
            Self::Object(record) => Some(record),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub const fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// The set fields of one object, in schema order; everything else is absent.
#[derive(Clone, Debug)]
pub struct Record {
    kind: &'static Type,
    slots: Vec<(u16, Value)>,
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.kind, other.kind) && self.slots == other.slots
    }
}

impl Eq for Record {}

impl Record {
    /// A record without any field.
    pub const fn new(kind: &'static Type) -> Self {
        Self { kind, slots: Vec::new() }
    }

    /// The type of the record.
    pub const fn kind(&self) -> &'static Type {
        self.kind
    }

    /// The set fields with their place in the type.
    pub fn slots(&self) -> &[(u16, Value)] {
        &self.slots
    }

    /// Whether no field is set.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The value of a field; `None` if it is absent or the type does not have it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.at(self.kind.position(name)?)
    }

    /// The value at a place of the type.
    pub fn at(&self, position: u16) -> Option<&Value> {
        let slot = self.slots.binary_search_by_key(&position, |slot| slot.0).ok()?;
        self.slots.get(slot).map(|slot| &slot.1)
    }

    /// The text of a field.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    /// The text of a field, if it is present and not empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The number of a field.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_number()
    }

    /// The truth value of a field.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The nested record of a field.
    pub fn object(&self, name: &str) -> Option<&Record> {
        self.get(name)?.as_object()
    }

    /// The items of a list field; empty if it is absent.
    pub fn list(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// The texts of a list field without nil items.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.list(name).iter().filter_map(Value::as_text)
    }

    /// The records of a list field.
    pub fn objects(&self, name: &str) -> impl Iterator<Item = &Record> {
        self.list(name).iter().filter_map(Value::as_object)
    }

    /// Whether the field is present, with whatever value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a field; a name the type does not have is ignored.
    pub fn set(&mut self, name: &str, value: Value) {
        if let Some(position) = self.kind.position(name) {
            self.set_at(position, value);
        }
    }

    /// Sets a field by its place in the type.
    pub fn set_at(&mut self, position: u16, value: Value) {
        // Requests and tables are written in schema order nearly always: appending is the usual case.
        if self.slots.last().is_none_or(|last| last.0 < position) {
            self.slots.push((position, value));
            return;
        }
        match self.slots.binary_search_by_key(&position, |slot| slot.0) {
            Ok(slot) => self.slots[slot].1 = value,
            Err(slot) => self.slots.insert(slot, (position, value)),
        }
    }

    /// Adds an item to a list field.
    pub fn push_at(&mut self, position: u16, value: Value) {
        if let Some((last, Value::List(items))) = self.slots.last_mut()
            && *last == position
        {
            items.push(value);
            return;
        }
        match self.slots.binary_search_by_key(&position, |slot| slot.0) {
            Ok(slot) => {
                if let Value::List(items) = &mut self.slots[slot].1 {
                    items.push(value);
                }
            }
            Err(slot) => self.slots.insert(slot, (position, Value::List(vec![value]))),
        }
    }

    /// Sets a text field.
    pub fn set_text(&mut self, name: &str, text: impl Into<Box<str>>) {
        self.set(name, Value::text(text));
    }

    /// Sets a number field.
    pub fn set_number(&mut self, name: &str, number: i64) {
        self.set(name, Value::Number(number));
    }

    /// Sets a truth field.
    pub fn set_flag(&mut self, name: &str, flag: bool) {
        self.set(name, Value::Flag(flag));
    }

    /// Removes a field and gives its value.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let position = self.kind.position(name)?;
        let slot = self.slots.binary_search_by_key(&position, |slot| slot.0).ok()?;
        Some(self.slots.remove(slot).1)
    }

    /// Removes a nested record from the field and gives it.
    pub fn take_object(&mut self, name: &str) -> Option<Record> {
        match self.take(name)? {
            Value::Object(record) => Some(*record),
            _ => None,
        }
    }

    /// Sets the field if it is absent.
    pub fn default_to(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if !self.has(name) {
            self.set(name, value());
        }
    }

    /// The same fields as another type of the same family, for example a user of the context service as one of the
    /// user service; fields that the other type does not have are dropped.
    pub fn into_kind(self, kind: &'static Type) -> Self {
        if std::ptr::eq(self.kind, kind) {
            return self;
        }
        let mut record = Self::new(kind);
        for (position, value) in self.slots {
            record.set(self.kind.field(position).name, value);
        }
        record
    }
}
