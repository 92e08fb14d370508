//! The deletion guard, held deletions, approval, and `deletionPolicy: Disable`.

use oxherd::simulator::ox::{FaultAction, FaultRule};
use oxherd::state::{HeldFilter, HeldRow, ListId, Release, Store};
use serde_json::{Value, json};

use crate::directory::{Object, context, functional_account, group, resource, user};
use crate::world::World;

/// A world whose connector has these policies.
async fn with_policies(policies: Value) -> World {
    World::with(|setup| setup.spec = json!({ "policies": policies })).await
}

/// A world with a guard.
async fn guarded(guard: Value) -> World {
    with_policies(json!({ "deletionGuard": guard })).await
}

async fn held(world: &World) -> Vec<HeldRow> {
    world.store().held(&HeldFilter::All).await.unwrap()
}

async fn list(world: &World) -> ListId {
    world.store().held_list().await.unwrap().expect("something is held back")
}

/// Approves a list and waits for what follows.
async fn approve(world: &mut World, list: &ListId) -> Release {
    let release = world.store().approve_held(list).await.unwrap();
    world.settle().await;
    release
}

fn people(count: usize, context: i64) -> Vec<Object> {
    (0..count).map(|n| user(&format!("u{context}-{n:03}")).context(context)).collect()
}

#[tokio::test]
async fn a_mass_deletion_takes_nothing_away_until_exactly_its_list_is_approved() {
    let mut world = World::start().await;
    let users = people(100, 10);
    world.apply(users.iter().cloned().chain([user("anna").context(20), group("staff", &["u10-000"])])).await;
    // In the midst of it are changes of others.
    for user in &users[..60] {
        world.remove(user);
    }
    world.put(&user("anna").context(20).with("title", "Dr."));
    world.put(&user("berta"));
    for user in &users[60..] {
        world.remove(user);
    }
    let status = world.settle().await;
    assert_eq!((status.held, status.parked), (100, 0));
    assert_eq!(world.names(10).len(), 101, "nobody is gone, and berta came");
    assert_eq!(world.user(20, "anna").unwrap()["title"], "Dr.");
    assert_eq!(world.members(10, "staff"), ["u10-000"]);
    let rows = held(&world).await;
    assert!(
        rows.iter().all(|row| row.reason.contains("in context 10") && row.reason.contains("25 allowed")),
        "{rows:#?}"
    );
    assert!(rows[0].origin.contains("spool"), "{}", rows[0].origin);
    assert_eq!(world.history(&users[0]).await[0].outcome, "Held");

    // Deletions elsewhere go on.
    world.delete([user("anna").context(20)]).await;
    assert_eq!(world.names(20), [""; 0]);

    let approved = list(&world).await;
    assert_eq!(status.held_list, Some(approved.clone()));
    assert_eq!(approve(&mut world, &approved).await, Release::Released(100));
    assert_eq!(world.names(10), ["berta"]);
    assert_eq!(held(&world).await, []);
    let row = &world.history(&users[0]).await[0];
    assert_eq!((row.outcome.as_str(), row.origin.clone()), ("Removed", format!("approved deletion {approved}")));
    // What was approved uses up nothing.
    world.delete([user("berta")]).await;
    assert_eq!(world.names(10), [""; 0]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn a_stale_id_releases_nothing() {
    let mut world = guarded(json!({"maxCount": 2})).await;
    let users = people(6, 10);
    world.apply(users.clone()).await;
    world.delete(users[..4].to_vec()).await;
    let stale = list(&world).await;
    world.delete(users[4..5].to_vec()).await;
    let now = list(&world).await;
    assert_ne!(stale, now);
    assert_eq!(approve(&mut world, &stale).await, Release::Changed(Some(now.clone())));
    assert_eq!((world.names(10).len(), held(&world).await.len()), (6, 5));
    // One of them is wanted again: that is another list as well, and the object never left.
    let id = world.id(10, "u10-000");
    world.apply([users[0].clone().with("title", "back")]).await;
    assert_eq!(approve(&mut world, &now).await, Release::Changed(Some(list(&world).await)));
    assert_eq!(world.names(10).len(), 6);
    assert_eq!(world.id(10, "u10-000"), id);
    assert_eq!(world.user(10, "u10-000").unwrap()["title"], "back");
    let last = list(&world).await;
    assert_eq!(approve(&mut world, &last).await, Release::Released(4));
    assert_eq!(world.names(10), ["u10-000", "u10-005"]);
    assert_eq!(approve(&mut world, &last).await, Release::Changed(None));
}

#[tokio::test]
async fn a_newer_event_that_waits_is_not_overtaken_by_an_approval() {
    let mut world = guarded(json!({"maxCount": 0})).await;
    world.apply([user("anna")]).await;
    world.delete([user("anna")]).await;
    let id = list(&world).await;
    world.ox.add_fault(FaultRule::always(FaultAction::Unavailable).on("OXUserService", "change"));
    world.put(&user("anna").with("title", "back"));
    world.until_circuit_opens().await;
    assert_eq!(world.store().approve_held(&id).await.unwrap(), Release::Changing(1));
    world.ox.clear_faults();
    world.settle().await;
    assert_eq!(world.user(10, "anna").unwrap()["title"], "back");
    assert_eq!(held(&world).await, []);
}

#[tokio::test]
async fn a_trickle_stops_at_the_limit_and_the_window_survives_a_restart() {
    let mut world = guarded(json!({"maxCountPerContext": 3})).await;
    let users = people(6, 10);
    world.apply(users.clone()).await;
    for user in &users[..2] {
        world.delete([user.clone()]).await;
    }
    world.restart().await;
    for user in &users[2..] {
        world.delete([user.clone()]).await;
    }
    assert_eq!(world.names(10), ["u10-003", "u10-004", "u10-005"]);
    let before = list(&world).await;
    world.restart().await;
    world.settle().await;
    assert_eq!(list(&world).await, before);
    assert_eq!(world.names(10).len(), 3);
}

#[tokio::test]
async fn a_deletion_that_is_repeated_after_a_crash_counts_once() {
    let mut world = guarded(json!({"maxCount": 2})).await;
    let users = people(3, 10);
    world.apply(users.clone()).await;
    world.ox.add_fault(FaultRule::always(FaultAction::ResetBefore).on("OXUserService", "delete"));
    world.remove(&users[0]);
    world.until_circuit_opens().await;
    world.restart().await;
    world.ox.clear_faults();
    world.settle().await;
    world.delete([users[1].clone()]).await;
    assert_eq!(world.names(10), ["u10-002"], "both passed");
    world.delete([users[2].clone()]).await;
    assert_eq!((world.names(10).len(), held(&world).await.len()), (1, 1));
}

#[tokio::test]
async fn a_deletion_that_ox_refuses_does_not_count() {
    let mut world = guarded(json!({"maxCount": 1})).await;
    world.apply([user("anna"), user("berta")]).await;
    world.ox.add_fault(
        FaultRule::always(FaultAction::SoapFault { name: "InvalidDataException".into(), text: "no".into() })
            .on("OXUserService", "delete"),
    );
    world.delete([user("anna")]).await;
    assert_eq!(world.parked().await.len(), 1);
    world.ox.clear_faults();
    world.delete([user("berta")]).await;
    assert_eq!(world.names(10), ["anna"]);
}

#[tokio::test]
async fn a_percentage_protects_small_contexts_and_types() {
    let mut world = guarded(json!({"percentFrom": 2, "maxPercent": 20})).await;
    let users = people(10, 10);
    world.apply(users.clone()).await;
    world.apply((0..10).map(|n| user(&format!("nobody{n}")).disabled())).await;
    world.delete(users[..3].to_vec()).await;
    assert_eq!(world.names(10).len(), 10);
    let rows = held(&world).await;
    assert_eq!(rows[0].reason, "3 of 10 users/user asked to go within 1h, 20 % allowed", "only users of OX count");
    // People who never were in OX may go.
    world.delete((0..10).map(|n| user(&format!("nobody{n}")).disabled())).await;
    assert_eq!(held(&world).await.len(), 3);
}

#[tokio::test]
async fn other_types_and_deactivations_are_guarded_as_well() {
    let mut world = guarded(json!({"maxCount": 0, "maxMemberPercent": 0, "percentFrom": 0})).await;
    let all = || [user("anna"), group("g", &["anna"]), functional_account("info", &["anna"]), resource("room")];
    world.apply(all()).await;
    world.apply([user("anna").profile("none")]).await;
    world.apply([user("anna").disabled()]).await;
    world.apply([group("g", &[])]).await;
    world.apply([group("g", &["anna"]).disabled()]).await;
    world.delete(all()[1..].to_vec()).await;
    assert_eq!(held(&world).await.len(), 4);
    assert_eq!(world.user(10, "anna").unwrap()["mailenabled"], true);
    assert_eq!(world.members(10, "g"), ["anna"]);
    assert_eq!(world.accounts(10, "anna").len(), 1);
    assert!(world.resource(10, "room").is_some());
    // A move takes nothing away.
    world.apply([user("berta"), resource("hall")]).await;
    world.apply([user("berta").context(20), resource("hall").context(20)]).await;
    assert_eq!((world.names(20), world.names(10)), (vec!["berta".to_owned()], vec!["anna".to_owned()]));
    assert!(world.resource(20, "hall").is_some());
    assert_eq!(held(&world).await.len(), 4);
}

#[tokio::test]
async fn a_group_does_not_lose_most_of_its_members_unseen() {
    let mut world = World::start().await;
    let users = people(20, 10);
    let names: Vec<_> = (0..20).map(|n| format!("u10-{n:03}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    world.apply(users).await;
    world.apply([group("all", &names)]).await;
    world.apply([group("all", &names[..10])]).await;
    assert_eq!(world.members(10, "all").len(), 10, "half of them may go");
    world.apply([group("all", &names)]).await;

    world.apply([group("most", &names)]).await;
    world.apply([group("most", &names[16..])]).await;
    assert_eq!(world.members(10, "most").len(), 20);
    assert_eq!(held(&world).await[0].reason, "16 of 20 members of one object asked to go within 1h, 50 % allowed");
    world.apply([group("most", &[])]).await;
    assert_eq!(world.members(10, "most").len(), 20, "nor all of them");
    let id = list(&world).await;
    assert_eq!(approve(&mut world, &id).await, Release::Released(1));
    assert_eq!(world.group(10, "most"), None);
}

#[tokio::test]
async fn a_context_weighs_as_much_as_is_in_it() {
    let mut world = guarded(json!({"maxCountPerContext": 5})).await;
    world.apply(people(5, 20)).await;
    world.delete([context(30), context(20)]).await;
    assert_eq!(world.context(30), None, "nobody is in it");
    assert!(world.context(20).is_some());
    let rows = held(&world).await;
    assert_eq!(rows[0].reason, "6 deletions in context 20 asked for within 1h, 5 allowed");
    // It goes on as if nobody had asked for its deletion.
    world.apply([user("anna").context(20)]).await;
    assert_eq!(world.names(20).len(), 6);
    // What was approved is what was listed: now there is more in it.
    let id = list(&world).await;
    assert_eq!(approve(&mut world, &id).await, Release::Released(1));
    assert!(world.context(20).is_some());
    let id = list(&world).await;
    approve(&mut world, &id).await;
    assert_eq!(world.context(20), None);
}

#[tokio::test]
async fn what_is_dropped_stays_in_ox_and_other_limits_count_from_now_on() {
    let mut world = guarded(json!({"maxCount": 1})).await;
    let users = people(6, 10);
    world.apply(users.clone()).await;
    world.delete(users[..2].to_vec()).await;
    assert_eq!(world.store().drop_held(&HeldFilter::All, "test").await.unwrap(), 2);
    world.settle().await;
    assert_eq!((world.names(10).len(), world.settle().await.held), (6, 0));
    assert_eq!(world.history(&users[0]).await[0].outcome, "Dropped");

    world.delete(users[2..4].to_vec()).await;
    assert_eq!(held(&world).await.len(), 2);
    world.configure(|setup| setup.spec["policies"]["deletionGuard"]["maxCount"] = json!(10)).await;
    assert_eq!(held(&world).await.len(), 2, "only an approval releases");
    world.delete(users[4..].to_vec()).await;
    assert_eq!(world.names(10).len(), 4);
    world.configure(|setup| setup.spec["policies"]["deletionGuard"]["maxCount"] = json!(0)).await;
    world.delete(users[..1].to_vec()).await;
    assert_eq!(world.names(10).len(), 4);
}

// deletionPolicy: Disable

async fn disabling() -> World {
    with_policies(json!({"deletionPolicy": "Disable"})).await
}

#[tokio::test]
async fn a_deleted_user_is_disabled_with_one_call_and_comes_back_with_its_number() {
    let mut world = disabling().await;
    world.apply([user("anna"), group("g", &["anna"])]).await;
    let id = world.id(10, "anna");
    world.ox.reset_counters();
    world.delete([user("anna")]).await;
    world.expect_calls(&[("OXUserService.change", 1)]);
    assert_eq!(world.user(10, "anna").unwrap()["mailenabled"], false);
    assert_eq!(world.settle().await.kept, 1);
    assert_eq!(world.history(&user("anna")).await[0].outcome, "Kept");
    // A repetition and a change of what it depends on change nothing.
    world.delete([user("anna")]).await;
    world.apply([crate::directory::profile("full", &["webmail"])]).await;
    world.restart().await;
    world.settle().await;
    assert_eq!(world.calls(), [].into());
    world.apply([user("anna").with("title", "Dr.")]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!((&anna["id"], &anna["mailenabled"], &anna["title"]), (&json!(id), &json!(true), &json!("Dr.")));
    assert_eq!(world.settle().await.kept, 0);
    assert_eq!(world.members(10, "g"), ["anna"]);
}

#[tokio::test]
async fn a_user_that_is_switched_off_is_disabled_as_well() {
    let mut world = disabling().await;
    world.apply([user("anna")]).await;
    let id = world.id(10, "anna");
    world.apply([user("anna").disabled()]).await;
    world.apply([user("anna").disabled().with("title", "x")]).await;
    assert_eq!(world.user(10, "anna").unwrap()["mailenabled"], false);
    world.apply([user("anna")]).await;
    assert_eq!((world.id(10, "anna"), &world.user(10, "anna").unwrap()["mailenabled"]), (id, &json!(true)));
}

#[tokio::test]
async fn after_the_retention_it_is_deleted_through_the_guard() {
    let mut world = disabling().await;
    world.apply([user("anna"), user("berta"), user("carl"), context(40), resource("room")]).await;
    world.delete([user("anna"), user("berta").disabled(), context(40), resource("room")]).await;
    assert_eq!(world.resource(10, "room"), None, "what cannot be disabled is deleted");
    assert_eq!(world.context(40).unwrap()["enabled"], false);
    assert_eq!(world.names(10).len(), 3);
    world
        .configure(|setup| {
            setup.spec["policies"]["retention"] = json!("10ms");
            setup.spec["policies"]["deletionGuard"] = json!({"maxCount": 2});
        })
        .await;
    // Three at once are too many.
    world.until("the retention is over", |status| status.held == 3).await;
    assert_eq!((world.names(10).len(), world.context(40).is_some()), (3, true));
    // One of them comes back just in time.
    world.apply([user("anna")]).await;
    let id = list(&world).await;
    assert_eq!(approve(&mut world, &id).await, Release::Released(2));
    assert_eq!((world.names(10), world.context(40)), (vec!["anna".to_owned(), "carl".to_owned()], None));
    assert_eq!(world.settle().await.kept, 0);
}

#[tokio::test]
async fn a_deleted_context_is_disabled_and_comes_back() {
    let mut world = disabling().await;
    world.apply([user("anna").context(20)]).await;
    world.ox.reset_counters();
    world.delete([context(20)]).await;
    world.expect_calls(&[("OXContextService.disable", 1)]);
    // Its users are provisioned as ever.
    world.apply([user("anna").context(20).with("title", "Dr.")]).await;
    assert_eq!(world.user(20, "anna").unwrap()["title"], "Dr.");
    world.ox.reset_counters();
    world.apply([context(20).with("oxQuota", 7)]).await;
    world.expect_calls(&[("OXContextService.change", 1), ("OXContextService.enable", 1)]);
    let twenty = world.context(20).unwrap();
    assert_eq!((&twenty["enabled"], &twenty["max_quota"]), (&json!(true), &json!(7)));
    assert_eq!(world.settle().await.kept, 0);
}

#[tokio::test]
async fn another_object_that_wants_the_name_is_told_until_when() {
    let mut world = disabling().await;
    let second = user("anna").of("anna-the-second");
    world.apply([user("anna")]).await;
    world.delete([user("anna")]).await;
    world.apply([second.clone()]).await;
    let (category, cause) = world.only_parked(&second).await;
    assert_eq!(category, "Conflict");
    assert!(cause.contains("is kept in OX until 20") && cause.contains("oxherd kept delete"), "{cause}");
    // The same for a mail address.
    let other = user("other").mail("anna@test.example");
    world.delete([second.clone()]).await;
    world.apply([other.clone()]).await;
    let (_, cause) = world.only_parked(&other).await;
    assert!(cause.contains("is kept in OX until 20"), "{cause}");
    // When it is deleted at once, the other one gets what it wants by itself.
    let kept = world.store().kept().await.unwrap();
    world.purge(&kept[0].object).await;
    assert_eq!((world.names(10), world.parked().await), (vec!["other".to_owned()], vec![]));
}

#[tokio::test]
async fn switching_the_policy_back_deletes_what_is_kept() {
    let mut world = disabling().await;
    world.apply([user("anna"), user("berta")]).await;
    world.delete([user("anna")]).await;
    world.configure(|setup| setup.spec["policies"]["deletionPolicy"] = json!("Delete")).await;
    assert_eq!(world.names(10), ["berta"]);
    assert_eq!(world.settle().await.kept, 0);
    world.delete([user("berta")]).await;
    assert_eq!(world.names(10), [""; 0]);
}

#[tokio::test]
async fn disabling_many_is_held_back_like_deleting_them() {
    let mut world = disabling().await;
    let users = people(30, 10);
    world.apply(users.clone()).await;
    world.delete(users).await;
    assert_eq!(held(&world).await.len(), 30);
    assert_eq!(world.user(10, "u10-000").unwrap()["mailenabled"], true);
    assert_eq!(world.settle().await.kept, 0);
}
