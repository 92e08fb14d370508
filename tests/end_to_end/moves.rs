//! Moves between contexts: I.2 `change_context`, J.13, J.23.

use std::collections::BTreeMap;

use oxherd::simulator::ox::{FaultAction, FaultRule};
use serde_json::json;

use crate::directory::{address, functional_account, group, picture, user};
use crate::world::World;

#[tokio::test]
async fn i2_change_context() {
    let mut world = World::start().await;
    for (context, others) in [(10, [20, 30]), (20, [10, 30]), (30, [10, 20])] {
        world.apply([user("anna").context(context).with("title", context.to_string())]).await;
        assert_eq!(world.user(context, "anna").unwrap()["title"], context.to_string());
        assert!(others.iter().all(|other| world.names(*other).is_empty()));
    }
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn move_and_rename_in_one_step() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    world.apply([user("anna").renamed("anne").context(20).mail("anne@test.example")]).await;
    assert_eq!((world.names(10), world.names(20)), (vec![], vec!["anne".to_owned()]));
    assert_eq!(world.user(20, "anne").unwrap()["email1"], "anne@test.example");
}

#[tokio::test]
async fn i2_existing_user_in_different_context_j13_with_the_right_ids() {
    let mut world = World::start().await;
    // In the new context the numbers run ahead, and the number that the user has in the old one is somebody else there.
    world.apply([user("x").context(20), user("anna")]).await;
    world.apply([user("y").context(20)]).await;
    let legacy = world.by_hand(20).create_user("anna", "").await;
    let (old, other) = (world.id(10, "anna"), world.user(20, "x").unwrap());
    assert_eq!(other["id"], old, "the trap is set");
    assert_ne!(legacy, old);

    world.apply([user("anna").context(20).with("firstname", "GivenA")]).await;
    let anna = world.user(20, "anna").unwrap();
    assert_eq!((&anna["id"], &anna["given_name"]), (&json!(legacy), &json!("GivenA")));
    assert_eq!(world.names(10), [""; 0]);
    assert_eq!(world.user(20, "x").unwrap(), other);
    assert_eq!(world.parked().await, []);
}

/// A user with everything that hangs on one, and others around it.
async fn moved_with_everything(world: &mut World) {
    let anna = user("anna")
        .with("jpegPhoto", picture(image::ImageFormat::Jpeg, 10))
        .aliases(&["a@test.example"])
        .deputies(&[("berta", "02440", "00000", false)]);
    world.apply([user("berta"), user("carl"), user("dora").context(20)]).await;
    world.apply([user("carl").deputies(&[("anna", "02400", "00000", false)])]).await;
    world.apply([anna.clone(), group("g", &["anna", "berta"]), functional_account("info", &["anna", "berta"])]).await;
    assert_eq!(world.deputies(10, "carl").len(), 1);
    // The directory takes the grants away that cross contexts.
    world.put(&user("carl").deputies(&[]));
    world.put(&anna.context(20).deputies(&[("dora", "02440", "00000", false)]));
}

fn assert_moved(world: &World) {
    let anna = world.user(20, "anna").unwrap();
    assert_eq!(anna["image1ContentType"], "image/jpeg");
    assert_eq!(anna["aliases"].as_array().unwrap().len(), 2);
    assert_eq!(anna["rights"].as_array().unwrap().len(), 5);
    assert_eq!(anna["mail_account"], true);
    assert_eq!(world.names(10), ["berta", "carl"]);
    assert_eq!((world.members(10, "g"), world.members(20, "g")), (vec!["berta".into()], vec!["anna".into()]));
    assert!(world.members(20, "users").contains(&"anna".to_owned()), "in the default group");
    let accounts = |context, name| world.accounts(context, name).into_keys().collect::<Vec<_>>();
    assert_eq!((accounts(10, "berta"), accounts(20, "anna")), (vec![address("info")], vec![address("info")]));
    assert_eq!(world.hidden_accounts(20, "anna"), BTreeMap::new());
    assert_eq!((world.deputies(10, "carl").len(), world.deputies(10, "berta").len()), (0, 0));
    assert_eq!(world.deputies(20, "anna").into_keys().collect::<Vec<_>>(), ["dora"]);
    assert_eq!(world.context(10).unwrap()["deputies"], json!({}));
}

#[tokio::test]
async fn a_move_takes_groups_accounts_deputies_and_picture_along() {
    let mut world = World::start().await;
    moved_with_everything(&mut world).await;
    world.settle().await;
    assert_moved(&world);
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn j23_a_crash_between_copy_and_delete_is_continued() {
    for (service, operation) in [
        ("OXUserService", "delete"),
        ("OXUserService", "change"),
        ("OXGroupService", "addMember"),
        ("OXSecondaryAccountService", "delete"),
    ] {
        let mut world = World::start().await;
        moved_with_everything(&mut world).await;
        world.ox.add_fault(FaultRule::always(FaultAction::ResetBefore).on(service, operation));
        world.until_circuit_opens().await;
        assert!(world.user(20, "anna").is_some(), "the copy was made before {service}.{operation}");
        world.restart().await;
        world.ox.clear_faults();
        world.settle().await;
        assert_moved(&world);
        assert_eq!(world.counters().outcomes("OXUserCopyService.copyUser", "ok"), 1, "{service}.{operation}");
        assert_eq!(world.parked().await, []);
    }
}

#[tokio::test]
async fn j23_a_copy_whose_answer_was_lost_is_recognised() {
    let mut world = World::start().await;
    moved_with_everything(&mut world).await;
    world.ox.add_fault(FaultRule::always(FaultAction::ResetAfter).on("OXUserCopyService", "copyUser").times(1));
    world.settle().await;
    assert_moved(&world);
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn without_copy_service_the_user_is_made_anew_with_a_warning() {
    let mut world = World::with(|setup| setup.ox.user_copy = false).await;
    let moved = user("anna").context(20);
    world.apply([user("anna"), group("g", &["anna"])]).await;
    world.apply([moved.clone()]).await;
    assert_eq!((world.names(10), world.names(20)), (vec![], vec!["anna".to_owned()]));
    assert_eq!((world.group(10, "g"), world.members(20, "g").len()), (None, 1));
    let history = world.history(&moved).await;
    let notes: Vec<_> = history.iter().flat_map(|row| &row.notes).collect();
    assert!(notes.iter().any(|note| note.contains("no user copy service")), "{notes:?}");
}
