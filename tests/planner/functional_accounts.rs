//! Functional accounts: catalogue I.6.

use oxherd::engine::RejectionCategory;
use oxherd::ox::model::UserId;
use oxherd::ox::template::AccountTemplate;
use serde_json::json;

use crate::world::World;

fn world(users: &[&str]) -> World {
    let mut world = World::new();
    for name in users {
        world.user(name, json!({}));
    }
    world
}

fn owners(world: &World, address: &str) -> Vec<UserId> {
    let held = &world.ox.contexts[&oxherd::ox::model::ContextId(10)];
    held.accounts.keys().filter(|(_, a)| a == address).map(|(user, _)| *user).collect()
}

#[test]
fn i6_add_functional_account_with_user() {
    let mut world = world(&["anna"]);
    let outcome = world.functional("info", &["anna"], json!({"personal": "Info Desk"}));
    assert_eq!(
        outcome.json(),
        json!([{
            "call": "accountCreate", "context": 10, "address": "info@example.org", "name": "info", "personal": "Info Desk",
            "login": "fa-infoanna", "users": [world.ox_id("anna")]
        }])
    );
}

#[test]
fn i6_add_functional_account_with_2_of_5_users() {
    let mut world = world(&["anna", "bert", "carl", "dora", "emil"]);
    world.functional("info", &["bert", "dora"], json!({}));
    assert_eq!(owners(&world, "info@example.org"), [world.ox_id("bert"), world.ox_id("dora")]);
}

#[test]
fn users_with_the_same_login_are_one_call() {
    let mut world = world(&["anna", "bert", "carl"]);
    world.settings.functional_account_login = AccountTemplate::parse("{{fa_email_address}}*master");
    let outcome = world.functional("info", &["anna", "bert", "carl"], json!({}));
    assert_eq!(outcome.names(), ["AccountCreate"]);
    assert_eq!(outcome.json()[0]["users"].as_array().unwrap().len(), 3);
}

#[test]
fn i6_multiple_functional_accounts_same_user() {
    let mut world = world(&["anna"]);
    for name in ["one", "two", "three"] {
        world.functional(name, &["anna"], json!({}));
    }
    assert_eq!(world.ox.context(10).accounts.len(), 3);
}

#[test]
fn i6_multiple_functional_accounts_different_user() {
    let mut world = world(&["anna", "bert"]);
    world.functional("one", &["anna"], json!({}));
    world.functional("two", &["bert"], json!({}));
    assert_eq!(owners(&world, "one@example.org"), [world.ox_id("anna")]);
    assert_eq!(owners(&world, "two@example.org"), [world.ox_id("bert")]);
}

#[test]
fn i6_modify_functional_account_and_j18_nothing_is_deleted_and_made_anew() {
    let mut world = world(&["anna", "bert", "carl"]);
    world.functional("info", &["anna", "carl"], json!({}));
    let outcome = world.functional("info", &["bert", "carl"], json!({}));
    assert_eq!(outcome.names(), ["AccountDelete", "AccountCreate"], "for anna and bert only");
    assert_eq!(outcome.json()[0]["users"], json!([{"id": world.ox_id("anna")}]));
    assert_eq!(outcome.json()[1]["users"], json!([world.ox_id("bert")]));
    let outcome = world.functional("info", &["bert", "carl"], json!({"personal": "Info"}));
    assert_eq!(outcome.names(), ["AccountUpdate", "AccountUpdate"], "one for each login");
    assert!(world.functional("info", &["carl", "bert"], json!({"personal": "Info", "oxQuota": 5})).calls.is_empty());
}

#[test]
fn i6_empty_functional_account() {
    let mut world = world(&["anna"]);
    world.functional("info", &["anna"], json!({}));
    assert_eq!(world.functional("info", &[], json!({})).names(), ["AccountDelete"]);
    assert!(world.ox.context(10).accounts.is_empty());
}

#[test]
fn i6_remove_functional_account() {
    let mut world = world(&["anna", "bert"]);
    world.functional("info", &["anna", "bert"], json!({}));
    assert_eq!(world.delete("fa-info").names(), ["AccountDelete"]);
    assert!(world.ox.context(10).accounts.is_empty());
}

#[test]
fn i6_remove_user() {
    let mut world = world(&["anna"]);
    world.functional("info", &["anna"], json!({}));
    let outcome = world.delete("anna");
    assert_eq!(outcome.rippled("fa-info"), [""; 0], "the accounts went with the user");
    assert!(world.ox.context(10).accounts.is_empty());
}

#[test]
fn i6_modify_user() {
    let mut world = world(&["anna"]);
    world.functional("info", &["anna"], json!({}));
    let outcome = world.rename("anna", "berta", json!({}));
    assert_eq!(
        outcome.rippled("fa-info"),
        [""; 0],
        "under its old name the user is not found, which is no reason to delete"
    );
    let outcome = world.functional("info", &["berta"], json!({}));
    assert_eq!(outcome.names(), ["AccountUpdate"], "the login is made of the name");
    assert_eq!(owners(&world, "info@example.org"), [world.ox_id("anna")]);
}

#[test]
fn i11_get_account_objs() {
    let mut world = world(&["anna", "bert"]);
    world.user("carl", json!({"oxContext": 20}));
    assert!(world.functional("a", &[], json!({})).calls.is_empty());
    assert!(world.functional("b", &[], json!({"users": null})).calls.is_empty());
    assert_eq!(
        world.functional("c", &["anna", "carl", "nobody"], json!({})).names(),
        ["AccountCreate", "AccountCreate"]
    );
}

#[test]
fn j6_a_late_user_gets_the_account_by_itself() {
    let mut world = world(&["anna"]);
    world.functional("info", &["anna", "bert"], json!({}));
    assert_eq!(world.user("bert", json!({})).rippled("fa-info"), ["AccountCreate"]);
}

#[test]
fn bad_input_the_address_is_the_primary_one_of_a_user() {
    let mut world = world(&["anna", "bert"]);
    let outcome = world.functional("info", &["bert"], json!({"mailPrimaryAddress": "ANNA@example.org"}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
    assert!(outcome.refused().contains("'mailPrimaryAddress'"));
    let outcome = world.user("anna", json!({"mailPrimaryAddress": "other@example.org"}));
    assert_eq!(outcome.rippled("fa-info"), ["AccountCreate"], "the address is free now");
}

#[test]
fn the_own_account_of_a_user_is_never_deleted() {
    let mut world = world(&["anna", "bert"]);
    world.functional("info", &["anna", "bert"], json!({}));
    // Somehow anna got the address of the account as her primary one: OX would delete her mailbox with it.
    let id = world.ox_id("anna");
    let address = oxherd::ox::model::FieldValue::Text("info@example.org".into());
    let primary = oxherd::ox::attribute::Attribute::PRIMARY_EMAIL;
    world.ox.context(10).users.get_mut(&id).unwrap().fields.insert(primary, address);
    world.user("anna", json!({"mailPrimaryAddress": "info@example.org"}));
    let outcome = world.delete("fa-info");
    assert_eq!(outcome.json()[0]["users"], json!([{"id": world.ox_id("bert")}]));
    assert!(!outcome.warnings.is_empty());
}

#[test]
fn accounts_that_ox_has_already_are_taken_over() {
    let mut world = world(&["anna", "bert"]);
    world.crash = Some((0, true));
    world.functional("info", &["anna"], json!({}));
    world.crash = None;
    assert_eq!(owners(&world, "info@example.org").len(), 1);
    let outcome = world.functional("info", &["anna", "bert"], json!({}));
    assert_eq!(outcome.names(), ["AccountCreate"], "for bert only");
    assert_eq!(owners(&world, "info@example.org").len(), 2);
}

#[test]
fn hidden_accounts_of_that_address_make_room() {
    let mut world = world(&["anna"]);
    let id = world.ox_id("anna");
    world.ox.context(10).hidden.insert((id, "info@example.org".into()));
    assert_eq!(world.functional("info", &["anna"], json!({})).names(), ["AccountDelete", "AccountCreate"]);
}

#[test]
fn bad_input_functional_account_properties() {
    let mut world = world(&["anna"]);
    for (overrides, hint) in [
        (json!({"name": ""}), "'name'"),
        (json!({"mailPrimaryAddress": null}), "'mailPrimaryAddress'"),
        (json!({"mailPrimaryAddress": "in fo@x.org"}), "'mailPrimaryAddress'"),
        (json!({"users": 7.5}), ""),
    ] {
        let outcome = world.functional("info", &["anna"], overrides.clone());
        assert!(outcome.rejection.is_none() || outcome.refused().contains(hint), "{overrides}");
    }
}

#[test]
fn j35_a_template_with_an_unknown_property_names_template_and_property() {
    let mut world = world(&["anna"]);
    world.settings.functional_account_login = AccountTemplate::parse("{{shoeSize}}");
    let outcome = world.functional("info", &["anna"], json!({}));
    assert!(outcome.refused().contains("'{{shoeSize}}'") && outcome.refused().contains("'shoeSize'"));
}
