//! XML as a tree, and its differences.

use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};

/// An element with resolved namespaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// The local name.
    pub fn local(&self) -> &str {
        self.name.rsplit('}').next().unwrap()
    }

    /// The first element with a local name below this one.
    pub fn find(&self, local: &str) -> Option<&Element> {
        self.children.iter().find_map(|child| if child.local() == local { Some(child) } else { child.find(local) })
    }

    /// The text of the first element with a local name below this one.
    pub fn text_of(&self, local: &str) -> Option<&str> {
        self.find(local).map(|element| element.text.as_str())
    }

    /// All elements with a local name below this one.
    pub fn all(&self, local: &str) -> Vec<&Element> {
        let mut found = Vec::new();
        for child in &self.children {
            if child.local() == local {
                found.push(child);
            }
            found.extend(child.all(local));
        }
        found
    }
}

fn qualified(result: &ResolveResult<'_>, local: &str) -> String {
    match result {
        ResolveResult::Bound(Namespace(uri)) => format!("{{{uri}}}{local}"),
        _ => format!("{{}}{local}"),
    }
}

/// Reads a text that is well-formed.
pub fn parse(text: &str) -> Element {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let root = Element { name: String::new(), attributes: Vec::new(), text: String::new(), children: Vec::new() };
    let mut stack = vec![root];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let (result, local) = reader.resolver().resolve_element(start.name());
                let name = qualified(&result, local.as_ref());
                let mut attributes = Vec::new();
                for attribute in start.attributes().map(Result::unwrap) {
                    if attribute.key.as_namespace_binding().is_none() {
                        let (result, local) = reader.resolver().resolve_attribute(attribute.key);
                        attributes.push((qualified(&result, local.as_ref()), attribute.value.to_string()));
                    }
                }
                stack.push(Element { name, attributes, text: String::new(), children: Vec::new() });
            }
            Event::End(_) => {
                let element = stack.pop().unwrap();
                stack.last_mut().unwrap().children.push(element);
            }
            Event::Text(text) => stack.last_mut().unwrap().text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let resolved = match &*reference {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => reference.resolve_char_ref().unwrap().unwrap(),
                };
                stack.last_mut().unwrap().text.push(resolved);
            }
            Event::Eof => return stack.pop().unwrap(),
            _ => {}
        }
    }
}

/// Where two envelopes differ beyond what is not promised.
pub fn differences(expected: &str, got: &str) -> Vec<String> {
    let (mut expected, mut got) = (parse(expected), parse(got));
    normalize(&mut expected);
    normalize(&mut got);
    let mut found = Vec::new();
    compare("", &expected, &got, &mut found);
    found
}

fn normalize(element: &mut Element) {
    for child in &mut element.children {
        normalize(child);
    }
    element.text = mask_numbers(&element.text);
    if let Some((before, list)) = element.text.split_once("Expected elements are ") {
        let mut items: Vec<&str> = list.trim().split(',').collect();
        items.sort_unstable();
        element.text = format!("{before}Expected elements are {}", items.join(","));
    }
    let local = element.local().to_owned();
    if local == "filestoreId" && element.text != "0" {
        element.text = element.text.replace(|c: char| c.is_ascii_digit(), "#");
    }
    if local == "readDatabase" || local == "writeDatabase" {
        for child in &mut element.children {
            child.text.clear();
        }
    }
    sort_run(&mut element.children, "aliases");
    sort_run(&mut element.children, "entries");
}

fn sort_run(children: &mut [Element], name: &str) {
    let Some(first) = children.iter().position(|child| child.local() == name) else { return };
    let last = children.iter().rposition(|child| child.local() == name).unwrap();
    children[first..=last].sort();
}

/// `exceptionId -12-3` and `exceptionID=-12-3` without their numbers.
fn mask_numbers(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("exceptionI") {
        let start = at + "exceptionId ".len();
        masked.push_str(&rest[..start]);
        masked.push('#');
        rest = rest[start..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    }
    masked + rest
}

fn compare(path: &str, expected: &Element, got: &Element, found: &mut Vec<String>) {
    let path = format!("{path}/{}", expected.local());
    if expected.name != got.name {
        found.push(format!("{path}: expected element {}, got {}", expected.name, got.name));
        return;
    }
    if expected.attributes != got.attributes {
        found.push(format!("{path}: expected attributes {:?}, got {:?}", expected.attributes, got.attributes));
    }
    if expected.text != got.text {
        found.push(format!("{path}: expected text {:?}, got {:?}", expected.text, got.text));
    }
    if expected.children.len() != got.children.len() {
        let names = |element: &Element| -> Vec<String> {
            element.children.iter().map(|child| child.local().to_owned()).collect()
        };
        found.push(format!("{path}: expected children {:?}, got {:?}", names(expected), names(got)));
        return;
    }
    for (expected, got) in expected.children.iter().zip(&got.children) {
        compare(&path, expected, got, found);
    }
}
