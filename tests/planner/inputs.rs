//! Bad input, names and references, reduction, footprints.

use std::str::FromStr;

use oxherd::engine::RejectionCategory;
use oxherd::ox::model::ContextId;
use oxherd::ox::state::OxState;
use oxherd::ox::template::LoginTemplate;
use oxherd::ox::{handles, plan};
use oxherd::state::Handle;
use oxherd::udm::{Change, Dn, Event, ObjectType};
use serde_json::json;

use crate::world::{World, dn, id, properties, settings};

#[test]
fn bad_input_user_properties() {
    let long = |n: usize| "x".repeat(n);
    for (overrides, hints) in [
        (json!({"oxContext": "ten"}), vec!["'oxContext'"]),
        (json!({"oxContext": 0}), vec!["'oxContext'"]),
        (json!({"oxContext": [[10]]}), vec!["'oxContext'"]),
        (json!({"isOxUser": "perhaps"}), vec!["'isOxUser'"]),
        (json!({"oxNote": {"a": 1}}), vec!["'oxNote'"]),
        (json!({"phone": [{"a": 1}]}), vec!["'phone'"]),
        (json!({"oxUserQuota": "plenty"}), vec!["'oxUserQuota'"]),
        (json!({"birthday": "someday"}), vec!["'birthday'", "YYYY-MM-DD"]),
        (json!({"oxAnniversary": "31.02.2020"}), vec!["'oxAnniversary'"]),
        (json!({"mailPrimaryAddress": "an na@example.org"}), vec!["'mailPrimaryAddress'"]),
        (json!({"mailPrimaryAddress": ""}), vec!["'mailPrimaryAddress'", "email1"]),
        (json!({"mailPrimaryAddress": "a@b@c"}), vec!["'mailPrimaryAddress'"]),
        (json!({"mailAlternativeAddress": ["ok@x.org", ".dot@x.org"]}), vec!["'mailAlternativeAddress'"]),
        (json!({"oxEmail2": "nowhere"}), vec!["'oxEmail2'"]),
        (json!({"oxEmail3": "jörg@x.org"}), vec!["'oxEmail3'"]),
        (json!({"firstname": null}), vec!["'firstname'", "given_name"]),
        (json!({"lastname": ""}), vec!["'lastname'", "sur_name"]),
        (json!({"username": null}), vec!["'username'"]),
        (json!({"title": long(65)}), vec!["'title'", "65", "64"]),
        (json!({"firstname": long(129)}), vec!["'firstname'", "128", "given_name"]),
        (json!({"organisation": long(513)}), vec!["'organisation'", "512", "company"]),
        (json!({"mailAlternativeAddress": [format!("{}@x.org", long(260))]}), vec!["'mailAlternativeAddress'", "255"]),
        (json!({"phone": ["1", long(200)]}), vec!["'phone'", "telephone_business2", "128"]),
    ] {
        let mut world = World::new();
        let outcome = world.user("anna", overrides.clone());
        assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::InvalidObject, "{overrides}");
        for hint in hints {
            assert!(outcome.refused().contains(hint), "{overrides}: {}", outcome.refused());
        }
        for secret in ["xxxx", "someday", "an na", "plenty", "jörg", "uid="] {
            assert!(!outcome.refused().contains(secret), "no personal data: {}", outcome.refused());
        }
        assert!(world.ox.context(10).users.is_empty(), "nothing is half-done");
    }
}

#[test]
fn lengths_count_characters() {
    let mut world = World::new();
    assert!(world.user("anna", json!({"title": "ä".repeat(64)})).rejection.is_none());
    assert!(world.user("anna", json!({"title": "ä".repeat(65)})).rejection.is_some());
}

#[test]
fn bad_input_a_dn_with_every_escape() {
    let mut world = World::new();
    let odd = r#"uid=a\2bb\,c\"d\+e\;f\<g\>h\\i\=j\20,cn=us\C3\A4ers,dc=example"#;
    let base = crate::world::user_properties("anna");
    world.put(ObjectType::User, "anna", odd, base, json!({}));
    let outcome = world.group("sales", &[], json!({"users": [odd]}));
    assert_eq!(outcome.names(), ["GroupCreate"]);
    assert!(world.group("upper", &[], json!({"users": [odd.replace("uid=", "UID=")]})).names() == ["GroupCreate"]);
}

#[test]
fn bad_input_missing_and_cyclic_references() {
    let mut world = World::new();
    let myself = crate::world::user_dn("anna");
    let outcome = world.user("anna", json!({"oxDeputyPermissionGivenTo": [[myself, "02440", "00000", "0"]]}));
    assert_eq!(outcome.names(), ["UserCreate"]);
    assert!(world.group("ghosts", &["nobody", "nowhere"], json!({})).calls.is_empty());
    let own = json!({"users": ["cn=self,cn=groups,dc=example"]});
    assert!(world.group("self", &[], own).calls.is_empty(), "a group in itself");
    assert!(world.shared("team", json!({"users": [["nobody", "nothing"]]})).names() == ["SharedCreate"]);
}

#[test]
fn bad_input_a_template_with_an_unknown_property() {
    let mut world = World::new();
    world.settings.imap_login = LoginTemplate::parse("{shoeSize}@{username}").unwrap();
    let outcome = world.user("anna", json!({}));
    assert!(outcome.refused().contains("'{shoeSize}@{username}'") && outcome.refused().contains("'shoeSize'"));
    world.settings.imap_login = LoginTemplate::parse(&"y".repeat(300)).unwrap();
    assert!(world.user("anna", json!({})).refused().contains("256"));
}

#[test]
fn nothing_that_planning_does_not_need_is_kept() {
    let mut settings = settings();
    settings.imap_login = LoginTemplate::parse("{employeeType}{uidNumber}").unwrap();
    let event = Event {
        object: id("anna"),
        kind: ObjectType::User,
        dn: dn("uid=anna,dc=example"),
        change: Change::Present(properties(json!({
            "password": "s", "sambaNTPassword": "s", "pwhistory": "s", "krb5Key": "s", "shell": "/bin/sh", "groups": ["a"],
            "oxNote": "n", "oxFuture": "f", "phone": ["1"], "uidNumber": 7, "username": "anna", "isOxUser": true,
            "oxUserfield07": null, "jpegPhoto": "p",
        }))),
    };
    let reduced = plan::reduce(&settings, event);
    let kept: Vec<&str> = reduced.desired().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(kept, ["isOxUser", "jpegPhoto", "oxFuture", "oxNote", "phone", "uidNumber", "username"]);
    settings.imap_login = LoginTemplate::parse("{password}").unwrap();
    let change = Change::Present(properties(json!({"password": "s"})));
    let event = Event { object: id("anna"), kind: ObjectType::User, dn: dn("uid=anna"), change };
    assert_eq!(
        plan::reduce(&settings, event).desired().unwrap().iter().count(),
        0,
        "not even if a template asks for it"
    );
}

#[test]
fn footprints_tell_names_and_dependencies() {
    let mut world = World::new();
    world.user("bert", json!({}));
    let deputy = json!([[crate::world::user_dn("bert"), "02440", "00000", "0"]]);
    world.user("anna", json!({"mailAlternativeAddress": ["Second@example.org"], "oxDeputyPermissionGivenTo": deputy}));
    let footprint = world.footprint("anna").clone();
    let number = world.ox_id("anna");
    for handle in [
        Handle::dn(&dn("uid=anna,cn=users,dc=example")),
        Handle::object(&id("anna")),
        handles::user(ContextId(10), number),
        handles::primary(ContextId(10), "ANNA@example.org"),
    ] {
        assert!(footprint.handles.contains(&handle), "{handle}");
    }
    for claim in
        ["name:10/user/anna", "mail:10/anna@example.org", "mail:10/second@example.org", "display:10/given anna"]
    {
        assert!(footprint.claims.iter().any(|handle| handle.as_str() == claim), "{claim}: {:?}", footprint.claims);
    }
    for reference in ["context:10", "profile:premium", "dn:uid=bert,cn=users,dc=example"] {
        assert!(footprint.refs.iter().any(|handle| handle.as_str() == reference), "{reference}: {:?}", footprint.refs);
    }
    assert_eq!(footprint.lane, Some(handles::user_lane(ContextId(10))));
}

#[test]
fn a_footprint_claims_old_and_new_names() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let mut desired = crate::world::user_properties("anna");
    desired["username"] = json!("berta");
    desired["oxContext"] = json!(20);
    let (object, place) = (id("anna"), dn("uid=anna,dc=example"));
    let state = world.state("anna").clone();
    let desired = properties(desired);
    let footprint = plan::footprint(&world.settings, &object, ObjectType::User, &place, Some(&desired), &state);
    for claim in ["name:10/user/anna", "name:20/user/berta", "mail:10/anna@example.org", "mail:20/anna@example.org"] {
        assert!(footprint.claims.iter().any(|handle| handle.as_str() == claim), "{claim}");
    }
}

#[test]
fn footprints_of_new_objects_need_nothing_else() {
    let settings = settings();
    let place = Dn::from_str("cn=x,dc=example").unwrap();
    let group = properties(json!({"name": "Sales", "isOxGroup": true, "users": ["uid=a,dc=example"]}));
    let footprint = plan::footprint(&settings, &id("g"), ObjectType::Group, &place, Some(&group), &OxState::default());
    assert_eq!(footprint.claims.iter().map(Handle::as_str).collect::<Vec<_>>(), ["name:*/group/sales"]);
    assert_eq!(footprint.refs.iter().map(Handle::as_str).collect::<Vec<_>>(), ["dn:uid=a,dc=example"]);
    let odd = properties(json!({"isOxUser": "?", "oxContext": {"a": 1}, "users": 7}));
    for kind in ObjectType::all() {
        plan::footprint(&settings, &id("g"), kind, &place, Some(&odd), &OxState::default());
        plan::footprint(&settings, &id("g"), kind, &place, None, &OxState::default());
        plan::face(&settings, kind, &odd, &OxState::default());
    }
}

#[test]
fn user_writes_of_a_context_share_a_lane_and_so_do_copies_between_two_contexts() {
    let mut world = World::new();
    let created = world.user("anna", json!({}));
    assert_eq!(plan::lane(&created.calls[0]), Some(handles::user_lane(ContextId(10))));
    let moved = world.user("anna", json!({"oxContext": 20}));
    let lanes: Vec<_> = moved.calls.iter().map(|call| plan::lane(call).map(|lane| lane.to_string())).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(lanes, [text("lane:copy/10/20"), text("lane:user/20"), None, text("lane:user/10")]);
    let group = world.group("sales", &["anna"], json!({}));
    assert_eq!(plan::lane(&group.calls[0]), None);
}

#[test]
fn i10_cache_follows_the_user() {
    let mut world = World::new();
    world.user("anna", json!({"isOxUser": false}));
    assert_eq!(world.face("anna"), &json!(null), "ignore_user");
    world.user("anna", json!({}));
    let first = world.face("anna")["id"].clone();
    assert_eq!(first, json!(world.ox_id("anna")), "add_user, converting non-OX to OX");
    world.rename("anna", "berta", json!({}));
    assert_eq!(world.face("anna")["id"], first, "rename_user");
    world.rename("anna", "berta", json!({"oxContext": 20}));
    assert_eq!(world.face("anna")["context"], 20, "change_context");
    world.rename("anna", "berta", json!({"oxContext": 20, "isOxUser": false}));
    assert_eq!(world.face("anna"), &json!(null), "remove_user, converting OX to non-OX");
}

#[test]
fn i11_set_mail_address_personal() {
    let personal = |overrides| {
        let mut world = World::new();
        let calls = world.user("anna", overrides).json();
        calls
            .as_array()
            .unwrap()
            .iter()
            .find(|call| call["call"] == "userPersonal")
            .map(|call| call["personal"].clone())
    };
    assert_eq!(personal(json!({"oxDisplayName": "A"})), Some(json!("A")));
    assert_eq!(personal(json!({"oxDisplayName": null, "displayName": "B"})), Some(json!("B")));
    assert_eq!(personal(json!({"oxDisplayName": "A", "displayName": "B"})), Some(json!("A")));
    assert_eq!(personal(json!({"oxDisplayName": ["A", "C"]})), Some(json!("A")));
    for empty in [json!(null), json!(""), json!([])] {
        assert_eq!(personal(json!({"oxDisplayName": empty})), None);
    }
}

#[test]
fn i11_reduced_cached_object() {
    let mut world = World::new();
    let only = json!({"username": null, "mailPrimaryAddress": null, "firstname": null});
    let outcome = world.user("anna", only);
    assert_eq!(outcome.rejection.unwrap().category, RejectionCategory::InvalidObject, "incomplete, but no crash");
}
