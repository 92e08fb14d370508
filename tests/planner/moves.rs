//! Users that move between contexts.

use oxherd::engine::RejectionCategory;
use oxherd::ox::attribute::Attribute;
use oxherd::ox::model::{FieldValue, GroupId};
use serde_json::json;

use crate::world::World;

#[test]
fn i2_change_context() {
    let mut world = World::new();
    world.user("anna", json!({}));
    for (context, others) in [(20, [10, 30]), (30, [10, 20]), (10, [20, 30])] {
        let outcome = world.user("anna", json!({"oxContext": context}));
        assert_eq!(outcome.names(), ["UserCopy", "UserChange", "GroupAdd", "UserDelete"]);
        assert!(world.ox.context(context).user("anna").is_some());
        assert!(others.iter().all(|other| world.ox.context(*other).user("anna").is_none()));
        let id = world.ox_id("anna");
        assert!(world.ox.context(context).groups[&GroupId::DEFAULT].members.contains(&id), "in the default group");
        assert_eq!(world.value("anna", "max_quota"), -1, "a copy has a quota of 0, which is put right");
    }
}

#[test]
fn a_copy_gets_all_fields_without_picture_first() {
    let mut world = World::new();
    let picture = crate::pictures::jpeg();
    world.user("anna", json!({"jpegPhoto": picture, "oxNote": "n", "title": "Dr."}));
    let outcome = world.user("anna", json!({"oxContext": 20, "jpegPhoto": picture, "title": "Dr."}));
    assert_eq!(outcome.names(), ["UserCopy", "UserChange", "GroupAdd", "UserChange", "UserDelete"]);
    let fields = &outcome.json()[1]["fields"];
    assert_eq!(fields["title"], json!({"text": "Dr."}));
    assert_eq!(fields["note"], json!({"text": ""}), "what vanished with the move is cleared");
    assert_eq!(fields.get("image1"), None);
    let second = outcome.json()[3]["fields"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(second, ["image1"]);
}

#[test]
fn move_and_rename_in_one_step() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let outcome =
        world.rename("anna", "berta", json!({"oxContext": 20, "oxAccess": "none", "mailPrimaryAddress": "b@x.org"}));
    assert_eq!(outcome.names(), ["UserCopy", "UserChange", "GroupAdd", "UserRights", "UserDelete"]);
    assert_eq!(outcome.json()[0]["name"], "anna", "the copy has the old name");
    assert_eq!(world.in_ox("anna").name, "berta");
    assert_eq!(world.value("anna", "default_sender_address"), "b@x.org");
}

#[test]
fn i2_existing_user_in_different_context() {
    let mut world = World::new();
    world.user("legacy", json!({"firstname": "GivenB"}));
    // A user that OX had before us: take it out of our records, rename it in OX.
    let id = world.ox_id("legacy");
    world.set_state("legacy", oxherd::ox::state::OxState::Nothing);
    world.user("legacy", json!({"isOxUser": false}));
    world.ox.context(10).users.get_mut(&id).unwrap().name = "anna".into();

    world.user("anna", json!({"oxContext": 20, "firstname": "GivenA"}));
    world.user("anna", json!({"oxContext": 10, "firstname": "GivenA"}));
    assert!(world.ox.context(20).user("anna").is_none());
    assert_eq!(world.ox.context(10).user("anna").unwrap().0, id, "taken over");
    assert_eq!(world.value("anna", "given_name"), "GivenA");
}

#[test]
fn j13_move_both_exist_uses_right_ids() {
    let mut world = World::new();
    for name in ["x", "y", "z"] {
        world.user(name, json!({"oxContext": 20}));
    }
    world.user("anna", json!({}));
    let old = world.ox_id("anna");
    let mut legacy = world.in_ox("anna").clone();
    legacy.fields.insert(Attribute::GIVEN_NAME, FieldValue::Text("Other".into()));
    let new = oxherd::ox::model::UserId(world.ox.context(20).next());
    world.ox.context(20).users.insert(new, legacy);
    assert_ne!(old, new);
    let outcome = world.user("anna", json!({"oxContext": 20}));
    assert_eq!(world.ox_id("anna"), new);
    assert_eq!(
        outcome.calls.last().unwrap(),
        &oxherd::ox::model::Call::UserDelete { context: oxherd::ox::model::ContextId(10), user: old }
    );
    assert!(outcome.json()[0]["user"] == json!({"id": new.0}) && world.value("anna", "given_name") == "Given");
    assert!(!outcome.names().contains(&"UserCopy"));
}

#[test]
fn j23_a_move_is_continued_wherever_it_was_cut_off() {
    for after in [false, true] {
        for calls in 0..6 {
            let mut world = World::new();
            let picture = crate::pictures::jpeg();
            world.user("anna", json!({"jpegPhoto": picture, "oxUserQuota": 5}));
            world.functional("info", &["anna"], json!({}));
            let moved = json!({"jpegPhoto": picture, "oxContext": 20, "oxUserQuota": 5, "oxAccess": "none", "username": "berta"});
            world.crash = Some((calls, after));
            world.user("anna", moved.clone());
            world.crash = None;
            world.user("anna", moved.clone());
            let case = format!("cut off {} call {calls}", if after { "after" } else { "before" });
            assert!(world.ox.context(10).users.is_empty(), "{case}");
            assert_eq!(world.ox.context(20).users.len(), 1, "{case}");
            let id = world.ox_id("anna");
            assert_eq!(world.in_ox("anna").name, "berta", "{case}");
            assert!(world.ox.context(20).groups[&GroupId::DEFAULT].members.contains(&id), "{case}");
            assert!(world.in_ox("anna").fields.contains_key(&Attribute::IMAGE1), "{case}");
            assert_eq!(world.value("anna", "max_quota"), 5, "{case}");
            assert!(world.in_ox("anna").rights == oxherd::ox::rights::Rights::NONE, "{case}");
            assert!(world.ox.context(20).hidden.is_empty(), "{case}");
            assert!(world.ox.context(20).accounts.len() == 1, "{case}: the functional account followed");
            assert!(world.user("anna", moved).calls.is_empty(), "{case}");
        }
    }
}

#[test]
fn accounts_that_came_along_are_removed_but_never_his_own() {
    let mut world = World::new();
    world.user("anna", json!({}));
    world.functional("info", &["anna"], json!({}));
    let outcome = world.user("anna", json!({"oxContext": 20}));
    assert_eq!(outcome.names(), ["UserCopy", "AccountDelete", "UserChange", "GroupAdd", "UserDelete"]);
    assert_eq!(outcome.json()[1]["address"], "info@example.org");
    assert_eq!(outcome.rippled("fa-info"), ["AccountCreate"]);

    // The address of the account becomes his primary one: then nothing with that address is deleted.
    let outcome = world.user("anna", json!({"oxContext": 30, "mailPrimaryAddress": "Info@example.org"}));
    assert!(!outcome.names().contains(&"AccountDelete"));
}

#[test]
fn without_copy_service_the_user_is_made_anew() {
    let mut world = World::new();
    world.ox.without_copy = true;
    world.user("anna", json!({}));
    let outcome = world.user("anna", json!({"oxContext": 20}));
    assert_eq!(outcome.names(), ["UserCreate", "UserDelete"]);
    assert!(outcome.warnings.iter().any(|warning| warning.contains("user copy")));
    assert!(world.ox.context(20).user("anna").is_some() && world.ox.context(10).users.is_empty());
}

#[test]
fn the_name_of_somebody_else_in_the_new_context_is_a_conflict() {
    let mut world = World::new();
    world.user("anna", json!({}));
    world.rename("other", "anna", json!({"oxContext": 20}));
    let outcome = world.user("anna", json!({"oxContext": 20}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
    assert!(world.ox.context(10).user("anna").is_some(), "nothing happened");
}

#[test]
fn a_namesake_under_the_old_name_is_not_taken_for_the_copy() {
    let mut world = World::new();
    world.user("anna", json!({}));
    world.rename("other", "anna", json!({"oxContext": 20}));
    let other = world.ox_id("other");
    world.settings.features.user_copy = oxherd::ox::settings::Feature::Off;
    world.rename("anna", "berta", json!({"oxContext": 20}));
    assert_ne!(world.ox_id("anna"), other);
    assert_eq!(world.in_ox("other").name, "anna");
}

#[test]
fn an_unfinished_move_that_goes_on_elsewhere_leaves_nothing_behind() {
    for target in [10, 30] {
        for calls in 1..4 {
            let mut world = World::new();
            world.user("anna", json!({}));
            world.crash = Some((calls, true));
            world.user("anna", json!({"oxContext": 20}));
            world.crash = None;
            world.user("anna", json!({"oxContext": target}));
            for context in [10, 20, 30] {
                let expected = usize::from(context == target);
                assert_eq!(
                    world.ox.context(context).users.len(),
                    expected,
                    "to {target} after {calls}, context {context}"
                );
            }
        }
    }
}

#[test]
fn a_move_to_an_unknown_context_waits_and_leaves_the_user_where_it_is() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let outcome = world.user("anna", json!({"oxContext": 99}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Waiting);
    assert!(world.ox.context(10).user("anna").is_some());
}

#[test]
fn a_user_that_is_deleted_in_the_middle_of_a_move_is_deleted_in_both_contexts() {
    let mut world = World::new();
    world.user("anna", json!({}));
    world.crash = Some((1, false));
    world.user("anna", json!({"oxContext": 20}));
    world.crash = None;
    assert_eq!(world.ox.context(20).users.len() + world.ox.context(10).users.len(), 2);
    assert_eq!(world.delete("anna").names(), ["UserDelete", "UserDelete"]);
    assert_eq!(world.ox.context(20).users.len() + world.ox.context(10).users.len(), 0);
}

#[test]
fn an_unfinished_move_that_ends_at_a_user_that_was_there_before_leaves_nothing_behind() {
    let mut world = World::new();
    world.user("anna", json!({}));
    world.crash = Some((1, false));
    world.user("anna", json!({"oxContext": 20}));
    world.crash = None;
    let legacy = world.in_ox("anna").clone();
    let id = oxherd::ox::model::UserId(world.ox.context(30).next());
    world.ox.context(30).users.insert(id, legacy);
    world.user("anna", json!({"oxContext": 30}));
    assert_eq!((world.ox.context(10).users.len(), world.ox.context(20).users.len()), (0, 0));
    assert_eq!(world.ox_id("anna"), id);
}
