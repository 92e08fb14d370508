//! Calls for each kind of event: I.11 of the issue, M.5. What is counted is what reached the server.

use crate::directory::{dn, group, profile, user};
use crate::world::World;

const CREATE: &str = "OXUserService.createByModuleAccess";
const CHANGE: &str = "OXUserService.change";

#[tokio::test]
async fn user_create_is_one_call() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    world.expect_calls(&[(CREATE, 1)]);
}

#[tokio::test]
async fn a_relevant_user_change_is_one_call_and_sends_what_differs_only() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    world.ox.reset_counters();
    world.apply([user("anna").with("title", "Dr.").with("oxDepartment", "Sales")]).await;
    assert!(world.counters().bytes_in < 1_500, "{:#?}", world.counters());
    world.expect_calls(&[(CHANGE, 1)]);
    world.apply([user("anna").with("title", "Dr.").with("oxDepartment", "Sales").aliases(&["a@test.example"])]).await;
    world.expect_calls(&[(CHANGE, 1)]);
}

#[tokio::test]
async fn j27_an_irrelevant_user_change_is_no_call() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    world.ox.reset_counters();
    world.apply([user("anna").with("uidNumber", 4711).with("shell", "/bin/zsh").with("groups", [dn("x")])]).await;
    world.expect_calls(&[]);
}

#[tokio::test]
async fn j4_many_changes_of_one_user_in_one_batch_are_few_calls() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    world.ox.reset_counters();
    world.apply((0..50).map(|n| user("anna").with("title", n.to_string()))).await;
    assert_eq!(world.user(10, "anna").unwrap()["title"], "49");
    assert!(world.counters().total <= 3, "{:#?}", world.calls());
}

#[tokio::test]
async fn j4_an_identical_redelivery_is_no_call() {
    let mut world = World::start().await;
    let all =
        [user("anna"), user("berta").with("title", "Dr."), group("g", &["anna", "berta"]), profile("p", &["usm"])];
    world.apply(all.clone()).await;
    world.ox.reset_counters();
    world.apply(all.clone()).await;
    world.restart().await;
    world.ox.reset_counters();
    world.apply(all).await;
    // A start asks the server what it can do, and changes nothing.
    let writes: Vec<_> = world.calls().into_keys().filter(|call| !call.ends_with(".?")).collect();
    assert_eq!(writes, [""; 0]);
}

#[tokio::test]
async fn the_first_load_of_n_users_is_n_calls() {
    let mut world = World::start().await;
    world.apply((0..300).map(|n| user(&format!("u{n}")).context(10 + 10 * (n % 3)))).await;
    world.expect_calls(&[(CREATE, 300)]);
    assert_eq!(world.names(10).len() + world.names(20).len() + world.names(30).len(), 300);
}

#[tokio::test]
async fn j1_user_writes_of_a_context_never_wait_for_each_other_in_ox() {
    let mut world = World::start().await;
    world.ox.change_options(|options| options.latency.user_writes = 3);
    world.apply((0..60).map(|n| user(&format!("u{n}")).context(10 + 10 * (n % 3)))).await;
    let counters = world.counters();
    assert!(counters.max_concurrent_user_writes.values().all(|most| *most == 1), "{counters:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_more_in_a_group_of_5000_is_one_call_of_less_than_2_kb() {
    let mut world = World::start().await;
    let names: Vec<_> = (0..5001).map(|n| format!("u{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    world.apply(names.iter().map(|name| user(name)).chain([group("all", &names[..5000])])).await;
    assert_eq!(world.members(10, "all").len(), 5000);
    world.ox.reset_counters();
    world.apply([group("all", &names)]).await;
    assert!(world.counters().bytes_in < 2_000, "{:#?}", world.counters());
    world.expect_calls(&[("OXGroupService.addMember", 1)]);
    assert_eq!(world.members(10, "all").len(), 5001);
}
