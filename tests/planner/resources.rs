//! Resources: catalogue I.5.

use oxherd::engine::RejectionCategory;
use oxherd::ox::model::{Call, ContextId, ResourceFields, ResourceId};
use serde_json::json;

use crate::world::World;

#[test]
fn i5_add_resource_in_default_context() {
    let mut world = World::new();
    let outcome = world.resource("room", json!({"displayname": "Room 1", "description": "big"}));
    assert_eq!(
        outcome.json(),
        json!([{"call": "resourceCreate", "context": 10, "fields": {
            "name": "room", "displayName": "Room 1", "description": "big", "mail": "room@example.org"
        }}])
    );
}

#[test]
fn i5_add_resource() {
    let mut world = World::new();
    world.resource("room", json!({"oxContext": 20}));
    assert_eq!((world.ox.context(20).resources.len(), world.ox.context(10).resources.len()), (1, 0));
}

#[test]
fn i5_modify_resource() {
    let mut world = World::new();
    world.resource("room", json!({}));
    let outcome = world
        .resource("room", json!({"description": "d", "displayname": "New", "resourceMailAddress": "new@example.org"}));
    assert_eq!(outcome.names(), ["ResourceChange"]);
    assert_eq!(outcome.attributes, ["displayname", "description", "email"]);
}

#[test]
fn i5_remove_resource_and_delete_already_deleted() {
    let mut world = World::new();
    world.resource("room", json!({}));
    assert_eq!(world.delete("res-room").names(), ["ResourceDelete"]);
    world.resource("room", json!({}));
    world.ox.context(10).resources.clear();
    assert!(world.delete("res-room").calls.is_empty(), "it was gone");
}

#[test]
fn i5_change_context_resource() {
    let mut world = World::new();
    world.resource("room", json!({"oxContext": 10}));
    world.resource("room", json!({"oxContext": 10, "description": "d"}));
    let outcome = world.resource("room", json!({"oxContext": 20, "description": "d", "displayname": "New"}));
    assert_eq!(outcome.names(), ["ResourceCreate", "ResourceDelete"]);
    assert!(world.ox.context(10).resources.is_empty());
    let fields = world.ox.context(20).resources.values().next().unwrap();
    assert_eq!((fields.description.as_str(), fields.display_name.as_str()), ("d", "New"));
}

#[test]
fn i5_unset_all_attributes() {
    let mut world = World::new();
    world.resource("room", json!({"description": "d"}));
    let outcome = world.resource("room", json!({"description": ""}));
    assert_eq!(outcome.json()[0]["fields"]["description"], "");
    assert_eq!(outcome.json()[0]["fields"]["name"], "room");
}

#[test]
fn i5_wrong_values_are_refused() {
    let mut world = World::new();
    for (overrides, property) in [
        (json!({"name": ""}), "'name'"),
        (json!({"name": null, "displayname": null}), "'name'"),
        (json!({"name": [{"a": 1}]}), "'name'"),
        (json!({"resourceMailAddress": ""}), "'resourceMailAddress'"),
        (json!({"resourceMailAddress": "a b@x.org"}), "'resourceMailAddress'"),
        (json!({"oxContext": "text"}), "'oxContext'"),
    ] {
        let outcome = world.resource("room", overrides.clone());
        assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::InvalidObject);
        assert!(outcome.refused().contains(property), "{overrides}: {}", outcome.refused());
    }
}

fn odd() -> ResourceFields {
    let text = |text: &str| text.to_owned();
    ResourceFields {
        name: text("ROOM"),
        display_name: text("Old"),
        description: text(""),
        mail: text("old@example.org"),
    }
}

#[test]
fn j17_resource_move_in_the_both_exist_case_uses_the_right_ids() {
    let mut world = World::new();
    world.resource("room", json!({}));
    for _ in 0..5 {
        world.ox.context(20).next();
    }
    let there = ResourceId(world.ox.context(20).next());
    world.ox.context(20).resources.insert(there, odd());
    let here = *world.ox.context(10).resources.keys().next().unwrap();
    let outcome = world.resource("room", json!({"oxContext": 20}));
    let [Call::ResourceChange { resource, .. }, Call::ResourceDelete { context, resource: deleted }] =
        outcome.calls[..]
    else {
        panic!("{:?}", outcome.names())
    };
    assert_eq!((resource, context, deleted), (there, ContextId(10), here));
}

#[test]
fn a_resource_that_ox_has_already_is_taken_over_unless_it_is_somebody_elses() {
    let mut world = World::new();
    let id = ResourceId(world.ox.context(10).next());
    world.ox.context(10).resources.insert(id, odd());
    assert_eq!(world.resource("room", json!({})).names(), ["ResourceChange"]);
    let outcome = world.resource("other", json!({"name": "room"}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
}

#[test]
fn a_resource_move_is_continued_wherever_it_was_cut_off() {
    for (calls, after) in [(0, false), (0, true), (1, false), (1, true)] {
        let mut world = World::new();
        world.resource("room", json!({}));
        world.crash = Some((calls, after));
        world.resource("room", json!({"oxContext": 20}));
        world.crash = None;
        world.resource("room", json!({"oxContext": 20}));
        assert_eq!(
            (world.ox.context(10).resources.len(), world.ox.context(20).resources.len()),
            (0, 1),
            "{calls} {after}"
        );
    }
}

#[test]
fn a_resource_in_an_unknown_context_waits_for_it() {
    let mut world = World::new();
    let outcome = world.resource("room", json!({"oxContext": 99}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Waiting);
    assert_eq!(world.context(99, json!({})).rippled("res-room"), ["ResourceCreate"]);
}
