//! What happens when OX already has something of the name: each adopt policy, also when the answer to a create is lost.

use oxherd::simulator::ox::{FaultAction, FaultRule};
use serde_json::json;

use crate::directory::{Object, context, group, resource, shared_account, user};
use crate::world::World;

const POLICIES: [&str; 3] = ["Never", "MatchById", "MatchByName"];

async fn world(policy: &str) -> World {
    World::with(|setup| setup.spec = json!({"policies": {"adoptPolicy": policy}})).await
}

/// Something of each type that has a name of its own, with the call that makes it.
fn things() -> [(Object, &'static str, &'static str); 5] {
    [
        (context(40), "OXContextService", "create"),
        (user("anna"), "OXUserService", "createByModuleAccess"),
        (group("g", &["berta"]), "OXGroupService", "create"),
        (resource("r"), "OXResourceService", "create"),
        (shared_account("s"), "OXSharedAccountService", "create"),
    ]
}

#[tokio::test]
async fn a_lost_answer_is_recognised_under_each_policy() {
    for policy in POLICIES {
        for action in [FaultAction::ResetAfter, FaultAction::ResetBefore] {
            let mut world = world(policy).await;
            world.apply([user("berta")]).await;
            for (thing, service, operation) in things() {
                world.ox.add_fault(FaultRule::always(action.clone()).on(service, operation).times(1));
                world.apply([thing]).await;
                assert_eq!(world.parked().await, [], "{policy} {action:?} {service}");
            }
            assert_eq!(world.names(10), ["anna", "berta"]);
            assert_eq!(world.members(10, "g"), ["berta"]);
            assert!(
                world.resource(10, "r").is_some() && world.shared(10, "s").is_some() && world.context(40).is_some()
            );
        }
    }
}

#[tokio::test]
async fn a_crash_around_a_create_leaves_nobody_twice_and_nobody_out() {
    for policy in POLICIES {
        for action in [FaultAction::ResetAfter, FaultAction::ResetBefore] {
            let mut world = world(policy).await;
            world.ox.add_fault(FaultRule::always(action).on("OXUserService", "createByModuleAccess").times(1));
            world.ox.add_fault(FaultRule::always(FaultAction::Unavailable));
            world.put(&user("anna"));
            // The process ends between the intention and the next try.
            world.until_circuit_opens().await;
            world.ox.clear_faults();
            world.restart().await;
            world.settle().await;
            assert_eq!((world.names(10), world.parked().await), (vec!["anna".to_owned()], vec![]), "{policy}");
        }
    }
}

#[tokio::test]
async fn a_move_whose_answer_is_lost_is_recognised_under_each_policy() {
    for policy in POLICIES {
        let mut world = world(policy).await;
        world.apply([user("anna")]).await;
        world.ox.add_fault(FaultRule::always(FaultAction::ResetAfter).on("OXUserCopyService", "copyUser").times(1));
        world.apply([user("anna").context(20)]).await;
        assert_eq!((world.names(10), world.names(20)), (vec![], vec!["anna".to_owned()]), "{policy}");
        assert_eq!(world.parked().await, []);
    }
}

#[tokio::test]
async fn what_somebody_else_made_is_taken_over_by_name_only() {
    for policy in POLICIES {
        let mut world = world(policy).await;
        let theirs = world.by_hand(10).create_user("anna", "<d:title>Theirs</d:title>").await;
        world.by_hand(10).create_resource("r").await;
        world.apply([user("anna"), resource("r"), user("berta"), group("g", &["anna", "berta"])]).await;
        if policy == "MatchByName" {
            assert_eq!(world.parked().await, []);
            assert_eq!(world.id(10, "anna"), theirs);
            continue;
        }
        let mut parked = world.parked().await;
        parked.sort_by(|a, b| b.object.cmp(&a.object));
        let ids: Vec<_> = parked.iter().map(|row| (row.object.as_str(), row.category.as_str())).collect();
        assert_eq!(ids, [("user-anna", "Conflict"), ("resource-r", "Conflict")], "{policy}");
        assert!(
            parked[0].cause.contains("adoptPolicy") && parked[0].cause.contains("'username'"),
            "{}",
            parked[0].cause
        );
        assert_eq!(world.user(10, "anna").unwrap()["title"], "Theirs");
        assert_eq!(world.members(10, "g"), ["berta"]);
        // Another policy takes effect at once.
        world.configure(|setup| setup.spec = json!({"policies": {"adoptPolicy": "MatchByName"}})).await;
        assert_eq!(world.parked().await, []);
        assert_eq!((world.id(10, "anna"), world.members(10, "g").len()), (theirs, 2));
    }
}

#[tokio::test]
async fn name_and_mail_that_lead_to_different_people_are_a_conflict() {
    let mut world = world("MatchByName").await;
    let mail = |address: &str| {
        format!(
            "<d:email1>{address}</d:email1><d:primaryEmail>{address}</d:primaryEmail><d:aliases>{address}</d:aliases>\
             <d:defaultSenderAddress>{address}</d:defaultSenderAddress>"
        )
    };
    let named = world.by_hand(10).create_user("anna", "").await;
    world.by_hand(10).change_user(named, &mail("x@test.example")).await;
    let other = world.by_hand(10).create_user("other", "").await;
    world.by_hand(10).change_user(other, &mail("anna@test.example")).await;
    let before = world.user(10, "other");
    world.apply([user("anna")]).await;
    let (category, cause) = world.only_parked(&user("anna")).await;
    assert_eq!(category, "Conflict", "{cause}");
    assert!(cause.contains("'mailPrimaryAddress'"), "{cause}");
    assert_eq!(world.user(10, "other"), before);
}

#[tokio::test]
async fn by_name_no_create_costs_a_question() {
    let mut world = world("MatchByName").await;
    world.apply([user("anna")]).await;
    world.expect_calls(&[("OXUserService.createByModuleAccess", 1)]);
}
