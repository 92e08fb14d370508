//! Shared accounts: I.9, J.7.

use serde_json::{Value, json};

use crate::directory::{Object, address, group, permission, shared_account, user};
use crate::world::World;

const AUTHOR: fn() -> Object = || permission("author", "author", "author", &[]);
const EDITOR: fn() -> Object = || permission("editor", "editor", "editor", &[]);
const VIEWER: fn() -> Object = || permission("viewer", "viewer", "none", &["sendOnBehalf", "writeSnippets"]);

/// A world with permissions, anna and berta.
async fn office() -> World {
    let mut world = World::start().await;
    world.apply([AUTHOR(), EDITOR(), VIEWER(), user("anna"), user("berta")]).await;
    world
}

fn support(users: &[(&Object, &Object)], groups: &[(&Object, &Object)]) -> Object {
    shared_account("support").granted(users, groups)
}

fn grants(world: &World) -> Value {
    json!(world.grants(10, "support"))
}

#[tokio::test]
async fn i9_create_shared_account() {
    let mut world = office().await;
    world.apply([support(&[(&user("anna"), &VIEWER())], &[])]).await;
    let account = world.shared(10, "support").unwrap();
    assert_eq!([&account["display_name"], &account["primaryEmail"]], ["SUPPORT", address("support").as_str()]);
    assert_eq!([&account["language"], &account["timezone"]], ["de_DE", "Europe/Berlin"]);
    assert_eq!([&account["imapServer"], &account["smtpServer"]], ["mail.test.example"; 2]);
    assert_eq!((&account["imapPort"], &account["smtpPort"]), (&json!(143), &json!(587)));
    assert_eq!(grants(&world), json!({"user 10/anna": "viewer none sendOnBehalf writeSnippets"}));
}

#[tokio::test]
async fn i9_modify_shared_account() {
    let mut world = office().await;
    world.apply([support(&[], &[])]).await;
    let id = world.shared(10, "support").unwrap()["id"].clone();
    world.apply([support(&[], &[]).renamed("help").with("displayName", "Help").mail("help@test.example")]).await;
    let account = world.shared(10, "help").unwrap();
    assert_eq!((&account["id"], &account["display_name"]), (&id, &json!("Help")));
    assert_eq!(account["primaryEmail"], "help@test.example");
    assert_eq!(world.shared(10, "support"), None);
}

#[tokio::test]
async fn i9_delete_shared_account() {
    let mut world = office().await;
    world.apply([support(&[(&user("anna"), &EDITOR())], &[])]).await;
    world.delete([support(&[], &[])]).await;
    assert_eq!((world.shared(10, "support"), world.parked().await), (None, vec![]));
}

#[tokio::test]
async fn i9_add_user_and_rename_it() {
    let mut world = office().await;
    world.apply([support(&[], &[])]).await;
    assert_eq!(grants(&world), json!({}));
    world.apply([support(&[(&user("anna"), &EDITOR())], &[])]).await;
    assert_eq!(grants(&world), json!({"user 10/anna": "editor editor"}));
    world.ox.reset_counters();
    world.apply([user("anna").renamed("anne")]).await;
    assert_eq!(grants(&world), json!({"user 10/anne": "editor editor"}));
    world.expect_calls(&[("OXUserService.change", 1)]);
}

#[tokio::test]
async fn i9_add_user_in_another_context() {
    let mut world = office().await;
    let (berta, carl) = (user("berta").context(20), user("carl").context(30));
    world.apply([berta.clone(), carl.clone()]).await;
    world.apply([support(&[(&user("anna"), &EDITOR()), (&berta, &VIEWER()), (&carl, &AUTHOR())], &[])]).await;
    let expected = json!({"user 10/anna": "editor editor", "user 20/berta": "viewer none sendOnBehalf writeSnippets",
        "user 30/carl": "author author"});
    assert_eq!(grants(&world), expected);
}

#[tokio::test]
async fn i9_add_group_and_j7_membership_reaches_the_account() {
    let mut world = office().await;
    let (sales, empty) = (group("sales", &["anna"]), group("empty", &[]));
    world.apply([sales.clone(), empty.clone(), support(&[], &[(&sales, &EDITOR())])]).await;
    assert_eq!(grants(&world), json!({"group 10/sales": "editor editor"}));
    world.apply([support(&[], &[(&empty, &EDITOR())])]).await;
    assert_eq!(grants(&world), json!({}));
    // The group gets a member, and with it comes to life.
    world.apply([empty.members(&["berta"])]).await;
    assert_eq!(grants(&world), json!({"group 10/empty": "editor editor"}));
}

#[tokio::test]
async fn i9_add_group_with_users_across_multiple_ox_contexts() {
    let mut world = office().await;
    let sales = group("sales", &["anna", "berta"]);
    world.apply([user("berta").context(20), sales.clone(), support(&[], &[(&sales, &EDITOR())])]).await;
    assert_eq!(grants(&world), json!({"group 10/sales": "editor editor", "group 20/sales": "editor editor"}));
    // A member goes elsewhere, and the group with it.
    world.apply([user("berta").context(30)]).await;
    assert_eq!(grants(&world), json!({"group 10/sales": "editor editor", "group 30/sales": "editor editor"}));
}

#[tokio::test]
async fn i9_remove_user_and_remove_group() {
    let mut world = office().await;
    let (sales, dev) = (group("sales", &["anna"]), group("dev", &["berta"]));
    world.apply([sales.clone(), dev.clone()]).await;
    let (anna, berta, editor) = (user("anna"), user("berta"), EDITOR());
    world.apply([support(&[(&anna, &editor), (&berta, &editor)], &[(&sales, &editor), (&dev, &editor)])]).await;
    assert_eq!(grants(&world).as_object().unwrap().len(), 4);
    world.apply([support(&[(&berta, &editor)], &[(&dev, &editor)])]).await;
    assert_eq!(grants(&world), json!({"user 10/berta": "editor editor", "group 10/dev": "editor editor"}));
    world.apply([support(&[], &[])]).await;
    assert_eq!(grants(&world), json!({}));
}

#[tokio::test]
async fn i9_change_user_change_group_and_replace_user() {
    let mut world = office().await;
    let sales = group("sales", &["anna"]);
    world.apply([sales.clone(), support(&[(&user("anna"), &EDITOR())], &[(&sales, &EDITOR())])]).await;
    world.apply([support(&[(&user("anna"), &VIEWER())], &[(&sales, &AUTHOR())])]).await;
    let expected = json!({"user 10/anna": "viewer none sendOnBehalf writeSnippets", "group 10/sales": "author author"});
    assert_eq!(grants(&world), expected);
    world.apply([support(&[(&user("berta"), &VIEWER())], &[])]).await;
    assert_eq!(grants(&world), json!({"user 10/berta": "viewer none sendOnBehalf writeSnippets"}));
}

#[tokio::test]
async fn i9_create_modify_and_delete_shared_account_permission() {
    let mut world = office().await;
    world.apply([support(&[(&user("anna"), &EDITOR())], &[])]).await;
    world.ox.reset_counters();
    world.apply([EDITOR().with("sendAs", true)]).await;
    assert_eq!(grants(&world), json!({"user 10/anna": "editor editor sendAs"}));
    world.expect_calls(&[("OXSharedAccountService.setSharedAccountPermissions", 1)]);
    world.apply([permission("more", "viewer", "viewer", &[])]).await;
    world.delete([permission("more", "viewer", "viewer", &[])]).await;
    world.expect_calls(&[]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i9_a_user_becomes_a_shared_account() {
    let mut world = office().await;
    world.apply([user("support"), group("sales", &["anna", "support"])]).await;
    let id = world.id(10, "support");
    let converted = support(&[(&user("anna"), &EDITOR())], &[]).of("user-support").at("uid=support,cn=users,dc=test");
    world.apply([converted]).await;
    assert_eq!(world.names(10), ["anna", "berta"]);
    assert_eq!(world.shared(10, "support").unwrap()["id"], id);
    assert_eq!(grants(&world), json!({"user 10/anna": "editor editor"}));
    assert_eq!(world.members(10, "sales"), ["anna"]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i9_deleting_a_member_takes_its_permission() {
    let mut world = office().await;
    world.apply([support(&[(&user("anna"), &EDITOR()), (&user("berta"), &EDITOR())], &[])]).await;
    assert_eq!(world.parked().await, []);
    assert_eq!(grants(&world).as_object().unwrap().len(), 2);
    world.delete([user("anna")]).await;
    assert_eq!(world.parked().await, []);
    assert_eq!(grants(&world), json!({"user 10/berta": "editor editor"}));
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn j25_without_the_service_accounts_wait_and_are_not_lost() {
    let mut world = World::with(|setup| setup.ox.shared_accounts = false).await;
    world.apply([EDITOR(), user("anna"), support(&[(&user("anna"), &EDITOR())], &[])]).await;
    assert_eq!(world.shared(10, "support"), None);
    // The server is upgraded.
    world.ox.change_options(|options| options.shared_accounts = true);
    world.restart().await;
    world.settle().await;
    assert_eq!(grants(&world), json!({"user 10/anna": "editor editor"}));
}
