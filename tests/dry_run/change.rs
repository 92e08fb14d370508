//! `spec.policies.changeGuard`: a change of settings that would change too many objects waits for an approval.

use oxherd::controller::Pending;
use oxherd::state::Store;
use serde_json::{Value, json};

use crate::directory::user;
use crate::world::{Setup, World};

fn guarded(setup: &mut Setup, property: &str) {
    setup.spec = json!({"mappingRef": {"name": "own"}, "policies": {"changeGuard": {"maxObjects": 5}}});
    setup.manifests = vec![json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAttributeMapping",
        "metadata": {"name": "own"}, "spec": {"entries": [{"attribute": "title", "property": property}]}})];
}

async fn eight_users() -> World {
    let mut world = World::with(|setup| guarded(setup, "title")).await;
    for n in 0..8 {
        world.put(&user(&format!("u{n}")).with("title", "Dr."));
    }
    world.settle().await;
    assert_eq!(title(&world, "u0"), "Dr.");
    world
}

fn title(world: &World, name: &str) -> Value {
    world.user(10, name).unwrap()["title"].clone()
}

/// The revision that waits.
#[track_caller]
fn waits(world: &World) -> String {
    match world.report().change {
        Some(Pending::WaitsForApproval { revision, changed, limit, .. }) => {
            assert_eq!((changed, limit), (8, 5));
            revision
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_waits_while_events_flow_and_is_released_by_its_revision_only() {
    let mut world = eight_users().await;
    world.configure(|setup| guarded(setup, "lastname")).await;
    let first = waits(&world);
    assert!(world.report().change.unwrap().message().contains("would change 8 objects"));
    // Events are planned with the former settings.
    world.apply([user("new").with("title", "Prof.")]).await;
    assert_eq!((title(&world, "new"), title(&world, "u0")), (json!("Prof."), json!("Dr.")));

    // A restart changes nothing about that.
    world.restart().await;
    world.apply([user("u0").with("title", "Dr. h. c.")]).await;
    assert_eq!((waits(&world), title(&world, "u0")), (first.clone(), json!("Dr. h. c.")));

    // Another edit needs its own approval.
    world.configure(|setup| guarded(setup, "firstname")).await;
    let second = match world.report().change {
        Some(Pending::WaitsForApproval { revision, .. }) => revision,
        other => panic!("{other:?}"),
    };
    assert_ne!(first, second);
    assert!(!world.store().approve_change(&first).await.unwrap());
    assert!(!world.store().approve_change("nonsense").await.unwrap());
    assert_eq!(title(&world, "u1"), "Dr.");
    assert!(world.store().approve_change(&second).await.unwrap());
    world.until_change_is_in_force().await;
    assert_eq!((title(&world, "u1"), title(&world, "new")), (json!("U1"), json!("NEW")));
    assert_eq!(world.store().waiting_change().await.unwrap(), None);
    // It stays in force.
    world.restart().await;
    world.settle().await;
    assert_eq!((world.report().change, title(&world, "u1")), (None, json!("U1")));
}

#[tokio::test]
async fn small_changes_and_those_that_are_taken_back_need_no_approval() {
    let mut world = eight_users().await;
    world.configure(|setup| guarded(setup, "lastname")).await;
    waits(&world);
    world.configure(|setup| guarded(setup, "title")).await;
    assert_eq!((world.report().change, title(&world, "u0")), (None, json!("Dr.")));
    assert_eq!(world.store().waiting_change().await.unwrap(), None);
    // A setting that reaches few objects.
    world.apply([user("few").with("oxNote", "x")]).await;
    world
        .configure(|setup| {
            guarded(setup, "title");
            setup.manifests[0]["spec"]["entries"]
                .as_array_mut()
                .unwrap()
                .push(json!({"attribute": "note", "property": "oxNote"}));
        })
        .await;
    assert_eq!((world.report().change, world.user(10, "few").unwrap()["note"].clone()), (None, json!("x")));
    // A higher limit lets it through.
    world.configure(|setup| guarded(setup, "lastname")).await;
    assert!(world.report().change.is_some());
    world
        .configure(|setup| {
            guarded(setup, "lastname");
            setup.spec["policies"] = json!({"changeGuard": {"maxObjects": 100}});
        })
        .await;
    world.until_change_is_in_force().await;
    assert_eq!(title(&world, "u0"), "Test");
}

#[tokio::test]
async fn a_change_while_the_connector_was_stopped_waits_as_well() {
    let mut world = eight_users().await;
    world.configure_while_stopped(|setup| guarded(setup, "lastname")).await;
    let revision = waits(&world);
    assert_eq!(title(&world, "u0"), "Dr.");
    // Approved while it does not run.
    assert!(world.store().approve_change(&revision).await.unwrap());
    world.restart().await;
    world.until_change_is_in_force().await;
    assert_eq!(title(&world, "u0"), "Test");
}
