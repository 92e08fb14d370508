//! Searches.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::call::Call;
use super::conditions::{self, Outcome};
use super::errors::{Fault, Location, Mistake};
use super::links::{self, Link};
use super::read;
use crate::simulator::http::encode;
use crate::simulator::nubus::directory::{Filter, Json, Kind, Object, PictureShape, Scope, dn, entity_tag};
use crate::simulator::nubus::options::Pages;
use crate::simulator::nubus::reply::{Body, Reply};
use crate::simulator::nubus::server::Shared;

/// Lists up to this length are made in one piece, as on the real server; longer ones while they are sent.
const WHOLE: usize = 1000;
/// Entries of one piece.
const PIECE: usize = 200;

/// What a search asks for.
#[derive(Debug)]
struct Search {
    position: String,
    scope: Scope,
    filter: Filter,
    opened: bool,
    properties: Option<Vec<String>>,
    page: Option<Page>,
}

/// A page of a search.
#[derive(Clone, Copy, Debug)]
struct Page {
    number: usize,
    limit: usize,
}

/// `GET ./<type>/`.
pub async fn list(call: &Call<'_>, shared: &Arc<Shared>, kind: Kind) -> Reply {
    match try_list(call, shared, kind).await {
        Ok(reply) => reply,
        Err(fault) => call.refuse(fault),
    }
}

/// Whether a request makes a search: any parameter does, also an unknown one.
pub fn is_search(call: &Call<'_>) -> bool {
    !call.request.query.is_empty()
}

async fn try_list(call: &Call<'_>, shared: &Arc<Shared>, kind: Kind) -> Result<Reply, Fault> {
    if !is_search(call) {
        return Ok(finish(call, kind, &[], Vec::new(), None));
    }
    let search = Search::read(call)?;
    let latency = shared.options().latency;
    let mut found = shared.with_directory(|directory| {
        if directory.find(&search.position).is_none() {
            return Err(unknown_position(&search.position));
        }
        Ok(directory.search(kind, &search.position, search.scope, &search.filter))
    })?;
    let mut pages = Vec::new();
    if let Some(page) = search.page {
        (found, pages) = page.of(call, kind, &found)?;
    } else if found.len() > shared.options().size_limit {
        return Err(Fault::too_many(shared.options().size_limit));
    }
    if search.opened {
        shared.with_directory(|directory| found.iter().try_for_each(|object| read::sound(directory, object)))?;
    }
    let each = Duration::from_micros(latency.udm_search_object_us);
    let times = u32::try_from(found.len()).unwrap_or(u32::MAX);
    tokio::time::sleep(Duration::from_millis(latency.udm_search) + each * times).await;
    shared.ledger.count(|counters| {
        counters.udm_searches += 1;
        counters.udm_search_objects += u64::try_from(found.len()).unwrap_or_default();
    });
    let tag = tag_of(call, &found);
    if conditions::reading(call, &tag)? == Outcome::NotModified {
        return Ok(call.nothing(304, vec![("Etag", tag)]));
    }
    let entries = Entries {
        shared: Arc::clone(shared),
        root: call.root.clone(),
        properties: search.properties,
        opened: search.opened,
        found,
        next: 0,
    };
    Ok(finish(call, kind, &pages, tag.into_bytes(), Some(entries)))
}

fn finish(
    call: &Call<'_>,
    kind: Kind,
    pages: &[(&str, &str, String)],
    tag: Vec<u8>,
    entries: Option<Entries>,
) -> Reply {
    let links = links::of_list(call, kind, entries.is_some(), pages);
    let tag = String::from_utf8(tag).ok().filter(|tag| !tag.is_empty()).unwrap_or_else(|| tag_of(call, &[]));
    let headers = vec![
        ("Allow", "GET, OPTIONS, POST".to_owned()),
        ("Cache-Control", "private, must-revalidate, no-cache, no-store, max-age=1".to_owned()),
        ("Etag", tag),
    ];
    let mut body = Vec::new();
    let mut json = Json::open(&mut body);
    Link::write(&links, &mut json);
    let Some(mut entries) = entries else {
        json.field("_embedded", &json!({}));
        json.close();
        return call.answer(200, headers, &links, body);
    };
    let count = entries.found.len();
    if count == 0 {
        json.field("_embedded", &json!({}));
        json.field("results", &0);
        json.close();
        return call.answer(200, headers, &links, body);
    }
    // From here on by hand: the list may be longer than what should be in memory.
    json.key("_embedded").extend_from_slice(b"{\"udm:object\":[");
    let tail = format!("]}},\"results\":{count}}}").into_bytes();
    if count <= WHOLE {
        while let Some(piece) = entries.piece() {
            body.extend_from_slice(&piece);
        }
        body.extend_from_slice(&tail);
        return call.answer(200, headers, &links, body);
    }
    let mut first = Some(body);
    let mut last = Some(tail);
    let pieces = move || first.take().or_else(|| entries.piece()).or_else(|| last.take());
    let reply = call.answer_in_pieces(200, headers, &links, Box::new(pieces));
    debug_assert!(matches!(reply.body, Body::Pieces(_)), "a long list is made while it is sent");
    reply
}

/// The entries of an answer.
struct Entries {
    shared: Arc<Shared>,
    root: String,
    properties: Option<Vec<String>>,
    opened: bool,
    found: Vec<Arc<Object>>,
    next: usize,
}

impl Entries {
    /// The next entries as JSON, with a comma before all but the first.
    fn piece(&mut self) -> Option<Vec<u8>> {
        let rest = self.found.get(self.next..).filter(|rest| !rest.is_empty())?;
        let objects = &rest[..rest.len().min(PIECE)];
        let mut out = Vec::with_capacity(objects.len() * 1024);
        self.shared.with_directory(|directory| {
            for (at, object) in objects.iter().enumerate() {
                if self.next + at > 0 {
                    out.push(b',');
                }
                let uri = format!("{}/{}/{}", self.root, object.kind, encode(&object.dn));
                let mut json = Json::open(&mut out);
                let shape = PictureShape::Rest { properties: self.properties.as_deref(), opened: self.opened };
                directory.write(&mut json, &directory.snapshot(object), &object.dn, shape);
                json.field("uri", &uri);
                json.field("_links", &json!({"self": [{"name": object.dn, "title": object.name(), "href": uri}]}));
                json.close();
            }
        });
        self.next += objects.len();
        Some(out)
    }
}

impl Search {
    fn read(call: &Call<'_>) -> Result<Self, Fault> {
        let base = call.shared.options().base_dn.clone();
        let mut search = Self {
            position: base.clone(),
            scope: Scope::Sub,
            filter: Filter::And(Vec::new()),
            opened: true,
            properties: None,
            page: None,
        };
        let (mut number, mut limit) = (None, None);
        let mut wanted = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in call.request.parameters() {
            let single = ["position", "scope", "filter", "hidden", "opened", "page", "limit"].contains(&name.as_str());
            if single && seen.contains(&name) {
                return Err(invalid(&name, "Expected only one value"));
            }
            match name.as_str() {
                "position" => search.position = value,
                "scope" => search.scope = scope(&value)?,
                "filter" => {
                    let filter = Filter::parse(&value);
                    wanted.push(filter.ok_or_else(|| invalid("filter", "Not a valid LDAP search filter."))?);
                }
                "hidden" => drop(boolean("hidden", &value)?),
                "opened" => search.opened = boolean("opened", &value)?,
                "properties" => search.properties.get_or_insert_default().push(value),
                "page" => number = Some(count("page", &value)?),
                "limit" => limit = Some(count("limit", &value)?),
                _ => {
                    let property = name.strip_prefix("query[").and_then(|rest| rest.strip_suffix(']'));
                    let property = property.map(str::to_owned).filter(|_| !seen.contains(&name));
                    wanted.extend(property.map(|property| pattern(&property, &value)).transpose()?.flatten());
                }
            }
            seen.push(name);
        }
        if search.properties.as_ref().is_some_and(|names| names.iter().all(|name| name == "dn")) {
            search.opened = false;
        }
        let below = dn::key(&search.position);
        let root = dn::key(&base);
        if below != root && !dn::is_below(&below, &root) {
            return Err(unknown_position(&search.position));
        }
        search.filter = Filter::And(wanted);
        search.page = limit.map(|limit| Page { number: number.unwrap_or(1).max(1), limit: limit.max(1) });
        Ok(search)
    }
}

/// A restriction `query[property]=value`, exact or with `*`; `query[]` restricts nothing.
fn pattern(property: &str, value: &str) -> Result<Option<Filter>, Fault> {
    if property.is_empty() {
        return Ok(None);
    }
    if property == "*" {
        return Err(invalid("query[*]", "Not a valid property"));
    }
    let value = if value.is_empty() { "*" } else { value };
    // Values with parentheses find nothing, escaped or not.
    let filter = Filter::parse(&format!("({property}={value})"));
    Ok(Some(filter.unwrap_or_else(|| Filter::Or(Vec::new()))))
}

impl Page {
    /// The entries of a page, and the links to others.
    #[allow(clippy::type_complexity, reason = "entries and links of one answer")]
    fn of(
        self,
        call: &Call<'_>,
        kind: Kind,
        found: &[Arc<Object>],
    ) -> Result<(Vec<Arc<Object>>, Vec<(&'static str, &'static str, String)>), Fault> {
        let parameters: Vec<(String, String)> = call.request.parameters();
        let search: Vec<String> = parameters
            .iter()
            .filter(|(name, _)| name != "page")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let key = format!("{kind}?{}", search.join("&"));
        let before = call.shared.process().pages.insert(key, self.number).unwrap_or_default();
        if call.shared.options().pages == Pages::TwoWorkers && self.number.is_multiple_of(2) {
            // The cookie belongs to the connection of the other worker.
            return Err(Fault::new(
                500,
                "{'desc': 'Critical extension is unavailable', 'info': 'paged results cookie is invalid'}",
            ));
        }
        let query = |number: usize| {
            let pairs = parameters.iter().map(|(name, value)| {
                let value = if name == "page" { number.to_string() } else { encode(value) };
                format!("{name}={value}")
            });
            pairs.collect::<Vec<String>>().join("&")
        };
        let mut links = vec![("first", "First page", query(1))];
        if self.number > 1 {
            links.push(("prev", "Previous page", query(self.number - 1)));
        }
        let next = |links: &mut Vec<_>, number| links.push(("next", "Next page", query(number)));
        if self.number == 1 && before > 1 {
            next(&mut links, 2);
            return Ok((Vec::new(), links));
        }
        let pages = found.len().div_ceil(self.limit).max(1);
        let shown = self.number.min(pages);
        let entries: Vec<Arc<Object>> = found.iter().skip((shown - 1) * self.limit).take(self.limit).cloned().collect();
        if self.number < pages {
            next(&mut links, self.number + 1);
        }
        Ok((entries, links))
    }
}

fn scope(value: &str) -> Result<Scope, Fault> {
    match value {
        "sub" => Ok(Scope::Sub),
        "one" => Ok(Scope::One),
        "base" => Ok(Scope::Base),
        "base+one" => Ok(Scope::BaseAndOne),
        _ => Err(invalid("scope", "Value has to be one of ['sub', 'one', 'base', 'base+one']")),
    }
}

fn boolean(name: &str, value: &str) -> Result<bool, Fault> {
    match value {
        "1" | "on" | "true" => Ok(true),
        "" | "0" | "off" | "false" => Ok(false),
        _ => Err(invalid(name, "Value must be true or false.")),
    }
}

fn count(name: &str, value: &str) -> Result<usize, Fault> {
    value.parse().map_err(|_| invalid(name, "Value must be of type integer."))
}

fn invalid(name: &str, text: &str) -> Fault {
    Fault::invalid(vec![Mistake::query(name, text)])
}

fn unknown_position(position: &str) -> Fault {
    let text = format!(
        "LDAP object {position} could not be found.\nIt possibly has been deleted or moved. Please update your search results and \
         open the object again."
    );
    Fault::invalid(vec![Mistake { location: Location::Argument("position"), text }])
}

/// A tag of the content, without making it.
fn tag_of(call: &Call<'_>, found: &[Arc<Object>]) -> String {
    let tags: Vec<String> = found.iter().map(|object| object.tag()).collect();
    let request = [call.request.path.as_str(), call.request.query.as_str()];
    entity_tag(request.into_iter().chain(tags.iter().map(String::as_str)))
}
