//! Shared accounts and permissions: catalogue I.9.

use oxherd::engine::RejectionCategory;
use oxherd::ox::model::{SharedAccountId, SharedPermission};
use oxherd::ox::settings::Feature;
use serde_json::{Value, json};

use crate::world::World;

/// A world with the permission `edit` and users by context.
fn world(users: &[(&str, u32)]) -> World {
    let mut world = World::new();
    world.permission("edit", json!({"mail": "editor", "calendar": "editor"}));
    for (name, context) in users {
        world.user(name, json!({"oxContext": context}));
    }
    world
}

fn users(pairs: &[(&str, &str)]) -> Value {
    json!({"users": pairs.iter().map(|(user, permission)| json!([user, format!("perm-{permission}")])).collect::<Vec<_>>()})
}

fn groups(pairs: &[(&str, &str)]) -> Value {
    let pair = |(group, permission): &(&str, &str)| json!([format!("group-{group}"), format!("perm-{permission}")]);
    json!({"groups": pairs.iter().map(pair).collect::<Vec<_>>()})
}

fn permissions(world: &World) -> Vec<SharedPermission> {
    let held = &world.ox.contexts[&oxherd::ox::model::ContextId(10)];
    held.shared.values().next().map(|(_, permissions)| permissions.clone()).unwrap_or_default()
}

#[test]
fn i9_create_shared_account() {
    let mut world = world(&[("anna", 10)]);
    world.permission("p", json!({"mail": "editor", "sendOnBehalf": "TRUE", "writeSnippets": true}));
    let outcome = world.shared("team", users(&[("anna", "p")]));
    assert_eq!(
        outcome.json(),
        json!([
            {"call": "sharedCreate", "context": 10, "fields": {
                "name": "team", "displayName": "team", "mail": "team@example.org", "language": "de_DE", "timezone": "Europe/Berlin",
                "imap": {"scheme": "imaps", "host": "mail.example.org", "port": 993},
                "smtp": {"scheme": "smtp", "host": "mail.example.org", "port": 587}
            }},
            {"call": "sharedPermissions", "context": 10, "account": null, "permissions": [{
                "context": 10, "mail": "editor", "calendar": "none", "capabilities": ["sendOnBehalf", "writeSnippets"],
                "users": [world.ox_id("anna")], "groups": []
            }]}
        ])
    );
}

#[test]
fn i9_modify_shared_account() {
    let mut world = world(&[]);
    world.shared("team", json!({}));
    let outcome =
        world.shared("team", json!({"name": "crew", "displayName": "Crew", "mailPrimaryAddress": "crew@example.org"}));
    assert_eq!(outcome.names(), ["SharedChange"], "and no permissions, because they are the same");
    assert_eq!(outcome.json()[0]["fields"]["name"], "crew");
}

#[test]
fn i9_delete_shared_account() {
    let mut world = world(&[("anna", 10)]);
    world.shared("team", users(&[("anna", "edit")]));
    assert_eq!(world.delete("shared-team").names(), ["SharedDelete"]);
    assert!(world.ox.context(10).shared.is_empty());
}

#[test]
fn i9_add_user() {
    let mut world = world(&[("anna", 10)]);
    assert_eq!(world.shared("team", json!({})).names(), ["SharedCreate"], "no permissions, no call for them");
    assert_eq!(world.shared("team", users(&[("anna", "edit")])).names(), ["SharedPermissions"]);
    assert_eq!(permissions(&world)[0].users, [world.ox_id("anna")].into());
}

#[test]
fn pairs_may_be_written_as_the_directory_stores_them() {
    let mut world = world(&[("anna", 10)]);
    world.shared("team", json!({"users": ["anna with perm-edit"]}));
    assert_eq!(permissions(&world).len(), 1);
}

#[test]
fn i9_add_user_and_rename_it() {
    let mut world = world(&[("anna", 10)]);
    world.shared("team", users(&[("anna", "edit")]));
    assert_eq!(world.rename("anna", "berta", json!({})).rippled("shared-team"), [""; 0]);
    assert!(world.shared("team", users(&[("anna", "edit")])).calls.is_empty());
}

#[test]
fn i9_add_user_in_another_context() {
    let mut world = world(&[("anna", 10), ("bert", 20), ("carl", 30)]);
    world.permission("view", json!({"mail": "viewer"}));
    world.shared("team", users(&[("anna", "edit"), ("bert", "view"), ("carl", "edit")]));
    let contexts: Vec<u32> = permissions(&world).iter().map(|permission| permission.context.0).collect();
    assert_eq!(contexts, [10, 20, 30]);
}

#[test]
fn i9_add_group() {
    let mut world = world(&[("anna", 10), ("bert", 10)]);
    world.group("sales", &["anna"], json!({}));
    world.shared("team", groups(&[("sales", "edit")]));
    assert_eq!(permissions(&world)[0].groups.len(), 1);
    world.group("empty", &[], json!({}));
    world.shared("team", groups(&[("empty", "edit")]));
    assert_eq!(permissions(&world).iter().map(|p| p.groups.len() + p.users.len()).sum::<usize>(), 0, "nobody");
    let outcome = world.group("empty", &["bert"], json!({}));
    assert_eq!(outcome.rippled("shared-team"), ["SharedPermissions"], "appears by itself");
    assert_eq!(permissions(&world)[0].groups.len(), 1);
}

#[test]
fn i9_add_group_with_users_across_multiple_ox_contexts() {
    let mut world = world(&[("anna", 10), ("bert", 20)]);
    world.group("sales", &["anna", "bert"], json!({}));
    world.shared("team", groups(&[("sales", "edit")]));
    assert_eq!(permissions(&world).len(), 2);
}

#[test]
fn i9_remove_user_and_remove_group() {
    let mut world = world(&[("anna", 10), ("bert", 10)]);
    world.group("sales", &["anna"], json!({}));
    let mut both = users(&[("anna", "edit"), ("bert", "edit")]);
    both["groups"] = groups(&[("sales", "edit")])["groups"].clone();
    world.shared("team", both);
    assert_eq!(
        (permissions(&world)[0].users.len(), permissions(&world)[0].groups.len()),
        (2, 1),
        "equal triples merge"
    );
    world.shared("team", users(&[("bert", "edit")]));
    assert_eq!((permissions(&world)[0].users.len(), permissions(&world)[0].groups.len()), (1, 0));
}

#[test]
fn i9_change_user_and_change_group() {
    let mut world = world(&[("anna", 10)]);
    world.permission("own", json!({"mail": "author", "sendAs": true}));
    world.group("sales", &["anna"], json!({}));
    world.shared("team", users(&[("anna", "edit")]));
    world.shared("team", users(&[("anna", "own")]));
    let [only] = &permissions(&world)[..] else { panic!() };
    assert_eq!((only.mail.as_ref(), only.capabilities.len()), ("author", 1));
    world.shared("team", groups(&[("sales", "edit")]));
    world.shared("team", groups(&[("sales", "own")]));
    assert_eq!(permissions(&world)[0].mail.as_ref(), "author");
}

#[test]
fn i9_replace_user() {
    let mut world = world(&[("anna", 10), ("bert", 10)]);
    world.shared("team", users(&[("anna", "edit")]));
    world.shared("team", users(&[("bert", "edit")]));
    assert_eq!(permissions(&world)[0].users, [world.ox_id("bert")].into());
}

#[test]
fn i9_create_shared_account_permission() {
    let mut world = world(&[]);
    let outcome = world.permission("p", json!({"mail": "author"}));
    assert!(outcome.calls.is_empty() && outcome.skipped.is_none());
}

#[test]
fn i9_modify_shared_account_permission() {
    let mut world = world(&[("anna", 10)]);
    world.shared("team", users(&[("anna", "edit")]));
    let outcome = world.permission("edit", json!({"mail": "editor", "calendar": "editor", "sendAs": "OK"}));
    assert_eq!(outcome.rippled("shared-team"), ["SharedPermissions"]);
    assert!(permissions(&world)[0].capabilities.contains("sendAs"));
}

#[test]
fn i9_delete_shared_account_permission() {
    let mut world = world(&[]);
    assert!(world.delete("perm-edit").calls.is_empty());
}

#[test]
fn j7_users_that_come_and_go_refresh_the_permissions() {
    let mut world = world(&[("anna", 10)]);
    world.shared("team", users(&[("anna", "edit"), ("late", "edit")]));
    assert_eq!(permissions(&world)[0].users.len(), 1);
    assert_eq!(world.user("late", json!({})).rippled("shared-team"), ["SharedPermissions"]);
    assert_eq!(permissions(&world)[0].users.len(), 2);
    assert_eq!(world.user("late", json!({"oxContext": 20})).rippled("shared-team"), ["SharedPermissions"]);
    assert_eq!(world.delete("late").rippled("shared-team"), ["SharedPermissions"]);
    assert_eq!(permissions(&world).len(), 1);
}

#[test]
fn a_user_is_converted_and_keeps_its_number() {
    let mut world = world(&[("anna", 10)]);
    let id = world.ox_id("anna");
    let properties =
        json!({"name": "anna", "displayName": "Anna", "oxContext": 10, "mailPrimaryAddress": "anna@example.org"});
    let kind = oxherd::udm::ObjectType::SharedAccount;
    let outcome = world.put(kind, "anna", "cn=anna,cn=sa,dc=example", properties.clone(), json!({}));
    assert_eq!(outcome.names(), ["SharedConvert", "SharedChange", "SharedPermissions"]);
    assert!(world.ox.context(10).shared.contains_key(&SharedAccountId(id.0)) && world.ox.context(10).users.is_empty());

    let mut world = self::world(&[("anna", 20)]);
    let outcome = world.put(kind, "anna", "cn=anna,cn=sa,dc=example", properties, json!({}));
    assert!(outcome.refused().contains("'oxContext'"), "only in its own context");
}

#[test]
fn an_account_that_ox_has_already_is_taken_over_unless_it_is_somebody_elses() {
    let mut world = world(&[]);
    world.crash = Some((0, true));
    world.shared("team", json!({}));
    world.crash = None;
    assert_eq!(world.shared("team", json!({})).names(), ["SharedChange", "SharedPermissions"]);
    assert_eq!(world.ox.context(10).shared.len(), 1);
    let outcome = world.shared("other", json!({"name": "team"}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
}

#[test]
fn an_account_that_vanished_from_ox_is_made_again() {
    let mut world = world(&[("anna", 10)]);
    world.shared("team", users(&[("anna", "edit")]));
    world.ox.context(10).shared.clear();
    let mut changed = users(&[("anna", "edit")]);
    changed["displayName"] = json!("New");
    assert_eq!(world.shared("team", changed).names(), ["SharedCreate", "SharedPermissions"]);
}

#[test]
fn nothing_happens_while_the_feature_is_off() {
    let mut world = world(&[]);
    world.settings.features.shared_accounts = Feature::Off;
    let outcome = world.shared("team", json!({}));
    assert!(outcome.calls.is_empty() && outcome.skipped.unwrap().contains("switched off"));
}

#[test]
fn bad_input_shared_account_properties() {
    let mut world = world(&[]);
    for (overrides, property) in [
        (json!({"oxContext": "x"}), "'oxContext'"),
        (json!({"oxContext": null}), "'oxContext'"),
        (json!({"displayName": ""}), "'displayName'"),
        (json!({"mailPrimaryAddress": "a b@x.org"}), "'mailPrimaryAddress'"),
        (json!({"name": "x".repeat(200)}), "'name'"),
        (json!({"users": ["alone"]}), "'users'"),
        (json!({"groups": [["a", "b", "c"]]}), "'groups'"),
        (json!({"users": "text"}), "'users'"),
    ] {
        let outcome = world.shared("team", overrides.clone());
        assert!(outcome.refused().contains(property), "{overrides}: {}", outcome.refused());
    }
    assert!(world.permission("odd", json!({"mail": "boss"})).refused().contains("'mail'"));
    world.shared("team", json!({}));
    assert!(world.shared("team", json!({"oxContext": 20})).refused().contains("'oxContext'"));
}
