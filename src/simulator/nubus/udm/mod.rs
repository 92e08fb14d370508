//! The UDM REST API (`udm-rest.md`).

mod body;
mod call;
mod conditions;
mod errors;
mod links;
mod list;
mod patch;
mod progress;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

pub use progress::Progress;

use self::call::Call;
use self::errors::Fault;
use super::directory::Kind;
use super::faults::Place;
use super::reply::Reply;
use super::server::{Shared, with_faults};
use crate::simulator::http::{Request, decode};

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Root,
    Base,
    Any(String),
    Progress(String),
    List(Kind),
    Template(Kind),
    Move(Kind),
    Object(Kind, String),
    Nowhere,
}

/// Answers a request for a path behind the base.
pub async fn handle(shared: &Arc<Shared>, request: &Request, base: &str, path: &str) -> Reply {
    let route = route(path);
    let call = match Call::begin(shared, request, base, path).await {
        Ok(call) => call,
        Err(reply) => {
            shared.ledger.answer("udm", &reply.outcome());
            return reply;
        }
    };
    let (name, reply) = match (request.method.as_str(), &route) {
        ("GET", Route::List(kind)) => {
            let place = list::is_search(&call).then_some(Place::UdmSearch);
            let work = list::list(&call, shared, *kind);
            ("udm-search", run(&call, place, Some(*kind), work).await)
        }
        ("GET", Route::Object(kind, dn)) => {
            let work = async { read::object(&call, *kind, dn) };
            ("udm-get", run(&call, Some(Place::UdmGet), Some(*kind), work).await)
        }
        ("GET", Route::Any(wanted)) => {
            let work = async { read::by_any(&call, wanted) };
            ("udm-get", run(&call, Some(Place::UdmGet), None, work).await)
        }
        ("GET", Route::Root) => ("udm", run(&call, None, None, async { read::root(&call) }).await),
        ("GET", Route::Base) => ("udm", run(&call, None, None, async { read::base(&call) }).await),
        ("GET", Route::Template(kind)) => ("udm", run(&call, None, None, async { read::template(&call, *kind) }).await),
        ("GET", Route::Progress(id)) => ("udm", run(&call, None, None, async { progress::get(&call, id) }).await),
        (_, Route::Nowhere) => ("udm", call.refuse(Fault::not_found())),
        (method, route) => {
            let kind = match route {
                Route::List(kind) | Route::Move(kind) | Route::Object(kind, _) => Some(*kind),
                _ => None,
            };
            let work = async { write(&call, method, route).unwrap_or_else(|fault| call.refuse(fault)) };
            ("udm-write", run(&call, Some(Place::UdmWrite), kind, work).await)
        }
    };
    shared.ledger.answer(name, &reply.outcome());
    reply
}

fn write(call: &Call<'_>, method: &str, route: &Route) -> Result<Reply, Fault> {
    let is_patch = call.request.content_type.starts_with("application/json-patch+json");
    match (method, route) {
        ("POST", Route::List(kind)) => write::create(call, *kind),
        ("POST", Route::Move(kind)) => write::move_many(call, *kind),
        ("PATCH", Route::Object(kind, dn)) if is_patch => patch::modify(call, *kind, dn),
        ("PATCH", Route::Object(kind, dn)) => write::modify(call, *kind, dn),
        ("PUT", Route::Object(kind, dn)) => write::put(call, *kind, dn),
        ("DELETE", Route::Object(kind, dn)) => write::delete(call, *kind, dn),
        _ => Err(Fault::new(405, "HTTP 405: Method Not Allowed")),
    }
}

async fn run(call: &Call<'_>, place: Option<Place>, kind: Option<Kind>, work: impl Future<Output = Reply>) -> Reply {
    tokio::time::sleep(Duration::from_millis(call.shared.options().latency.udm)).await;
    let Some(place) = place else { return work.await };
    let held = async {
        let reply = work.await;
        call.shared.pauses.pass(place).await;
        reply
    };
    let refuse = |action: &_| errors::refusal(call, action);
    with_faults(call.shared, place, kind.map(Kind::name), refuse, held).await
}

/// Where a path leads, still encoded. Collections end with a slash, objects do not.
fn route(path: &str) -> Route {
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.is_empty() {
        return Route::Root;
    }
    let mut parts = path.splitn(3, '/');
    let (first, second, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let tail = path.split_once('/').map_or("", |(_, tail)| tail);
    match (first, second, rest) {
        ("object", Some(_), _) if !tail.is_empty() => Route::Any(name(tail)),
        ("progress", Some(id), None) if !id.is_empty() => Route::Progress(id.to_owned()),
        ("ldap", Some("base"), Some("")) => Route::Base,
        (group, Some(kind), Some(rest)) => match (Kind::named(&format!("{group}/{kind}")), rest) {
            (None, _) => Route::Nowhere,
            (Some(kind), "") => Route::List(kind),
            (Some(kind), "add") => Route::Template(kind),
            (Some(kind), "move") => Route::Move(kind),
            (Some(_), rest) if rest.starts_with('/') || rest.ends_with('/') => Route::Nowhere,
            (Some(kind), rest) => Route::Object(kind, name(rest)),
        },
        _ => Route::Nowhere,
    }
}

/// A distinguished name in a path: clients write `//` as `,=/=,`.
fn name(text: &str) -> String {
    decode(text).replace(",=/=,", "//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_collections_and_objects() {
        let object = |dn: &str| Route::Object(Kind::User, dn.to_owned());
        let table = [
            ("/", Route::Root),
            ("/users/user/", Route::List(Kind::User)),
            ("/users/user", Route::Nowhere),
            ("/users/user//", Route::Nowhere),
            ("/users/", Route::Nowhere),
            ("/users/user/uid%3Da%2Cdc%3Dx", object("uid=a,dc=x")),
            ("/users/user/uid=a/b,dc=x", object("uid=a/b,dc=x")),
            ("/users/user/uid=a%2Fb,dc=x", object("uid=a/b,dc=x")),
            ("/users/user/uid=a,dc=x/", Route::Nowhere),
            ("/users/user/add", Route::Template(Kind::User)),
            ("/object/41ce9bf4", Route::Any("41ce9bf4".to_owned())),
            ("/object/uid%3Da%2Cdc%3Dx", Route::Any("uid=a,dc=x".to_owned())),
            ("/ldap/base/", Route::Base),
            ("/progress/1", Route::Progress("1".to_owned())),
            ("/nope/nope/", Route::Nowhere),
        ];
        for (path, expected) in table {
            assert_eq!(route(path), expected, "{path}");
        }
    }
}
