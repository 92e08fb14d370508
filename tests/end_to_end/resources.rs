//! Resources: I.5.

use serde_json::json;

use crate::directory::{address, resource};
use crate::world::World;

#[tokio::test]
async fn i5_add_resource_in_default_context() {
    let mut world = World::start().await;
    world.apply([resource("room").without("oxContext")]).await;
    let room = world.resource(10, "room").unwrap();
    assert_eq!((&room["displayname"], &room["description"]), (&json!("ROOM"), &json!("Big")));
    assert_eq!((&room["email"], &room["available"]), (&json!(address("room")), &json!(true)));
}

#[tokio::test]
async fn i5_add_resource() {
    let mut world = World::start().await;
    world.apply([resource("room").context(20)]).await;
    assert!(world.resource(20, "room").is_some() && world.resource(10, "room").is_none());
}

#[tokio::test]
async fn i5_modify_resource() {
    let mut world = World::start().await;
    world.apply([resource("room")]).await;
    let changed = resource("room")
        .with("description", "Small")
        .with("displayname", "Room")
        .with("resourceMailAddress", "r@test.example");
    world.apply([changed]).await;
    let room = world.resource(10, "room").unwrap();
    assert_eq!([&room["description"], &room["displayname"], &room["email"]], ["Small", "Room", "r@test.example"]);
}

#[tokio::test]
async fn i5_remove_resource_and_delete_already_deleted() {
    let mut world = World::start().await;
    world.apply([resource("room")]).await;
    world.delete([resource("room")]).await;
    assert_eq!(world.resource(10, "room"), None);
    world.ox.reset_counters();
    world.delete([resource("room")]).await;
    world.expect_calls(&[]);
}

#[tokio::test]
async fn i5_change_context_resource_and_j17_both_exist() {
    let mut world = World::start().await;
    world.apply([resource("room")]).await;
    world.apply([resource("room").with("description", "Small")]).await;
    // Other resources make the numbers differ, and one is the trap under the old number.
    world.apply([resource("x").context(20), resource("y").context(20)]).await;
    world.apply([resource("room").with("description", "Small").with("displayname", "Room").context(20)]).await;
    let room = world.resource(20, "room").unwrap();
    assert_eq!([&room["description"], &room["displayname"]], ["Small", "Room"]);
    assert_eq!(world.resource(10, "room"), None);

    let before = world.resource(20, "x");
    world.by_hand(10).create_resource("room").await;
    world.apply([resource("room").with("description", "Moved back")]).await;
    assert_eq!(world.resource(10, "room").unwrap()["description"], "Moved back");
    assert_eq!((world.resource(20, "room"), world.resource(20, "x")), (None, before));
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i5_unset_all_attributes() {
    let mut world = World::start().await;
    world.apply([resource("room")]).await;
    world.apply([resource("room").without("description")]).await;
    let room = world.resource(10, "room").unwrap();
    assert_eq!(room["name"], "room");
    assert!(room["description"].as_str().unwrap_or_default().is_empty(), "{room}");
}

#[tokio::test]
async fn i5_wrong_values_are_parked_and_stop_nothing() {
    for (property, value) in [
        ("name", json!("")),
        ("name", json!({"a": 1})),
        ("resourceMailAddress", json!(null)),
        ("oxContext", json!("text")),
    ] {
        let mut world = World::start().await;
        let wrong = resource("room").with(property, value);
        world.apply([wrong.clone(), resource("other")]).await;
        let (category, cause) = world.only_parked(&wrong).await;
        assert_eq!(category, "InvalidObject");
        assert!(cause.contains(property), "{cause}");
        assert!(world.resource(10, "other").is_some());
    }
}
