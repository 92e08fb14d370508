//! The objects of a list, one after the other while the answer arrives.
//!
//! A list of 10,000 users is one JSON document of 41 MB. Only the element that is arriving is kept: this finds where the elements
//! of `_embedded."udm:object"` begin and end, and leaves everything else to the JSON parser.

use std::collections::VecDeque;

/// The answer is no list of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoList {
    /// It does not begin like a JSON object.
    #[error("it is no JSON")]
    NoJson,
    /// Its brackets do not fit.
    #[error("its JSON is broken")]
    Broken,
    /// It ended before its end.
    #[error("it broke off")]
    CutOff,
    /// It holds another number of objects than it says.
    #[error("it says that it holds {said} objects, but it holds {held}")]
    Count {
        /// What `results` says.
        said: u64,
        /// What came.
        held: u64,
    },
    /// One object is larger than any real one.
    #[error("one object in it has more than {} MiB", MOST >> 20)]
    TooLarge,
}

/// An object of this size is none: a group with 100,000 members has 10 MB.
const MOST: usize = 64 << 20;
/// How deep an element stands: in the list, in `_embedded`, in the document.
const DEPTH: usize = 3;

/// Cuts an answer into the objects of the list in it.
#[derive(Debug, Default)]
pub struct Elements {
    /// The open brackets.
    open: Vec<u8>,
    text: Text,
    /// The text that was read last, if it may be a key, and the keys of the two levels above the list.
    last: Vec<u8>,
    keys: [Vec<u8>; 2],
    /// The beginning of the element that is arriving.
    element: Vec<u8>,
    /// The digits of `results`.
    results: Vec<u8>,
    held: u64,
    begun: bool,
}

/// Whether the next sign is part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    Escaped,
}

impl Elements {
    /// Takes the next part of the answer. Complete objects go to `found`, each as a JSON document.
    pub fn feed(&mut self, bytes: &[u8], found: &mut VecDeque<Vec<u8>>) -> Result<(), NoList> {
        // Where the part of the element begins that is in these bytes.
        let mut start = (self.open.len() > DEPTH && self.in_list()).then_some(0);
        for (at, &byte) in bytes.iter().enumerate() {
            match self.text {
                Text::Escaped => self.text = Text::Inside,
                Text::Inside => match byte {
                    b'\\' => self.text = Text::Escaped,
                    b'"' => self.text = Text::Outside,
                    _ if self.open.len() < DEPTH => self.last.push(byte),
                    _ => {}
                },
                Text::Outside => match byte {
                    b'"' => {
                        self.text = Text::Inside;
                        self.last.clear();
                    }
                    b':' => self.note_key(),
                    b'{' | b'[' => {
                        if self.open.len() == DEPTH && self.in_list() {
                            start = Some(at);
                        }
                        self.begun = true;
                        self.open.push(byte);
                    }
                    b'}' | b']' => {
                        // `{` and `[` stand two before their counterparts in ASCII.
                        if self.open.pop() != Some(byte - 2) {
                            return Err(NoList::Broken);
                        }
                        if let Some(start) = start.take_if(|_| self.open.len() == DEPTH) {
                            self.element.extend_from_slice(bytes.get(start..=at).unwrap_or_default());
                            found.push_back(std::mem::take(&mut self.element));
                            self.held += 1;
                        }
                    }
                    _ if byte.is_ascii_whitespace() => {}
                    // The document has not begun, or has ended.
                    _ if self.open.is_empty() => return Err(NoList::NoJson),
                    _ if byte.is_ascii_digit() && self.open.len() == 1 && self.keys[0] == b"results" => {
                        self.results.push(byte);
                    }
                    _ => {}
                },
            }
        }
        if let Some(start) = start {
            self.element.extend_from_slice(bytes.get(start..).unwrap_or_default());
            if self.element.len() > MOST {
                return Err(NoList::TooLarge);
            }
        }
        Ok(())
    }

    /// The answer has ended.
    pub fn finish(&self) -> Result<(), NoList> {
        if !self.open.is_empty() || !self.begun {
            return Err(NoList::CutOff);
        }
        let said = std::str::from_utf8(&self.results).ok().and_then(|digits| digits.parse().ok());
        match said {
            Some(said) if said != self.held => Err(NoList::Count { said, held: self.held }),
            _ => Ok(()),
        }
    }

    fn note_key(&mut self) {
        if let Some(key) = self.open.len().checked_sub(1).and_then(|level| self.keys.get_mut(level)) {
            std::mem::swap(key, &mut self.last);
        }
    }

    /// Whether the third bracket is that of the list.
    fn in_list(&self) -> bool {
        self.open.get(..DEPTH) == Some(b"{{[") && self.keys[0] == b"_embedded" && self.keys[1] == b"udm:object"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn cut(text: &[u8], parts: usize) -> Result<Vec<Value>, NoList> {
        let (mut elements, mut found) = (Elements::default(), VecDeque::new());
        for part in text.chunks(parts.max(1)) {
            elements.feed(part, &mut found)?;
        }
        elements.finish()?;
        Ok(found.iter().map(|element| serde_json::from_slice(element).unwrap()).collect())
    }

    fn list(objects: &[Value]) -> Value {
        json!({
            "_links": {"self": [{"href": "http://a/\"{[", "udm:object": [{"no": 1}]}]},
            "_embedded": {"udm:warning": [{"no": 2}], "udm:object": objects},
            "results": objects.len(),
        })
    }

    #[test]
    fn an_empty_list_has_no_key() {
        for empty in [json!({"results": 0, "_embedded": {}}), json!({}), list(&[])] {
            assert_eq!(cut(empty.to_string().as_bytes(), 7), Ok(vec![]));
        }
    }

    #[test]
    fn what_is_no_list_is_said() {
        let whole = list(&[json!({"a": "}"}), json!({"b": {}})]).to_string();
        for end in 0..whole.len() {
            assert_eq!(cut(&whole.as_bytes()[..end], 5), Err(NoList::CutOff), "{}", &whole[..end]);
        }
        assert_eq!(cut(b"<html>", 100), Err(NoList::NoJson));
        assert_eq!(cut(b"\"busy\"", 100), Err(NoList::CutOff), "a text alone");
        assert_eq!(cut(b"{]", 100), Err(NoList::Broken));
        assert_eq!(cut(br#"{"results": 2}"#, 100), Err(NoList::Count { said: 2, held: 0 }));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::btree_map(any::<String>(), value(), 0..5)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn however_it_arrives_the_objects_are_the_same(
            objects in prop::collection::vec(object(), 0..6), parts in 1..40_usize, pretty: bool
        ) {
            let document = list(&objects);
            let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
            prop_assert_eq!(cut(text.as_bytes(), parts), Ok(objects));
        }
    }
}
