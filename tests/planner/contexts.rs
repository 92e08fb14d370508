//! Contexts: catalogue I.1.

use oxherd::engine::RejectionCategory;
use oxherd::ox::model::ContextId;
use serde_json::json;

use crate::world::{World, settings};

fn world() -> World {
    World::empty(settings())
}

#[test]
fn i1_add_context() {
    let mut world = world();
    let outcome = world.context(12, json!({"oxQuota": 1000}));
    assert_eq!(
        outcome.json(),
        json!([{
            "call": "contextCreate", "context": 12, "name": "context12", "quota": 1000, "mappings": ["12", "context12"],
            "admin": {"name": "oxadmin-context12", "mail": "oxadmin-context12@example.org", "language": "de_DE", "timezone": "Europe/Berlin"}
        }])
    );
    assert_eq!(world.ox.context(12).quota, 1000);
}

#[test]
fn i1_add_default_context_has_the_short_admin_name() {
    let outcome = world().context(10, json!({}));
    assert_eq!(outcome.json()[0]["admin"]["name"], "oxadmin");
}

#[test]
fn i1_add_context_without_quota() {
    assert_eq!(world().context(12, json!({})).json()[0]["quota"], -1);
    assert_eq!(world().context(12, json!({"oxQuota": ""})).json()[0]["quota"], -1);
}

#[test]
fn j20_quota_zero_is_zero_and_not_unlimited() {
    assert_eq!(world().context(12, json!({"oxQuota": 0})).json()[0]["quota"], 0);
    assert_eq!(world().context(12, json!({"oxQuota": "0"})).json()[0]["quota"], 0);
}

#[test]
fn i1_modify_context() {
    let mut world = world();
    world.context(12, json!({"oxQuota": 1000}));
    let outcome = world.context(12, json!({"oxQuota": "2000"}));
    assert_eq!(
        outcome.json(),
        json!([{"call": "contextChange", "context": 12, "name": null, "quota": 2000, "mappings": null}])
    );
    assert_eq!(world.context(12, json!({})).json()[0]["quota"], -1, "no quota any more");
}

#[test]
fn i1_remove_context() {
    let mut world = world();
    world.context(12, json!({}));
    assert_eq!(world.delete("ctx-12").names(), ["ContextDelete"]);
    assert!(world.ox.contexts.is_empty());
}

#[test]
fn i1_create_context_with_not_unique_id() {
    let mut world = world();
    world.context(12, json!({}));
    let outcome = world.put(
        oxherd::udm::ObjectType::Context,
        "other",
        "cn=other,dc=example",
        json!({"name": "other", "contextid": 12}),
        json!({}),
    );
    assert_eq!(outcome.rejection.as_ref().map(|r| r.category), Some(RejectionCategory::Conflict));
    assert!(outcome.refused().contains("context 12"));
    // When the first one goes, the second one takes its place by itself.
    let outcome = world.delete("ctx-12");
    assert_eq!(outcome.rippled("other"), ["ContextCreate"]);
}

#[test]
fn a_context_that_ox_has_already_is_taken_over() {
    let mut world = world();
    world.ox.add_context(ContextId(12), "context12", 500, ["12".into(), "context12".into(), "extra".into()].into());
    let outcome = world.context(12, json!({"oxQuota": 500}));
    assert_eq!(outcome.names(), ["ContextChange"], "only the login mappings differ: {outcome:?}");
    world.ox.add_context(ContextId(13), "context13", 500, ["13".into(), "context13".into()].into());
    assert_eq!(world.context(13, json!({"oxQuota": 500})).names(), [""; 0]);
}

#[test]
fn a_renamed_context_loses_the_mapping_of_its_old_name() {
    let mut world = world();
    world.context(12, json!({"name": "acme"}));
    let outcome = world.context(12, json!({"name": "apex"}));
    assert_eq!(outcome.json()[0]["name"], "apex");
    assert_eq!(outcome.json()[0]["mappings"], json!(["12", "context12"]));
}

#[test]
fn a_context_that_vanished_from_ox_is_made_again() {
    let mut world = world();
    world.context(12, json!({}));
    world.ox.contexts.clear();
    assert_eq!(world.context(12, json!({"oxQuota": 5})).names(), ["ContextCreate"]);
}

#[test]
fn the_number_of_a_context_cannot_change() {
    let mut world = world();
    world.context(12, json!({}));
    assert!(world.context(12, json!({"contextid": 13})).refused().contains("'contextid'"));
}

#[test]
fn bad_input_context_properties() {
    for (overrides, property) in [
        (json!({"contextid": "twelve"}), "'contextid'"),
        (json!({"contextid": 0}), "'contextid'"),
        (json!({"contextid": -3}), "'contextid'"),
        (json!({"contextid": 4_294_967_296_i64}), "'contextid'"),
        (json!({"contextid": null}), "'contextid'"),
        (json!({"contextid": {"a": 1}}), "'contextid'"),
        (json!({"name": "Käse"}), "'name'"),
        (json!({"name": ""}), "'name'"),
        (json!({"oxQuota": "much"}), "'oxQuota'"),
        (json!({"oxQuota": -7}), "'oxQuota'"),
    ] {
        let outcome = world().context(12, overrides.clone());
        assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::InvalidObject, "{overrides}");
        assert!(outcome.refused().contains(property), "{overrides}: {}", outcome.refused());
    }
}
