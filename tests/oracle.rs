//! The oracle itself, and that the sample organisation is what its description says.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the right answer")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use oxherd::api::Manifests;
use oxherd::source::{ListenerFileError, parse_listener_file};
use oxherd::udm::ObjectType;
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/oracle.rs"]
mod oracle;

/// Expected state after these objects, each as type, identifier, DN and properties (null: deleted).
fn expected(objects: &[(&str, &str, &str, Value)]) -> Value {
    let folder = TempDir::new().unwrap();
    for (number, (kind, id, dn, object)) in objects.iter().enumerate() {
        let file = json!({"id": id, "udm_object_type": kind, "dn": dn, "object": object});
        std::fs::write(folder.path().join(format!("{number:03}.json")), file.to_string()).unwrap();
    }
    std::fs::write(folder.path().join("999.json"), "{").unwrap();
    oracle::expected(&oracle::files(folder.path()))
}

fn context(number: i64) -> (&'static str, &'static str, &'static str, Value) {
    let id = if number == 10 { "c10" } else { "c20" };
    ("oxmail/oxcontext", id, "cn=c,dc=x", json!({"name": format!("context{number}"), "contextid": number}))
}

fn person(name: &str, context: i64) -> Value {
    json!({"username": name, "firstname": name, "lastname": "L", "mailPrimaryAddress": format!("{name}@x"),
        "isOxUser": "OK", "oxContext": context, "oxAccess": "p", "oxDisplayName": name.to_uppercase()})
}

#[test]
fn the_last_state_of_a_user_wins() {
    let mut second = person("anna", 10);
    second["mailAlternativeAddress"] = json!(["a@x"]);
    second["birthday"] = json!("24.12.1990");
    second["phone"] = json!(["1", "2"]);
    let result = expected(&[
        context(10),
        ("oxmail/accessprofile", "p", "cn=p", json!({"name": "p", "webmail": "TRUE", "usm": true, "tasks": "FALSE"})),
        ("users/user", "u1", "uid=anna,dc=x", person("old", 10)),
        ("users/user", "u2", "uid=berta,dc=x", person("berta", 10)),
        ("users/user", "u1", "uid=anna,dc=x", second),
        ("users/user", "u2", "uid=berta,dc=x", Value::Null),
    ]);
    assert_eq!(
        result["contexts"]["10"]["users"],
        json!({"anna": {
            "displayName": "ANNA", "givenName": "anna", "surName": "L", "mail": "anna@x", "aliases": ["a@x", "anna@x"],
            "mailEnabled": true, "rights": ["USM", "webmail"], "hasPicture": false,
            "fields": {"birthday": "1990-12-24", "telephone_business1": "1", "telephone_business2": "2"},
            "functionalAccounts": {}, "deputies": {},
        }})
    );
    assert_eq!(result["contexts"]["10"]["quota"], -1);
}

#[test]
fn groups_follow_their_members_into_contexts() {
    let members = json!([r"UID=a\2Cb,dc=x", "uid=berta,dc=x", "uid=nobody,dc=x", "uid=plain,dc=x"]);
    let mut plain = person("plain", 10);
    plain["isOxUser"] = json!("Not");
    let result = expected(&[
        context(10),
        context(20),
        ("groups/group", "g", "cn=g", json!({"name": "g", "isOxGroup": "OK", "users": members})),
        ("groups/group", "h", "cn=h", json!({"name": "Users", "isOxGroup": "OK", "users": members})),
        ("groups/group", "i", "cn=i", json!({"name": "i", "isOxGroup": "Not", "users": members})),
        ("users/user", "u1", r"uid=a\,b,dc=x", person("ab", 10)),
        ("users/user", "u2", "uid=berta,dc=x", person("berta", 20)),
        ("users/user", "u3", "uid=plain,dc=x", plain),
    ]);
    assert_eq!(result["contexts"]["10"]["groups"], json!({"g": {"displayName": "g", "members": ["ab"]}}));
    assert_eq!(result["contexts"]["20"]["groups"], json!({"g": {"displayName": "g", "members": ["berta"]}}));
}

#[test]
fn accounts_and_deputies_find_their_people() {
    let mut anna = person("anna", 10);
    anna["oxDeputyPermissionGivenTo"] =
        json!([["uid=berta,dc=x", "02440", "00000", "1"], ["uid=carl,dc=x", "02440", "00000", true]]);
    let permission = json!({"name": "p", "mail": "author", "calendar": "none", "sendAs": true, "snippets": "FALSE"});
    let result = expected(&[
        context(10),
        context(20),
        ("users/user", "u1", "uid=anna,dc=x", anna),
        ("users/user", "u2", "uid=berta,dc=x", person("berta", 10)),
        ("users/user", "u3", "uid=carl,dc=x", person("carl", 20)),
        (
            "oxmail/functional_account",
            "f-",
            "cn=f",
            json!({"name": "F", "mailPrimaryAddress": "f@x", "users": ["uid=berta,dc=x"]}),
        ),
        ("oxmail/shared_account_permission", "sp", "cn=p", permission),
        (
            "oxmail/shared_account",
            "s",
            "cn=s",
            json!({"name": "s", "displayName": "S", "mailPrimaryAddress": "s@x", "oxContext": 10,
                "users": [["u2", "sp"], ["u9", "sp"], ["u1", "unknown"]], "groups": []}),
        ),
    ]);
    let ten = &result["contexts"]["10"];
    assert_eq!(
        ten["users"]["anna"]["deputies"],
        json!({"berta": {"mail": "02440", "calendar": "00000", "sendOnBehalf": true}}),
        "only deputies of the same context"
    );
    assert_eq!(ten["users"]["berta"]["functionalAccounts"], json!({"f@x": {"name": "F", "login": "f-berta"}}));
    let role = json!({"mail": "author", "calendar": "none", "capabilities": ["sendAs"]});
    assert_eq!(
        ten["sharedAccounts"]["s"],
        json!({"displayName": "S", "mail": "s@x", "permissions": {"user 10/berta": role}})
    );
}

fn acme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme")
}

#[test]
fn the_sample_organisation_is_complete() {
    let directory = oracle::files(&acme().join("directory"));
    let state = oracle::expected(&directory);
    let contexts = state["contexts"].as_object().unwrap();
    assert_eq!(contexts.keys().collect::<Vec<_>>(), ["10", "20", "30"]);
    let count = |part: &str| contexts.values().map(|context| context[part].as_object().unwrap().len()).sum::<usize>();
    assert!(count("users") > 200 && count("groups") > 20 && count("resources") == 4 && count("sharedAccounts") == 4);
    assert_eq!(contexts["20"]["groups"]["management"]["members"].as_array().unwrap().len(), 2, "crosses contexts");
    let users: Vec<_> = contexts.values().flat_map(|context| context["users"].as_object().unwrap().values()).collect();
    for (what, holds) in [
        ("functionalAccounts", (|value| value != &json!({})) as fn(&Value) -> bool),
        ("deputies", |value| value != &json!({})),
        ("hasPicture", |value| value == &json!(true)),
        ("mailEnabled", |value| value == &json!(false)),
        ("aliases", |value| value.as_array().is_some_and(|aliases| aliases.len() > 1)),
    ] {
        assert!(users.iter().any(|user| holds(&user[what])), "nobody has {what}");
    }
    let kinds: BTreeSet<_> =
        directory.iter().map(|file| parse_listener_file(&std::fs::read(file).unwrap()).unwrap().kind).collect();
    assert_eq!(kinds, ObjectType::all().collect());
}

#[test]
fn the_pictures_are_pictures() {
    use base64::Engine;
    let mut formats = BTreeSet::new();
    for file in oracle::files(&acme().join("directory")) {
        let event = parse_listener_file(&std::fs::read(file).unwrap()).unwrap();
        if let Some(picture) = event.desired().and_then(|user| user.text("jpegPhoto").unwrap()) {
            let bytes = base64::engine::general_purpose::STANDARD.decode(picture).unwrap();
            image::load_from_memory(&bytes).unwrap();
            formats.insert(image::guess_format(&bytes).unwrap().to_mime_type());
        }
    }
    assert_eq!(formats, BTreeSet::from(["image/jpeg", "image/png"]));
}

#[test]
fn the_day_of_changes_does_what_it_says() {
    let mut files = oracle::files(&acme().join("directory"));
    let before = oracle::expected(&files);
    let changes = oracle::files(&acme().join("changes"));
    let broken: Vec<_> =
        changes.iter().filter_map(|file| parse_listener_file(&std::fs::read(file).unwrap()).err()).collect();
    assert!(matches!(broken[..], [ListenerFileError::NoJson { .. }]), "exactly one file is broken: {broken:?}");

    files.extend(changes);
    let after = oracle::expected(&files);
    let names = |state: &Value, context: &str, part: &str| -> BTreeSet<String> {
        state["contexts"][context][part].as_object().unwrap().keys().cloned().collect()
    };
    let ten = &after["contexts"]["10"];
    assert_eq!(ten["users"]["frieda.neumann"]["aliases"].as_array().unwrap().len(), 2);
    assert!(!names(&after, "10", "users").contains("ohne.adresse"));
    let members = &ten["groups"]["project-acme-2"]["members"];
    assert!(members.as_array().unwrap().contains(&json!("tilda.azubi")), "the late member: {members}");
    assert_eq!(ten["sharedAccounts"]["support"]["permissions"]["user 10/tilda.azubi"]["mail"], "editor");
    assert!(names(&after, "20", "groups").contains("project-sales-two"));
    assert!(!names(&after, "20", "groups").contains("project-sales-2"));
    assert!(names(&after, "20", "groups").contains("empty"));
    assert!(!names(&after, "30", "groups").contains("project-research-3"));
    assert!(names(&after, "10", "resources").contains("van-1") && !names(&after, "20", "resources").contains("van-1"));
    assert_eq!(after["contexts"]["20"]["quota"], 8000);
    let joined = &names(&after, "20", "users") - &names(&before, "20", "users");
    assert_eq!(joined.len(), 1, "one moved here");
}

#[test]
fn the_manifests_of_the_sample_organisation_are_right() {
    let manifests = Manifests::read(&acme().join("manifests")).unwrap();
    let connector = &manifests.connectors["acme"].spec;
    assert!(manifests.credentials(&connector.ox.credentials_ref).is_ok());
    assert!(connector.source.spool.as_ref().unwrap().folder.ends_with("../spool"));
}
