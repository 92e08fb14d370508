//! Prepared texts: a user has 137 fields, most of them nil, and each nil element takes about 80 bytes.

use super::{Absent, Ns, Type};

/// Opening and closing tags of all fields of a type and one text with all its nil elements.
#[derive(Debug)]
pub struct Texts {
    tags: Vec<(String, String)>,
    nil: Vec<String>,
    absent: String,
    offsets: Vec<usize>,
}

impl Texts {
    pub(super) fn new(kind: &Type, prefixed: bool) -> Self {
        let prefix = match kind.ns {
            Ns::Rmi => "ns3:",
            _ if prefixed => "ns2:",
            _ => "",
        };
        let mut texts = Self { tags: Vec::new(), nil: Vec::new(), absent: String::new(), offsets: vec![0] };
        for field in &kind.fields {
            let name = field.name;
            let nil =
                format!("<{prefix}{name} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/>");
            match field.absent {
                Absent::Nil => texts.absent.push_str(&nil),
                Absent::Omitted => {}
                Absent::Empty => texts.absent.extend(["<", prefix, name, "/>"]),
            }
            texts.offsets.push(texts.absent.len());
            texts.tags.push((format!("<{prefix}{name}>"), format!("</{prefix}{name}>")));
            texts.nil.push(nil);
        }
        texts
    }

    /// The text of the absent fields from one place up to (not including) another: one copy for a whole run.
    pub fn absent(&self, from: usize, to: usize) -> &str {
        &self.absent[self.offsets[from]..self.offsets[to]]
    }

    /// The opening tag of a field.
    pub fn open(&self, position: u16) -> &str {
        &self.tags[usize::from(position)].0
    }

    /// The closing tag of a field.
    pub fn close(&self, position: u16) -> &str {
        &self.tags[usize::from(position)].1
    }

    /// The field as a nil element.
    pub fn nil(&self, position: u16) -> &str {
        &self.nil[usize::from(position)]
    }
}
