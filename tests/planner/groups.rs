//! Groups: catalogue I.3.

use oxherd::engine::RejectionCategory;
use oxherd::ox::model::{Group, GroupId, UserId};
use oxherd::ox::state::OxState;
use serde_json::json;

use crate::world::World;

fn members(world: &World, context: u32, name: &str) -> Vec<UserId> {
    let held = &world.ox.contexts[&oxherd::ox::model::ContextId(context)];
    held.group(name).map(|group| group.members.iter().copied().collect()).unwrap_or_default()
}

/// A world with users by context.
fn world(users: &[(&str, u32)]) -> World {
    let mut world = World::new();
    for (name, context) in users {
        world.user(name, json!({"oxContext": context}));
    }
    world
}

#[test]
fn i3_ignore_group() {
    let mut world = world(&[("anna", 10)]);
    let outcome = world.group("sales", &["anna"], json!({"isOxGroup": "Not"}));
    assert!(outcome.calls.is_empty() && outcome.skipped.unwrap().contains("isOxGroup"));
}

#[test]
fn i3_enable_and_disable_group() {
    let mut world = world(&[("anna", 10), ("bert", 20)]);
    world.group("sales", &["anna", "bert"], json!({"isOxGroup": false}));
    assert_eq!(world.group("sales", &["anna", "bert"], json!({})).names(), ["GroupCreate", "GroupCreate"]);
    assert_eq!((members(&world, 10, "sales").len(), members(&world, 20, "sales").len()), (1, 1));
    assert_eq!(
        world.group("sales", &["anna", "bert"], json!({"isOxGroup": false})).names(),
        ["GroupDelete", "GroupDelete"]
    );
    assert_eq!(world.state("group-sales"), &OxState::Nothing);
}

#[test]
fn i3_add_group_with_one_user() {
    let mut world = world(&[("anna", 10)]);
    let outcome = world.group("sales", &["anna"], json!({}));
    assert_eq!(
        outcome.json(),
        json!([{"call": "groupCreate", "context": 10, "name": "sales", "displayName": "sales", "members": [world.ox_id("anna")]}])
    );
}

#[test]
fn i3_add_group_with_one_enabled_user_and_one_disabled() {
    let mut world = world(&[("anna", 10)]);
    world.user("bert", json!({"isOxUser": "Not"}));
    world.group("sales", &["anna", "bert"], json!({}));
    assert_eq!(members(&world, 10, "sales"), [world.ox_id("anna")]);
}

#[test]
fn i3_change_context_for_group_multi_user() {
    let mut world = world(&[("anna", 10), ("bert", 10), ("carl", 20)]);
    world.group("sales", &["anna", "bert", "carl"], json!({}));
    let outcome = world.user("anna", json!({"oxContext": 20}));
    assert_eq!(outcome.rippled("group-sales"), ["GroupAdd"], "OX takes a deleted user out by itself");
    assert_eq!(members(&world, 10, "sales"), [world.ox_id("bert")]);
    assert_eq!(members(&world, 20, "sales").len(), 2);
}

#[test]
fn i3_change_context_for_group_user() {
    let mut world = world(&[("anna", 10)]);
    world.group("sales", &["anna"], json!({}));
    let outcome = world.user("anna", json!({"oxContext": 20}));
    assert_eq!(outcome.rippled("group-sales"), ["GroupDelete", "GroupCreate"]);
    assert_eq!(members(&world, 20, "sales"), [world.ox_id("anna")]);
    assert!(world.ox.context(10).group("sales").is_none());
}

#[test]
fn i3_rename_group() {
    let mut world = world(&[("anna", 10)]);
    world.group("sales", &["anna"], json!({}));
    let id = world.ox.context(10).group("sales").unwrap().id;
    let outcome = world.group("sales", &["anna"], json!({"name": "market"}));
    assert_eq!(outcome.names(), ["GroupChange"]);
    let group = world.ox.context(10).group("market").unwrap();
    assert_eq!((group.id, group.display_name.as_str()), (id, "market"));
}

#[test]
fn i3_add_group_with_multiple_users_and_contexts() {
    let mut world = world(&[("anna", 10), ("bert", 20), ("carl", 20)]);
    world.group("sales", &["anna", "bert", "carl"], json!({}));
    assert_eq!((members(&world, 10, "sales").len(), members(&world, 20, "sales").len()), (1, 2));
}

#[test]
fn i3_modify_group_and_j16_display_name_is_the_udm_name() {
    let mut world = world(&[("anna", 10)]);
    world.settings.identifiers.group = "gidNumber".to_owned().into();
    world.group("sales", &["anna"], json!({"gidNumber": 5001}));
    let outcome = world.group("sales", &["anna"], json!({"gidNumber": 5001, "name": "xsalesx"}));
    assert_eq!(outcome.names(), ["GroupChange"]);
    let group = world.ox.context(10).group("5001").unwrap();
    assert_eq!((group.display_name.as_str(), group.members.len()), ("xsalesx", 1));
}

#[test]
fn i3_rename_user() {
    let mut world = world(&[("anna", 10)]);
    world.group("sales", &["anna"], json!({}));
    world.rename("anna", "berta", json!({}));
    let outcome = world.group("sales", &["berta"], json!({}));
    assert!(outcome.calls.is_empty());
    assert_eq!(members(&world, 10, "sales"), [world.ox_id("anna")]);
}

#[test]
fn i3_remove_user() {
    let mut world = world(&[("anna", 10), ("bert", 10)]);
    world.group("sales", &["anna", "bert"], json!({}));
    assert_eq!(world.delete("anna").rippled("group-sales"), [""; 0], "OX took it out by itself");
    assert_eq!(members(&world, 10, "sales").len(), 1);
    assert_eq!(world.delete("bert").rippled("group-sales"), ["GroupDelete"]);
}

#[test]
fn i3_remove_group() {
    let mut world = world(&[("anna", 10), ("bert", 20)]);
    world.group("sales", &["anna", "bert"], json!({}));
    assert_eq!(world.delete("group-sales").names(), ["GroupDelete", "GroupDelete"]);
    assert!(world.ox.context(10).group("sales").is_none() && world.ox.context(20).group("sales").is_none());
}

#[test]
fn i3_remove_last_member_of_group_with_two_members() {
    let mut world = world(&[("anna", 10), ("bert", 20)]);
    world.group("sales", &["anna", "bert"], json!({}));
    assert_eq!(world.delete("anna").rippled("group-sales"), ["GroupDelete"]);
    assert!(world.ox.context(20).group("sales").is_some());
    assert_eq!(world.delete("bert").rippled("group-sales"), ["GroupDelete"]);
}

#[test]
fn i3_remove_last_member_of_group_with_one_member() {
    let mut world = world(&[("anna", 10)]);
    world.group("sales", &["anna"], json!({}));
    world.user("anna", json!({"isOxUser": "Not"}));
    assert!(world.ox.context(10).group("sales").is_none());
}

#[test]
fn i10_missing_user_cache_entry_j6_a_late_member_joins_by_itself() {
    let mut world = world(&[("anna", 10)]);
    world.group("sales", &["anna", "bert", "carl"], json!({}));
    assert_eq!(members(&world, 10, "sales").len(), 1);
    assert_eq!(world.user("bert", json!({})).rippled("group-sales"), ["GroupAdd"]);
    assert_eq!(world.user("carl", json!({"oxContext": 20})).rippled("group-sales"), ["GroupCreate"]);
}

#[test]
fn i11_get_group_objs() {
    let mut world = world(&[("anna", 10), ("bert", 10), ("carl", 20)]);
    assert!(world.group("none", &["anna"], json!({"isOxGroup": "Not"})).calls.is_empty(), "no OX group");
    assert!(world.group("empty", &[], json!({})).calls.is_empty(), "no members");
    assert!(world.group("missing", &[], json!({"users": null})).calls.is_empty(), "no list of members");
    assert_eq!(world.group("one", &["anna", "bert"], json!({})).names(), ["GroupCreate"], "two users in one context");
    assert_eq!(world.group("two", &["anna", "carl"], json!({})).calls.len(), 2, "two contexts");
    assert_eq!(
        world.group("unknown", &["anna", "nobody"], json!({})).json()[0]["members"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn j15_a_group_called_users_is_never_touched_in_any_case() {
    let mut world = world(&[("anna", 10)]);
    for name in ["users", "Users", "USERS"] {
        let outcome = world.group(name, &["anna"], json!({}));
        assert!(outcome.calls.is_empty() && outcome.skipped.unwrap().contains("users"), "{name}");
    }
}

#[test]
fn a_group_that_ox_has_already_is_taken_over() {
    let mut world = world(&[("anna", 10), ("bert", 10)]);
    let id = GroupId(world.ox.context(10).next());
    let found = Group { id, name: "Sales".into(), display_name: "Old".into(), members: [world.ox_id("bert")].into() };
    world.ox.context(10).groups.insert(id, found);
    assert_eq!(world.group("sales", &["anna"], json!({})).names(), ["GroupChange"]);
    assert_eq!(members(&world, 10, "sales"), [world.ox_id("anna")]);
    assert_eq!(world.ox.context(10).group("sales").unwrap().id, id);
}

#[test]
fn the_group_of_another_object_is_a_conflict() {
    let mut world = world(&[("anna", 10)]);
    world.group("sales", &["anna"], json!({}));
    let outcome = world.group("other", &["anna"], json!({"name": "SALES"}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
}

#[test]
fn members_that_ox_holds_differently_are_replaced_as_a_whole() {
    let mut world = world(&[("anna", 10), ("bert", 10), ("carl", 10), ("dora", 10), ("emil", 10)]);
    world.group("sales", &["anna", "bert", "carl"], json!({}));
    let dora = world.ox_id("dora");
    let id = world.ox.context(10).group("sales").unwrap().id;
    world.ox.context(10).groups.get_mut(&id).unwrap().members.insert(dora);
    let outcome = world.group("sales", &["anna", "bert", "carl", "dora"], json!({}));
    assert_eq!(outcome.names(), ["GroupChange"]);
    assert_eq!(members(&world, 10, "sales").len(), 4);
}

#[test]
fn a_group_that_vanished_from_ox_is_made_again() {
    let mut world = world(&[("anna", 10), ("bert", 10), ("carl", 10)]);
    world.group("sales", &["anna", "bert"], json!({}));
    let id = world.ox.context(10).group("sales").unwrap().id;
    world.ox.context(10).groups.remove(&id);
    assert_eq!(world.group("sales", &["anna", "bert", "carl"], json!({})).names(), ["GroupCreate"]);
}

#[test]
fn one_more_member_in_a_group_of_5000_is_one_small_call() {
    let mut world = World::new();
    let names: Vec<String> = (0..5001).map(|n| format!("u{n}")).collect();
    let (mut dns, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
    let mut known = oxherd::engine::Known::default();
    for name in &names {
        let dn = crate::world::dn(&crate::world::user_dn(name));
        let id = UserId(world.ox.context(10).next());
        let handle = oxherd::state::Handle::dn(&dn);
        let found = oxherd::state::Found {
            handle: handle.clone(),
            object: crate::world::id(name),
            kind: oxherd::udm::ObjectType::User,
            face: json!({"context": 10, "id": id, "version": ""}),
        };
        known.set_face(handle, Some(found));
        dns.push(dn.as_str().to_owned());
        ids.insert(id);
    }
    let last = *ids.last().unwrap();
    ids.remove(&last);
    let context = oxherd::ox::model::ContextId(10);
    let group = Group { id: GroupId(9), name: "all".into(), display_name: "all".into(), members: ids };
    let state =
        OxState::Groups(oxherd::ox::state::GroupState { groups: [(context, group)].into(), ..Default::default() });
    let desired = crate::world::properties(json!({"name": "all", "isOxGroup": true, "users": dns}));
    let input = oxherd::ox::plan::PlanInput {
        object: &crate::world::id("g"),
        kind: oxherd::udm::ObjectType::Group,
        dn: &crate::world::dn("cn=all,dc=example"),
        desired: Some(&desired),
        state: &state,
        known: &known,
        facts: &[],
    };
    let oxherd::ox::plan::Step::Do(plan) = oxherd::ox::plan::plan(&world.settings, &input).unwrap() else { panic!() };
    assert_eq!(
        serde_json::to_value(plan.calls).unwrap(),
        json!([{"call": "groupAdd", "context": 10, "group": 9, "members": [{"id": last}]}])
    );
}

#[test]
fn bad_input_group_properties() {
    let mut world = world(&[("anna", 10)]);
    for (overrides, property) in [
        (json!({"users": {"a": 1}}), "'users'"),
        (json!({"users": [["a"]]}), "'users'"),
        (json!({"isOxGroup": "maybe"}), "'isOxGroup'"),
        (json!({"name": ""}), "'name'"),
        (json!({"name": "x".repeat(129)}), "'name'"),
    ] {
        let outcome = world.group("sales", &["anna"], overrides.clone());
        assert!(outcome.refused().contains(property), "{overrides}: {}", outcome.refused());
    }
}

#[test]
fn a_member_that_vanished_from_ox_does_not_make_planning_endless() {
    let mut world = world(&[("anna", 10), ("bert", 10), ("carl", 10), ("dora", 10)]);
    world.group("sales", &["anna", "bert", "carl"], json!({}));
    let dora = world.ox_id("dora");
    world.ox.context(10).users.remove(&dora);
    let outcome = world.group("sales", &["anna", "bert", "carl", "dora"], json!({}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
    assert_eq!(
        world.user("dora", json!({"title": "Dr."})).rippled("group-sales"),
        ["GroupAdd"],
        "and is repaired with it"
    );
}
