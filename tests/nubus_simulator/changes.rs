//! What a change in the directory does to others, and which messages it gives (`nubus-provisioning.md` 7).

use oxherd::simulator::nubus::DirectoryError;
use serde_json::{Value, json};

use crate::client::{ANNA, Client, TEAM, start_with_anna, summary};

const ALL: [&str; 4] = ["users/user", "groups/group", "oxmail/functional_account", "oxresources/oxresources"];
const INFO: &str = "cn=info,cn=functional_accounts,cn=open-xchange,dc=acme,dc=example";

async fn subscribed() -> (oxherd::simulator::nubus::NubusSimulator, Client) {
    let (simulator, client) = start_with_anna().await;
    let account = json!({"name": "info", "mailPrimaryAddress": "info@acme.example", "users": [ANNA]});
    client.control.create("oxmail/functional_account", INFO, &account).unwrap();
    client.control.subscribe("c", "secret", &ALL, false);
    (simulator, client)
}

#[tokio::test]
async fn a_new_user_comes_before_its_groups() {
    let (_simulator, client) = subscribed().await;
    let primary = "cn=Domain Users,cn=groups,dc=acme,dc=example";
    client.control.create("groups/group", primary, &json!({})).unwrap();
    client.drain("c").await;
    let properties = json!({"lastname": "B", "groups": [TEAM]});
    client.control.create("users/user", "uid=bob,cn=users,dc=acme,dc=example", &properties).unwrap();
    let messages = client.drain("c").await;
    assert_eq!(summary(&messages), ["users/user create", "groups/group modify", "groups/group modify"]);
    assert_eq!(messages[0]["body"]["old"], json!({}));
    assert_eq!(messages[0]["body"]["new"]["properties"]["groups"], json!([TEAM, primary]));
    assert_eq!(messages[1]["body"]["new"]["dn"], primary);
}

#[tokio::test]
async fn a_rename_is_one_message_and_references_follow() {
    let (_simulator, client) = subscribed().await;
    let renamed = client.control.rename(ANNA, "anna.weber").unwrap();
    assert_eq!(renamed, "uid=anna.weber,cn=users,dc=acme,dc=example");
    let messages = client.drain("c").await;
    assert_eq!(summary(&messages), ["users/user rename", "groups/group modify", "oxmail/functional_account modify"]);
    let user = &messages[0]["body"];
    assert_eq!((&user["old"]["dn"], &user["new"]["dn"]), (&json!(ANNA), &json!(renamed)));
    assert_eq!(user["old"]["id"], user["new"]["id"], "the identifier stays");
    assert_eq!(messages[1]["body"]["old"]["properties"]["users"], json!([ANNA]));
    assert_eq!(messages[1]["body"]["new"]["properties"]["users"], json!([renamed]));
    assert_eq!(messages[2]["body"]["new"]["properties"]["users"], json!([renamed]));
}

#[tokio::test]
async fn a_rename_with_other_changes_is_one_message() {
    let (_simulator, client) = subscribed().await;
    client.control.modify(ANNA, &json!({"username": "anna.fox", "lastname": "Fox"})).unwrap();
    let messages = client.drain("c").await;
    assert_eq!(summary(&messages)[0], "users/user rename");
    assert_eq!(messages.iter().filter(|message| message["topic"] == "users/user").count(), 1);
    let (old, new) = (&messages[0]["body"]["old"]["properties"], &messages[0]["body"]["new"]["properties"]);
    assert_eq!(
        (&old["lastname"], &new["lastname"], &new["displayName"]),
        (&json!("Weber"), &json!("Fox"), &json!("Anna Fox"))
    );
}

#[tokio::test]
async fn a_move_changes_dn_and_position_only() {
    let (_simulator, client) = subscribed().await;
    client.control.create("container/ou", "ou=bremen,dc=acme,dc=example", &json!({})).unwrap();
    let moved = client.control.move_to(ANNA, "ou=bremen,dc=acme,dc=example").unwrap();
    assert_eq!(moved, "uid=anna,ou=bremen,dc=acme,dc=example");
    let messages = client.drain("c").await;
    assert_eq!(summary(&messages)[0], "users/user rename");
    let (mut old, mut new) = (messages[0]["body"]["old"].clone(), messages[0]["body"]["new"].clone());
    for key in ["dn", "position"] {
        assert_ne!(old[key], new[key]);
        (old[key], new[key]) = (Value::Null, Value::Null);
    }
    assert_eq!(old, new);
}

#[tokio::test]
async fn a_deleted_member_leaves_its_groups_and_accounts() {
    let (_simulator, client) = subscribed().await;
    client.control.delete(ANNA).unwrap();
    let messages = client.drain("c").await;
    assert_eq!(summary(&messages), ["users/user delete", "groups/group modify", "oxmail/functional_account modify"]);
    assert_eq!(messages[0]["body"]["new"], json!({}));
    assert_eq!(messages[1]["body"]["new"]["properties"]["users"], json!([]));
}

#[tokio::test]
async fn a_new_member_gives_no_message_of_the_user() {
    let (_simulator, client) = subscribed().await;
    client.control.modify(TEAM, &json!({"users": [ANNA, "uid=ghost,cn=users,dc=acme,dc=example"]})).unwrap();
    assert_eq!(summary(&client.drain("c").await), ["groups/group modify"]);
    client.control.modify(ANNA, &json!({"groups": []})).unwrap();
    let messages = client.drain("c").await;
    assert!(summary(&messages).contains(&"groups/group modify".to_owned()));
    let members = client.control.object(TEAM).unwrap()["properties"]["users"].clone();
    assert_eq!(members, json!(["uid=ghost,cn=users,dc=acme,dc=example"]));
}

#[tokio::test]
async fn switching_ox_off_leaves_the_other_values() {
    let (_simulator, client) = subscribed().await;
    client.control.modify(ANNA, &json!({"isOxUser": false})).unwrap();
    let messages = client.drain("c").await;
    let (mut old, new) = (messages[0]["body"]["old"].clone(), messages[0]["body"]["new"].clone());
    assert_eq!(old["properties"]["isOxUser"], true);
    old["properties"]["isOxUser"] = json!(false);
    assert_eq!(old, new);
}

#[tokio::test]
async fn the_manager_of_a_resource_is_written_too() {
    let (_simulator, client) = subscribed().await;
    let number = client.control.object(ANNA).unwrap()["properties"]["uidNumber"].to_string();
    let dn = "cn=beamer,cn=oxresources,cn=open-xchange,dc=acme,dc=example";
    let properties =
        json!({"displayname": "Beamer", "resourceadmin": number, "resourceMailAddress": "beamer@acme.example"});
    client.control.create("oxresources/oxresources", dn, &properties).unwrap();
    assert_eq!(summary(&client.drain("c").await), ["oxresources/oxresources create", "users/user equal"]);
}

#[tokio::test]
async fn a_bookkeeping_write_has_equal_sides() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    assert_eq!(summary(&client.drain("c").await), ["users/user equal"]);
}

#[tokio::test]
async fn a_container_takes_everything_along() {
    let (_simulator, client) = subscribed().await;
    client.control.create("users/user", "uid=deep,ou=a,ou=b,dc=acme,dc=example", &json!({"lastname": "D"})).unwrap();
    client.control.rename("ou=b,dc=acme,dc=example", "c").unwrap();
    assert_eq!(client.control.list("users/user")[1], "uid=deep,ou=a,ou=c,dc=acme,dc=example");
    client.control.delete("ou=c,dc=acme,dc=example").unwrap();
    assert_eq!(summary(&client.drain("c").await), ["users/user create", "users/user rename", "users/user delete"]);
}

#[tokio::test]
async fn names_identifiers_and_addresses_are_taken_once() {
    let (_simulator, client) = subscribed().await;
    let control = &client.control;
    let identifier = control.object(ANNA).unwrap()["properties"]["univentionObjectIdentifier"].clone();
    let new = |name: &str, properties: Value| {
        control.create("users/user", &format!("uid={name},cn=users,dc=acme,dc=example"), &properties)
    };
    assert!(
        matches!(new("TEAM", json!({})), Err(DirectoryError::NameTaken { .. })),
        "groups and users share one name space"
    );
    let taken = new("bob", json!({"univentionObjectIdentifier": identifier}));
    assert!(matches!(taken, Err(DirectoryError::IdentifierTaken(_))));
    let taken = new("bob", json!({"mailPrimaryAddress": "anna@ACME.example"}));
    assert!(matches!(taken, Err(DirectoryError::AddressTaken(_))));
    assert!(control.create("users/nope", "uid=x,dc=acme,dc=example", &json!({})).is_err());
}

#[tokio::test]
async fn a_listener_file_creates_changes_and_deletes() {
    let (_simulator, client) = subscribed().await;
    let file = |dn: &str, object: Value| json!({"id": "05187c81-d51b-4192-9bbb-0565558eb1ad", "udm_object_type": "users/user", "dn": dn, "object": object});
    let properties = |name: &str, context: &str| {
        json!({"username": name, "lastname": "L", "isOxUser": "OK", "oxContext": context,
            "univentionObjectIdentifier": "05187c81-d51b-4192-9bbb-0565558eb1ad"})
    };
    let (one, two) = ("uid=one,cn=users,dc=acme,dc=example", "uid=two,cn=users,dc=acme,dc=example");
    client.control.apply(&file(one, properties("one", "10"))).unwrap();
    client.control.apply(&file(two, properties("two", "20"))).unwrap();
    client.control.apply(&file(two, Value::Null)).unwrap();
    let messages = client.drain("c").await;
    assert_eq!(summary(&messages), ["users/user create", "users/user rename", "users/user delete"]);
    let new = &messages[1]["body"]["new"]["properties"];
    assert_eq!((&new["isOxUser"], &new["oxContext"]), (&json!(true), &json!(20)));
}
