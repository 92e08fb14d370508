//! Each recorded answer of a real server is understood.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use oxherd::udm::rest::{Category, Condition, Fields, Filter, NewObject, Query, UdmError};
use oxherd::udm::{Dn, ObjectId, ObjectType};
use serde_json::{Map, Value};

use super::wire::{Step, Wire, fixture, http};

/// Recordings of requests that this client never makes; what they show is told by others.
const NOT_OURS: &[&str] = &[
    // Pages and `query[…]` are not used, nor the form without a query string.
    "list-page-2",
    "list-page-1-after-page-2-empty",
    "list-query-unknown-property",
    "list-without-query",
    // HEAD has no use here.
    "head-object",
    // Reads are not conditional.
    "get-if-none-match-304",
    // Objects are made from what a source knows, not from templates.
    "user-template",
    // See below.
    "object-by-uuid",
    "move-container-202",
    "progress-running",
    "progress-finished",
    "progress-failed-never-ends",
    "progress-fetched-again-404",
];

/// What the client makes of each recording.
const UNDERSTOOD: &str = "\
accept-any-406: Refused (406), Request
accessprofile-get: oxmail/accessprofile, 28 properties, with etag
accessprofile-move-refused: Refused (400), Request
auth-malformed: Refused (400), Request
auth-missing: Credentials (401), Settings
auth-not-in-allowed-groups: Forbidden (403), Settings
bad-json: Refused (400), Request
create-identifier-bad-syntax: ServerError (500), World
create-identifier-given: created, uuid of 36 characters
create-identifier-taken: Exists (422), Request
create-mail-domain-unknown: Refused (422), Request
create-mail-taken: Refused (422), Request
create-missing-required: Refused (422), Request
create-number-for-string: Refused (422), Request
create-object-exists: Exists (422), Request
create-object-exists-german: Refused (422), Request
create-ox-context-unknown: created, uuid of 36 characters
create-position-unknown: Refused (400), Request
create-unknown-property: Refused (422), Request
create-wrong-content-type-500: ServerError (500), World
delete-non-leaf: deleted true
delete-non-leaf-recursive-false: Refused (400), Request
delete-resource-admin: Refused (400), Request
delete-user: deleted true
entry-root: 6 of our types
extended-attribute-get: settings/extended_attribute, 35 properties, with etag
functional-account-get: oxmail/functional_account, 8 properties, with etag
gateway-starting-503: Unavailable (503), World
get-if-none-match-unquoted: Refused (400), Request
get-unknown-dn: none
get-wrong-type: Refused (400), Request
group-create: created, uuid of 36 characters
group-get: groups/group, 20 properties, with etag
group-member-unknown: written, etag true, 0 warnings
group-with-foreign-member-500: ServerError (500), World
identifier-not-stored-first-get: users/user, 1 properties, with etag
identifier-not-stored-second-get: users/user, 1 properties, with etag
json-patch-add-element: written, etag true, 0 warnings
json-patch-index-refused: Refused (422), Request
json-patch-remove-element: written, etag true, 0 warnings
json-patch-unknown-property-warning: written, etag true, 1 warnings
ldap-acl-denied: Forbidden (403), Settings
ldap-down-cached-credential-401: Credentials (401), Settings
ldap-down-new-credential: Unavailable (503), World
list-500-by-one-group: ServerError (500), World
list-by-object-identifier: 1 objects, properties [141]
list-empty: 0 objects, properties []
list-filter-and: 1 objects, properties [141]
list-filter-broken: Refused (422), Request
list-full: 2 objects, properties [141, 141]
list-opened-0: 2 objects, properties [0, 0]
list-position-unknown: Refused (422), Request
list-prefill-style: 2 objects, properties [0, 0]
list-properties: 1 objects, properties [2]
list-scope-invalid: Refused (422), Request
list-size-limit: TooMany (400), Request
move-user: written
oxcontext-get: oxmail/oxcontext, 5 properties, with etag
oxresource-get: oxresources/oxresources, 8 properties, with etag
patch-identifier-refused: Refused (422), Request
patch-if-match-412: Changed (412), Request
patch-if-match-ok: written, etag true, 0 warnings
patch-list-null-refused: Refused (422), Request
patch-position-ignored: written, etag true, 0 warnings
patch-select-value-invalid: written, etag true, 0 warnings
patch-select-value-invalid-then-get: users/user, 0 properties, with etag
put-create: written
put-if-none-match-star-412: Changed (412), Request
rename-user: written, etag true, 0 warnings
user-create: created, uuid of 36 characters
user-get: users/user, 141 properties, with etag
user-groups-unknown: Refused (400), Request
";

struct Recording {
    method: String,
    path: String,
    answer: Vec<u8>,
    body: Value,
}

fn recordings() -> BTreeMap<String, Recording> {
    let files = std::fs::read_dir(fixture("udm-rest")).unwrap().map(|entry| entry.unwrap().path());
    let recordings = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    let read = |file: std::path::PathBuf| {
        let recorded: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let response = &recorded["response"];
        let body = match &response["body"] {
            Value::String(text) if text.is_empty() => String::new(),
            other => other.to_string(),
        };
        let mut headers = String::new();
        for header in response["headers"].as_array().unwrap() {
            let [name, value] = [0, 1].map(|at| header[at].as_str().unwrap());
            if name != "Content-Length" && name != "Transfer-Encoding" {
                write!(headers, "{name}: {value}\r\n").unwrap();
            }
        }
        let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
        let text = |name: &str| recorded["request"][name].as_str().unwrap().to_owned();
        let recording = Recording {
            method: text("method"),
            path: text("path"),
            answer: match status {
                204 => format!("HTTP/1.1 204 X\r\n{headers}\r\n").into_bytes(),
                _ => http(status, &headers, &body),
            },
            body: response["body"].clone(),
        };
        (file.file_stem().unwrap().to_str().unwrap().to_owned(), recording)
    };
    recordings.map(read).collect()
}

/// Makes the call that fits a recording, to a server that answers as recorded.
async fn understood(recording: &Recording) -> String {
    let answer = recording.answer.clone();
    let wire = Wire::start(move |_| vec![Step::Send(answer.clone())]);
    let client = wire.client();
    let kind = ObjectType::all().find(|kind| recording.path.contains(kind.as_str())).unwrap_or(ObjectType::User);
    let (dn, position) = ("uid=any,dc=example,dc=test", "cn=users,dc=example,dc=test".parse::<Dn>().unwrap());
    let is_list = recording.path.contains("/?") || recording.path.ends_with("/user/");
    let result: Result<String, UdmError> = match recording.method.as_str() {
        "GET" if recording.path == "/udm/" => client.types().await.map(|types| format!("{} of our types", types.len())),
        "GET" if is_list => {
            let list = async { client.list(&Query::new(kind, Filter::identified())).await?.collect().await };
            list.await.map(|objects| {
                let properties: Vec<_> = objects.iter().map(|object| object.properties.len()).collect();
                format!("{} objects, properties {properties:?}", objects.len())
            })
        }
        "GET" => client.by_dn(kind, dn, &Fields::All).await.map(|read| match read {
            None => "none".to_owned(),
            Some(read) => {
                let etag = if read.etag.is_some() { "with etag" } else { "without etag" };
                format!("{}, {} properties, {etag}", read.object.object_type, read.object.properties.len())
            }
        }),
        "POST" => {
            let new = NewObject { kind, position: position.to_string(), properties: Map::new() };
            client.create(&new).await.map(|created| format!("created, uuid of {} characters", created.uuid.len()))
        }
        "PATCH" => client
            .modify(kind, dn, &Map::new(), &Condition::Unchanged("\"a\"".to_owned()))
            .await
            .map(|written| format!("written, etag {}, {} warnings", written.etag.is_some(), written.warnings.len())),
        "PUT" => client.relocate(kind, dn, &position, &Condition::Always).await.map(|_| "written".to_owned()),
        "DELETE" => client.delete(kind, dn, &Condition::Always).await.map(|there| format!("deleted {there}")),
        other => panic!("{other}"),
    };
    result.unwrap_or_else(|error| {
        let status = error.status_code().map_or_else(|| "none".to_owned(), |status| status.to_string());
        assert_shows_no_names(&error);
        format!("{:?} ({status}), {:?}", error.category(), error.class())
    })
}

/// What goes to logs holds no names, whatever the server says.
fn assert_shows_no_names(error: &UdmError) {
    for name in ["anna", "klein", "cn=", "uid=", "example.test"] {
        assert!(!error.to_string().contains(name), "{error}");
    }
}

#[tokio::test]
async fn each_recorded_answer_is_understood() {
    let mut found = String::new();
    for (name, recording) in recordings() {
        if !NOT_OURS.contains(&name.as_str()) {
            writeln!(found, "{name}: {}", understood(&recording).await).unwrap();
        }
    }
    assert_eq!(found, UNDERSTOOD);
}

#[tokio::test]
async fn recorded_objects_become_events() {
    let mut events = 0;
    for (name, recording) in recordings() {
        let objects = match &recording.body["_embedded"]["udm:object"] {
            Value::Array(objects) => objects.clone(),
            _ if recording.body["dn"].is_null() => continue,
            _ if recording.body["properties"]["univentionObjectIdentifier"].is_string() => vec![recording.body.clone()],
            _ => continue,
        };
        for object in objects {
            let stored = object["properties"]["univentionObjectIdentifier"].as_str().and_then(ObjectId::new);
            let read: oxherd::udm::Representation = serde_json::from_value(object).unwrap();
            match (read.clone().present(), stored) {
                (Ok(event), Some(id)) => {
                    assert_eq!((event.object, event.dn.as_str()), (id, read.dn.as_str()), "{name}");
                    events += 1;
                }
                (Err(error), Some(_)) => assert!(error.to_string().starts_with("objectType"), "{name}: {error}"),
                (Err(_), None) => {}
                (Ok(_), None) => panic!("{name}: an identity from nowhere"),
            }
        }
    }
    assert!(events > 10, "{events}");
}

#[tokio::test]
async fn a_move_that_goes_on_is_followed_to_its_end() {
    for (end, outcome) in [("progress-finished", Ok(())), ("progress-failed-never-ends", Err(Category::Refused))] {
        let recordings = recordings();
        let answer = |name: &str| recordings[name].answer.clone();
        let answers = [answer("move-container-202"), answer("progress-running"), answer(end)];
        let wire = Wire::start(move |seen| vec![Step::Send(answers[seen.number.min(2)].clone())]);
        let moved =
            wire.client().relocate(ObjectType::User, "uid=a", &"cn=b".parse().unwrap(), &Condition::Always).await;
        assert_eq!(moved.map(|_| ()).map_err(|error| error.category()), outcome);
        let lines: Vec<_> = wire.seen().into_iter().map(|seen| seen.line).collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[2].starts_with("GET /univention/udm/progress/87924049-"), "{lines:?}");
    }
}

#[tokio::test]
async fn an_object_is_found_by_its_uuid_wherever_the_link_leads() {
    let recordings = recordings();
    let answers = ["object-by-uuid", "user-get"].map(|name| recordings[name].answer.clone());
    let wire = Wire::start(move |seen| vec![Step::Send(answers[seen.number.min(1)].clone())]);
    let read = wire.client().by_uuid("01000a4e-7a5e-1041-919e-89c12fa657e0", &Fields::All).await.unwrap().unwrap();
    assert_eq!(read.object.object_type, "users/user");
    let lines: Vec<_> = wire.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(lines[0], "GET /univention/udm/object/01000a4e-7a5e-1041-919e-89c12fa657e0");
    let there = "uid%3Danna.weber%2Ccn%3Dusers%2Cdc%3Dexample%2Cdc%3Dtest";
    assert_eq!(
        lines[1],
        format!("GET /univention/udm/users/user/{there}"),
        "the host and path of the link do not count"
    );
}
