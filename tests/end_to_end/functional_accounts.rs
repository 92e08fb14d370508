//! Functional accounts: I.6, J.6, J.18.

use serde_json::json;

use crate::directory::{Object, address, functional_account, user};
use crate::world::World;

async fn with_users(names: &[&str]) -> World {
    let mut world = World::start().await;
    world.apply(names.iter().map(|name| user(name))).await;
    world
}

/// Who has the account.
fn owners(world: &World, account: &str) -> Vec<String> {
    let names = world.names(10).into_iter();
    names.filter(|name| world.accounts(10, name).contains_key(&address(account))).collect()
}

#[tokio::test]
async fn i6_add_functional_account_with_user() {
    // At two places in the directory.
    for place in ["cn=functional_accounts,dc=test", "cn=more,ou=Nord\\, Süd,dc=test"] {
        let mut world = with_users(&["anna", "berta"]).await;
        let info = functional_account("info", &["anna"]).with("personal", "Us").at(&format!("cn=info,{place}"));
        world.apply([info.clone()]).await;
        assert_eq!(owners(&world, "info"), ["anna"]);
        let account = &world.accounts(10, "anna")[&address("info")];
        assert_eq!((&account["name"], &account["personal"]), (&json!("info"), &json!("Us")));
        assert_eq!(account["login"], format!("{}anna", info.id));
        assert_eq!(account["userId"], world.id(10, "anna"));
    }
}

#[tokio::test]
async fn i6_add_functional_account_with_2_of_5_users() {
    let mut world = with_users(&["a", "b", "c", "d", "e"]).await;
    world.apply([functional_account("info", &["b", "d"])]).await;
    assert_eq!(owners(&world, "info"), ["b", "d"]);
}

#[tokio::test]
async fn i6_multiple_functional_accounts_same_user_and_different_user() {
    let mut world = with_users(&["a", "b"]).await;
    world.apply(["one", "two", "three"].map(|name| functional_account(name, &["a"]))).await;
    assert_eq!(world.accounts(10, "a").len(), 3);
    world.apply([functional_account("two", &["b"])]).await;
    assert_eq!((owners(&world, "one"), owners(&world, "two")), (vec!["a".into()], vec!["b".into()]));
}

#[tokio::test]
async fn i6_modify_functional_account_and_j18_nothing_is_deleted_and_made_anew() {
    let mut world = with_users(&["a", "b"]).await;
    world.apply([functional_account("info", &["a"])]).await;
    world.apply([functional_account("info", &["b"])]).await;
    assert_eq!(owners(&world, "info"), ["b"]);
    world.ox.reset_counters();
    let id = world.accounts(10, "b")[&address("info")]["id"].clone();
    world.apply([functional_account("info", &["b"]).with("personal", "New")]).await;
    world.expect_calls(&[("OXSecondaryAccountService.update", 1)]);
    let account = &world.accounts(10, "b")[&address("info")];
    assert_eq!((&account["id"], &account["personal"]), (&id, &json!("New")));
}

#[tokio::test]
async fn i6_empty_functional_account_and_remove_functional_account() {
    let mut world = with_users(&["a"]).await;
    let info = functional_account("info", &["a"]);
    world.apply([info.clone()]).await;
    world.apply([info.clone().members(&[])]).await;
    assert_eq!(owners(&world, "info"), [""; 0]);
    world.apply([info.clone()]).await;
    assert_eq!(owners(&world, "info"), ["a"]);
    world.delete([info]).await;
    assert_eq!((owners(&world, "info"), world.parked().await), (vec![], vec![]));
    assert_eq!(world.user(10, "a").unwrap()["mail_account"], true);
}

#[tokio::test]
async fn i6_remove_user() {
    let mut world = with_users(&["a", "b"]).await;
    world.apply([functional_account("info", &["a", "b"])]).await;
    world.delete([user("a")]).await;
    assert_eq!(owners(&world, "info"), ["b"]);
    world.delete([user("b")]).await;
    assert_eq!(world.context(10).unwrap()["accounts"], json!([]));
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i6_modify_user() {
    let mut world = with_users(&["a"]).await;
    let info = functional_account("info", &["a"]);
    world.apply([info.clone()]).await;
    let id = world.id(10, "a");
    world.apply([user("a").renamed("z"), info.clone().members(&["z"])]).await;
    assert_eq!(owners(&world, "info"), ["z"]);
    let account = &world.accounts(10, "z")[&address("info")];
    assert_eq!((&account["userId"], &account["login"]), (&json!(id), &json!(format!("{}z", info.id))));
    assert_eq!(world.context(10).unwrap()["accounts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn i6_login_templates_of_functional_accounts() {
    let info = functional_account("info", &["a"]);
    for (template, login) in [
        ("{{fa_entry_uuid}}", info.id.clone()),
        ("{{entry_uuid}}{{fa_entry_uuid}}", format!("user-a{}", info.id)),
        ("{{fa_entry_uuid}}::::", format!("{}::::", info.id)),
        ("{{fa_entry_uuid}}:{{username}}+", format!("{}:a+", info.id)),
        (".{{fa_entry_uuid}}", format!(".{}", info.id)),
        ("{{fa_email_address}}*{{dn}}", format!("{}*uid=a,cn=users,dc=test", address("info"))),
        ("just text", "just text".to_owned()),
        ("", format!("{}a", info.id)),
    ] {
        let mut world =
            World::with(|setup| setup.spec = json!({"loginTemplates": {"functionalAccount": template}})).await;
        world.apply([user("a"), info.clone()]).await;
        assert_eq!(world.accounts(10, "a")[&address("info")]["login"], login, "{template}");
    }
}

#[tokio::test]
async fn i11_get_account_objs_one_account_in_each_context_and_j6_late_users() {
    let mut world = with_users(&["a"]).await;
    world.apply([functional_account("info", &["a", "b", "late"]), user("b").context(20)]).await;
    assert_eq!((owners(&world, "info"), world.accounts(20, "b").len()), (vec!["a".to_owned()], 1));
    world.apply([user("late")]).await;
    assert_eq!(owners(&world, "info"), ["a", "late"]);
}

#[tokio::test]
async fn bad_input_the_address_of_a_functional_account_is_some_users_primary() {
    let mut world = with_users(&["anna", "berta"]).await;
    let account: Object = functional_account("info", &["anna", "berta"]).mail(&address("berta"));
    world.apply([account.clone()]).await;
    let (category, cause) = world.only_parked(&account).await;
    assert_eq!(category, "Conflict");
    assert!(cause.contains("'mailPrimaryAddress'") && cause.contains("give one of the two another"), "{cause}");
    // And what is in OX is never the price.
    world.delete([account.clone()]).await;
    assert!(["anna", "berta"].iter().all(|name| world.user(10, name).unwrap()["mail_account"] == true));
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn an_account_never_takes_the_own_mail_account_of_a_user_with_it() {
    let mut world = with_users(&["anna"]).await;
    let info = functional_account("info", &["anna"]);
    world.apply([info.clone()]).await;
    // Later the user gets the address as primary one, and the account goes.
    world.apply([user("anna").mail(&address("info"))]).await;
    world.delete([info.clone()]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!(anna["mail_account"], true);
    assert_eq!(anna["email1"], address("info"));
    assert_eq!(world.parked().await, []);
}
