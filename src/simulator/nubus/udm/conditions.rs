//! Conditional requests.

use super::call::Call;
use super::errors::Fault;
use crate::simulator::nubus::directory::Object;

/// What the condition fields of a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Go on.
    Proceed,
    /// The client has it already.
    NotModified,
}

/// A list of entity tags.
enum Tags<'a> {
    Any,
    These(Vec<&'a str>),
}

impl<'a> Tags<'a> {
    /// Reads a field; `None` for wrong syntax, also a tag without quotes.
    fn read(text: &'a str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let strong = |tag: &'a str| {
            let tag = tag.trim();
            tag.strip_prefix("W/").unwrap_or(tag)
        };
        let sound = |tag: &&str| tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"');
        let tags: Vec<&str> = text.split(',').map(strong).collect();
        tags.iter().all(sound).then_some(Self::These(tags))
    }

    fn holds(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.contains(&tag),
        }
    }
}

/// Checks a reading request against a tag.
pub fn reading(call: &Call<'_>, tag: &str) -> Result<Outcome, Fault> {
    let Some(wanted) = call.request.header("if-none-match") else { return Ok(Outcome::Proceed) };
    let tags = Tags::read(wanted).ok_or_else(|| syntax("If-None-Match"))?;
    Ok(if tags.holds(tag) { Outcome::NotModified } else { Outcome::Proceed })
}

/// Checks a writing request; without an object everything but `If-Match` holds.
pub fn writing(call: &Call<'_>, object: Option<&Object>) -> Result<(), Fault> {
    let tag = object.map(Object::tag);
    for (field, must_match) in [("If-Match", true), ("If-None-Match", false)] {
        let Some(wanted) = call.request.header(field) else { continue };
        let tags = Tags::read(wanted).ok_or_else(|| syntax(field))?;
        let holds = tag.as_ref().is_some_and(|tag| tags.holds(tag));
        if holds != must_match {
            let tag = tag.unwrap_or_default();
            return Err(Fault::new(
                412,
                &format!(
                    "HTTP 412: Precondition Failed (The resource has meanwhile been changed. {field} {wanted} does not match \
                     entity tag {tag}.)"
                ),
            ));
        }
    }
    Ok(())
}

fn syntax(field: &str) -> Fault {
    Fault::new(400, &format!("HTTP 400: Bad Request (Invalid \"{field}\" syntax.)"))
}
