//! `oxherd mapping impact`: what changed settings would do is what they then do.

use std::collections::{BTreeMap, BTreeSet};

use oxherd::engine::Impact;
use oxherd::state::{AuditFilter, Store, now_ms};
use serde_json::{Value, json};

use crate::directory::{functional_account, group, user};
use crate::world::{Setup, World};

fn mapping(setup: &mut Setup, entries: &Value) {
    setup.spec["mappingRef"] = json!({"name": "own"});
    setup.manifests = vec![json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAttributeMapping",
        "metadata": {"name": "own"}, "spec": {"entries": entries}})];
}

fn described_profile(setup: &mut Setup, rights: &Value) {
    setup.manifests = vec![json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAccessProfile",
        "metadata": {"name": "special"}, "spec": {"displayName": "Special", "rights": rights}})];
}

async fn people(world: &mut World) {
    for n in 0..30 {
        let person = user(&format!("u{n:02}"));
        let profile = if n % 3 == 0 { "special" } else { "full" };
        let person = if n % 2 == 0 { person.with("description", format!("number {n}")) } else { person };
        world.put(&person.profile(profile));
    }
    world.put(&group("all", &["u00", "u01", "u02"]));
    world.put(&functional_account("info", &["u00", "u01"]));
    world.settle().await;
}

/// What really happened since a time, in the terms of an impact.
async fn happened(world: &World, since: i64) -> (BTreeMap<String, u64>, BTreeSet<String>, BTreeSet<String>) {
    let filter = AuditFilter { since, ..AuditFilter::default() };
    let rows = world.store().audit_after(&filter, 0, u32::MAX).await.unwrap();
    let mut calls = BTreeMap::new();
    for (_, row) in &rows {
        for call in &row.calls {
            *calls.entry(call.clone()).or_default() += 1;
        }
    }
    let objects = |wanted: fn(&oxherd::state::AuditRow) -> bool| {
        rows.iter().map(|(_, row)| row).filter(|row| wanted(row)).map(|row| row.object.to_string()).collect()
    };
    (calls, objects(|row| !row.calls.is_empty()), objects(|_| true))
}

/// Applies what the impact was told for, and compares.
async fn assert_comes_true(world: &mut World, impact: &Impact) {
    world.ox.reset_counters();
    let since = now_ms();
    world.configure(|_| {}).await;
    let (calls, changed, examined) = happened(world, since).await;
    assert_eq!(impact.calls, calls);
    assert_eq!((impact.total.changed, impact.total.examined), (changed.len() as u64, examined.len() as u64));
    let named: BTreeSet<_> = impact.first.iter().map(|one| one.object.to_string()).collect();
    assert!(named.is_subset(&changed) && named.len() == changed.len().min(20), "{named:?}");
}

#[tokio::test]
async fn a_changed_mapping() {
    let mut world = World::start().await;
    people(&mut world).await;
    world.ox.reset_counters();
    let entry = json!([{"attribute": "userfield01", "property": "description"}]);
    let impact = world.impact(|setup| mapping(setup, &entry)).await;
    assert!(
        !world.calls().keys().any(|name| name.contains("change") || name.contains("create")),
        "{:?}",
        world.calls()
    );
    // The property was not kept so far: users get the attribute with their next event, and nothing is changed at once.
    assert_eq!((impact.total.changed, impact.total.refused), (0, 0), "{impact:#?}");
    assert_comes_true(&mut world, &impact).await;

    let entry =
        json!([{"attribute": "userfield01", "property": "lastname"}, {"attribute": "title", "property": "firstname"}]);
    let impact = world.impact(|setup| mapping(setup, &entry)).await;
    assert_eq!((impact.total.changed, impact.types["users/user"].changed), (30, 30), "{impact:#?}");
    assert_eq!(impact.attributes, [("title".to_owned(), 30), ("userfield01".to_owned(), 30)].into());
    assert_comes_true(&mut world, &impact).await;
    let left: Vec<_> = std::fs::read_dir(world.state_folder()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("rehearsal")), "{left:?}");
}

#[tokio::test]
async fn a_changed_access_profile_concerns_its_users() {
    let mut world = World::with(|setup| described_profile(setup, &json!({"webmail": true, "calendar": true}))).await;
    people(&mut world).await;
    let impact = world.impact(|setup| described_profile(setup, &json!({"calendar": true}))).await;
    assert_eq!((impact.total.changed, impact.calls.get("UserRights")), (10, Some(&10)), "{impact:#?}");
    assert_comes_true(&mut world, &impact).await;
}

#[tokio::test]
async fn objects_that_a_mapping_would_park_are_told() {
    let mut world = World::start().await;
    people(&mut world).await;
    let entry = json!([{"attribute": "title", "property": "oxFavouriteColour", "required": true}]);
    let impact = world.impact(|setup| mapping(setup, &entry)).await;
    assert_eq!((impact.total.changed, impact.total.refused), (0, 30), "{impact:#?}");
    assert!(impact.refusals.keys().all(|cause| cause.contains("oxFavouriteColour")), "{impact:#?}");
    world.configure(|_| {}).await;
    assert_eq!(world.parked().await.len(), 30);
    // Who is parked already is not news.
    let entry =
        json!([{"attribute": "title", "property": "oxFavouriteColour", "required": true}, {"attribute": "note"}]);
    let impact = world.impact(|setup| mapping(setup, &entry)).await;
    assert_eq!(impact.total.refused, 0, "{impact:#?}");
}
