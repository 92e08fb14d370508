//! Moves that go on after the answer.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Call;
use super::errors::Fault;
use super::links::Link;
use crate::simulator::nubus::directory::{Kind, Object};
use crate::simulator::nubus::reply::Reply;

/// How a move stands.
#[derive(Clone, Debug)]
enum Stage {
    /// Not told to be over yet; what it will become.
    Running(Box<Stage>),
    /// Over; where the object is.
    Finished(String),
    /// Failed; which ones were moved (of several).
    Failed(Option<Vec<String>>),
}

/// The moves that somebody may still ask for.
#[derive(Debug, Default)]
pub struct Progress(HashMap<String, Stage>);

/// Moves a container: 202.
pub fn begin(call: &Call<'_>, object: &Arc<Object>, position: &str) -> Reply {
    let moved = call.shared.change(|directory| directory.relocate(&object.dn, position));
    let stage = match moved {
        Ok(moved) => Stage::Finished(call.url(object.kind, &moved)),
        Err(_) => Stage::Failed(None),
    };
    let (id, location) = note(call, stage);
    let mut headers = Call::validators(object);
    headers.push(("Location", location));
    headers.push(("Cache-Control", "private, must-revalidate".to_owned()));
    call.small(202, headers, &[("id", json!(id)), ("finished", json!(false)), ("errors", json!(false))])
}

/// Moves several objects: 202 without a body; stops at the first one that fails.
pub fn begin_many(call: &Call<'_>, kind: Kind, names: &[&str], position: &str) -> Reply {
    let mut moved = Vec::new();
    let mut stage = Stage::Finished(format!("{}/{kind}/", call.root));
    for name in names {
        if call.shared.change(|directory| directory.relocate(name, position)).is_err() {
            stage = Stage::Failed(Some(moved));
            break;
        }
        moved.push((*name).to_owned());
    }
    let (_, location) = note(call, stage);
    let headers = vec![("Location", location), ("Cache-Control", "private, must-revalidate".to_owned())];
    call.answer(202, headers, &[], Vec::new())
}

fn note(call: &Call<'_>, stage: Stage) -> (String, String) {
    let id = call.shared.with_directory(|directory| directory.new_identifier());
    let stage = Stage::Running(Box::new(stage));
    call.shared.with_world(|world| world.progress.0.insert(id.clone(), stage));
    let location = format!("{}/progress/{id}", call.root);
    (id, location)
}

/// `GET ./progress/<id>`: once running, then over; a failed one says so for ever.
pub fn get(call: &Call<'_>, id: &str) -> Reply {
    let stage = call.shared.with_world(|world| {
        let stage = world.progress.0.get(id).cloned()?;
        match &stage {
            Stage::Running(next) => drop(world.progress.0.insert(id.to_owned(), (**next).clone())),
            Stage::Finished(_) => drop(world.progress.0.remove(id)),
            Stage::Failed(_) => {}
        }
        Some(stage)
    });
    let cache = ("Cache-Control", "private, must-revalidate, no-cache, no-store".to_owned());
    let again = |fields: &[(&str, Value)]| {
        let headers = vec![("Location", call.here()), ("Retry-After", "1".to_owned()), cache.clone()];
        call.small(301, headers, fields)
    };
    match stage {
        None => call.refuse(Fault::not_found()),
        Some(Stage::Running(_)) => again(&[("id", json!(id)), ("finished", json!(false)), ("errors", json!(false))]),
        Some(Stage::Failed(moved)) => {
            let mut fields = vec![("id", json!(id)), ("finished", json!(true)), ("errors", json!(true))];
            fields.extend(moved.map(|moved| ("moved", json!(moved))));
            fields.push(("traceback", json!("(traceback left out)")));
            again(&fields)
        }
        Some(Stage::Finished(uri)) => {
            let headers = vec![("Location", uri.clone()), cache.clone()];
            let fields = [("id", json!(id)), ("finished", json!(true)), ("errors", json!(false)), ("uri", json!(uri))];
            call.small_with(303, headers, &fields, vec![Link::new("self", uri)])
        }
    }
}
