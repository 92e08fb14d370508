//! Contexts: I.1, and what goes with a context.

use oxherd::simulator::ox::{FaultAction, FaultRule};
use serde_json::json;

use crate::directory::{context, group, resource, user};
use crate::world::World;

#[tokio::test]
async fn i1_add_context() {
    let mut world = World::empty(|_| {}).await;
    world.apply([context(10).with("oxQuota", 1000), context(11)]).await;
    let ten = world.context(10).unwrap();
    assert_eq!((&ten["name"], &ten["max_quota"]), (&json!("context10"), &json!(1000)));
    assert_eq!(ten["mappings"], json!(["10", "context10"]));
    // The default context has the short name for its administrator.
    assert_eq!(ten["users"]["2"]["data"]["name"], "oxadmin");
    assert_eq!(world.context(11).unwrap()["users"]["2"]["data"]["name"], "oxadmin-context11");
}

#[tokio::test]
async fn i1_add_context_without_quota() {
    let mut world = World::empty(|_| {}).await;
    world.apply([context(10)]).await;
    assert_eq!(world.context(10).unwrap()["max_quota"], -1);
}

#[tokio::test]
async fn j20_quota_zero_is_zero_and_not_unlimited() {
    let mut world = World::empty(|_| {}).await;
    world.apply([context(10).with("oxQuota", 0)]).await;
    assert_eq!(world.context(10).unwrap()["max_quota"], 0);
}

#[tokio::test]
async fn i1_modify_context() {
    let mut world = World::empty(|_| {}).await;
    world.apply([context(10).with("oxQuota", 1000)]).await;
    world.apply([context(10).with("oxQuota", 2000)]).await;
    let ten = world.context(10).unwrap();
    assert_eq!((&ten["name"], &ten["max_quota"]), (&json!("context10"), &json!(2000)));
    world.apply([context(10)]).await;
    assert_eq!(world.context(10).unwrap()["max_quota"], -1);
}

#[tokio::test]
async fn i1_remove_context() {
    let mut world = World::start().await;
    world.apply([user("anna").context(20), resource("room").context(20)]).await;
    world.delete([user("anna").context(20), resource("room").context(20), context(20)]).await;
    assert_eq!(world.context(20), None);
    assert!(world.context(10).is_some());
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i1_create_context_with_not_unique_id() {
    let mut world = World::start().await;
    let second = context(10).renamed("other").of("context-other");
    world.apply([second.clone()]).await;
    let (category, cause) = world.only_parked(&second).await;
    assert_eq!(category, "Conflict");
    assert!(cause.contains("context 10") && cause.contains("another number"), "{cause}");
    assert_eq!(world.context(10).unwrap()["name"], "context10");
}

#[tokio::test]
async fn a_context_that_ox_forgot_is_made_again_with_all_that_is_in_it() {
    let mut world = World::start().await;
    let (anna, sales) = (user("anna").context(20), group("sales", &["anna"]));
    world.apply([anna.clone(), sales.clone()]).await;
    world.delete_context_by_hand(20).await;
    world.apply([context(20).with("oxQuota", 5)]).await;
    assert_eq!(world.context(20).unwrap()["max_quota"], 5);
    world.apply([anna.with("title", "Dr.")]).await;
    assert_eq!(world.names(20), ["anna"]);
    world.apply([sales.with("description", "x")]).await;
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn j19_a_crash_while_a_context_is_made_does_not_lose_its_password() {
    let mut world = World::empty(|_| {}).await;
    // OX makes the context, but its answer never arrives.
    let reset = FaultRule::always(FaultAction::ResetAfter).on("OXContextService", "create").times(1);
    world.ox.add_fault(reset);
    world.ox.add_fault(FaultRule::always(FaultAction::Unavailable).on("OXContextService", "create"));
    world.put(&context(10));
    world.until_circuit_opens().await;
    world.restart().await;
    world.ox.clear_faults();
    world.apply([user("anna")]).await;
    assert_eq!(world.names(10), ["anna"]);
    assert_eq!(world.parked().await, []);
}
