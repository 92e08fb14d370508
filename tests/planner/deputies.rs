//! Deputies: catalogue I.8.

use oxherd::ox::model::{Deputy, DeputyPermission, ModulePermission, UserId};
use oxherd::ox::settings::Feature;
use serde_json::{Value, json};

use crate::world::{World, user_dn};

fn world() -> World {
    let mut world = World::new();
    for name in ["bert", "carl"] {
        world.user(name, json!({}));
    }
    world
}

fn given(rows: Value) -> Value {
    json!({"oxDeputyPermissionGivenTo": rows})
}

fn row(name: &str, mail: &str, calendar: &str, on_behalf: &str) -> Value {
    json!([user_dn(name), mail, calendar, on_behalf])
}

fn active(world: &World, grantor: &str) -> Vec<(UserId, DeputyPermission)> {
    let held = &world.ox.contexts[&oxherd::ox::model::ContextId(10)];
    let grants = held.deputies.get(&world.ox_id(grantor));
    grants.map(|grants| grants.iter().map(|(id, deputy)| (*id, deputy.permission)).collect()).unwrap_or_default()
}

#[test]
fn i8_create_deputy_with_user_create() {
    let mut world = world();
    let outcome = world.user("anna", given(json!([row("bert", "02440", "02400", "1")])));
    assert_eq!(outcome.names(), ["UserCreate", "DeputyGrant", "DeputyBlock"]);
    assert!(outcome.asked.is_empty(), "a new user has no deputies of its own");
    assert_eq!(outcome.json()[1]["grantor"], "planned");
}

#[test]
fn i8_create_deputy_permission() {
    for mail in ["00000", "02400", "02440", "08444"] {
        for calendar in ["00000", "02400", "02440", "08444"] {
            for on_behalf in ["0", "1"] {
                let mut world = world();
                world.user("anna", given(json!([row("bert", mail, calendar, on_behalf)])));
                let active = active(&world, "anna");
                if mail == "00000" && calendar == "00000" {
                    assert_eq!(active, [], "nothing is granted");
                    continue;
                }
                let digits = |code: &str| {
                    let digit = |at: usize| code.as_bytes()[at] - b'0';
                    ModulePermission {
                        admin: digit(0) > 0,
                        folder: digit(1),
                        read: digit(2),
                        write: digit(3),
                        delete: digit(4),
                    }
                };
                let expected = DeputyPermission {
                    send_on_behalf: on_behalf == "1",
                    mail: digits(mail),
                    calendar: digits(calendar),
                };
                assert_eq!(active, [(world.ox_id("bert"), expected)]);
            }
        }
    }
}

#[test]
fn j34_grants_change_as_a_difference() {
    let mut world = world();
    world.user("dora", json!({}));
    world.user("anna", given(json!([row("bert", "02440", "00000", "0"), row("carl", "02440", "00000", "0")])));
    let outcome =
        world.user("anna", given(json!([row("carl", "08444", "00000", "0"), row("dora", "02400", "00000", "0")])));
    assert_eq!(outcome.names(), ["DeputyRevoke", "DeputyUpdate", "DeputyGrant"]);
    let outcome = world.user("anna", json!({}));
    assert_eq!(outcome.names(), ["DeputyRevoke", "DeputyRevoke", "DeputyUnblock"]);
    assert!(world.ox.context(10).blocked.is_empty());
}

#[test]
fn i8_create_when_it_already_exists() {
    let mut world = world();
    world.user("anna", json!({}));
    let (anna, bert, carl) = (world.ox_id("anna"), world.ox_id("bert"), world.ox_id("carl"));
    let full = ModulePermission { admin: true, folder: 8, read: 4, write: 4, delete: 4 };
    let permission = DeputyPermission { send_on_behalf: true, mail: full, calendar: full };
    let manual = |name: &str| Deputy { grant: name.to_owned(), permission };
    world.ox.context(10).deputies.insert(anna, [(bert, manual("a")), (carl, manual("b"))].into());
    let outcome = world.user("anna", given(json!([row("carl", "02440", "02440", "false")])));
    assert_eq!(outcome.asked.len(), 1, "what the user granted himself is not known");
    assert_eq!(outcome.names(), ["DeputyRevoke", "DeputyUpdate", "DeputyBlock"]);
    let [(only, permission)] = active(&world, "anna")[..] else { panic!() };
    assert_eq!((only, permission.mail.admin, permission.mail.folder), (carl, false, 2));
}

#[test]
fn i8_block_and_unblock() {
    let mut world = world();
    world.user("anna", given(json!([row("bert", "02440", "00000", "0")])));
    let anna = world.ox_id("anna");
    assert!(world.ox.context(10).blocked.contains(&anna));
    world.user("anna", json!({}));
    assert!(!world.ox.context(10).blocked.contains(&anna));
    assert!(world.user("anna", json!({"title": "Dr."})).asked.is_empty(), "from now on it is the user's own affair");
}

#[test]
fn i8_removed_on_manager_deletion() {
    let mut world = world();
    world.user("anna", given(json!([row("bert", "02440", "00000", "0")])));
    assert_eq!(world.delete("anna").names(), ["DeputyRevokeAll", "DeputyUnblock", "UserDelete"]);
    assert!(world.ox.context(10).deputies.is_empty() && world.ox.context(10).blocked.is_empty());
}

#[test]
fn i8_removed_on_deputy_deletion() {
    let mut world = world();
    world.user("anna", given(json!([row("bert", "02440", "00000", "0")])));
    assert_eq!(world.delete("bert").rippled("anna"), ["DeputyUnblock"], "OX dropped the grant by itself");
    assert_eq!(active(&world, "anna"), []);
}

#[test]
fn i8_remove_permission_after_context_change_of_manager() {
    let mut world = world();
    world.user("anna", given(json!([row("bert", "02440", "00000", "0")])));
    let outcome = world.user("anna", json!({"oxContext": 20}));
    assert_eq!(
        outcome.names(),
        ["DeputyRevokeAll", "DeputyUnblock", "UserCopy", "UserChange", "GroupAdd", "UserDelete"]
    );
}

#[test]
fn i8_remove_permission_after_context_change_of_deputy() {
    let mut world = world();
    world.user("anna", given(json!([row("bert", "02440", "00000", "0")])));
    let outcome = world.user("bert", json!({"oxContext": 20}));
    assert_eq!(outcome.rippled("anna"), ["DeputyUnblock"], "the old grant went with the user");
    let outcome = world.user("bert", json!({"oxContext": 10}));
    assert_eq!(outcome.rippled("anna"), ["DeputyGrant", "DeputyBlock"]);
}

#[test]
fn i8_remove_permission_after_disable_manager_and_deputy_for_ox() {
    let mut world = world();
    let grant = given(json!([row("bert", "02440", "00000", "0")]));
    world.user("anna", grant.clone());
    let outcome = world.user("bert", json!({"isOxUser": false}));
    assert_eq!(outcome.rippled("anna"), ["DeputyUnblock"], "the grant went with the deputy");
    assert_eq!(world.user("bert", json!({})).rippled("anna"), ["DeputyGrant", "DeputyBlock"]);
    let mut off = grant;
    off["isOxUser"] = json!("Not");
    assert_eq!(world.user("anna", off).names(), ["DeputyRevokeAll", "DeputyUnblock", "UserDelete"]);
}

#[test]
fn i8_update_reference_and_modify_deputy_permission_after_rename() {
    let mut world = world();
    world.user("anna", given(json!([row("bert", "02440", "00000", "0")])));
    world.rename("bert", "berta", json!({}));
    let outcome = world.user("anna", given(json!([row("berta", "02440", "00000", "0")])));
    assert!(outcome.calls.len() <= 2 && active(&world, "anna").len() == 1, "{:?}", outcome.names());
    let outcome = world.user("anna", given(json!([row("berta", "08444", "00000", "0")])));
    assert_eq!(outcome.names(), ["DeputyUpdate"]);
}

#[test]
fn j6_a_late_deputy_is_granted_by_itself() {
    let mut world = world();
    world.user("anna", given(json!([row("late", "02440", "00000", "0")])));
    assert_eq!(active(&world, "anna"), []);
    assert_eq!(world.user("late", json!({})).rippled("anna"), ["DeputyGrant", "DeputyBlock"]);
}

#[test]
fn i8_disallow_deputy_myself_and_other_contexts() {
    let mut world = world();
    world.user("elsa", json!({"oxContext": 20}));
    world.user("anna", json!({}));
    let outcome = world.user("anna", given(json!([row("anna", "02440", "0", "0")])));
    assert!(outcome.refused().contains("five digits"));
    let outcome =
        world.user("anna", given(json!([row("anna", "02440", "00000", "0"), row("elsa", "02440", "00000", "0")])));
    assert!(outcome.calls.is_empty() && outcome.warnings.len() == 2, "{:?}", outcome.warnings);
}

#[test]
fn two_users_may_be_deputies_of_each_other() {
    let mut world = World::new();
    world.user("anna", given(json!([row("bert", "02440", "00000", "0")])));
    let outcome = world.user("bert", given(json!([row("anna", "02440", "00000", "0")])));
    assert_eq!(outcome.names(), ["UserCreate", "DeputyGrant", "DeputyBlock"]);
    assert_eq!(outcome.rippled("anna"), ["DeputyGrant", "DeputyBlock"]);
}

#[test]
fn nothing_happens_while_the_feature_is_off() {
    let mut world = world();
    world.settings.features.deputies = Feature::Off;
    assert_eq!(world.user("anna", given(json!([row("bert", "02440", "00000", "0")]))).names(), ["UserCreate"]);
}

#[test]
fn bad_input_deputy_rows() {
    let mut world = world();
    for rows in [json!([["only", "three", "cells"]]), json!([row("bert", "9", "00000", "0")]), json!(["flat"])] {
        let outcome = world.user("anna", given(rows.clone()));
        assert!(outcome.refused().contains("'oxDeputyPermissionGivenTo'"), "{rows}");
    }
}
