//! Access profiles: I.4, J.7, J.8.

use serde_json::json;

use crate::directory::{profile, user};
use crate::world::{FULL, World};

/// Rights by their names in the directory and in OX.
const RIGHTS: &[(&str, &str)] = &[
    ("usm", "USM"),
    ("activesync", "activeSync"),
    ("calendar", "calendar"),
    ("collectemailaddresses", "collectEmailAddresses"),
    ("contacts", "contacts"),
    ("delegatetask", "delegateTask"),
    ("deniedportal", "deniedPortal"),
    ("editgroup", "editGroup"),
    ("editpassword", "editPassword"),
    ("editpublicfolders", "editPublicFolders"),
    ("editresource", "editResource"),
    ("globaladdressbookdisabled", "globalAddressBookDisabled"),
    ("ical", "ical"),
    ("infostore", "infostore"),
    ("multiplemailaccounts", "multipleMailAccounts"),
    ("readcreatesharedfolders", "readCreateSharedFolders"),
    ("subscription", "subscription"),
    ("syncml", "syncml"),
    ("tasks", "tasks"),
    ("vcard", "vcard"),
    ("webdav", "webdav"),
    ("webdavxml", "webdavXml"),
    ("webmail", "webmail"),
];

#[tokio::test]
async fn i4_every_one_right_access_profile() {
    let mut world = World::start().await;
    for (udm, _) in RIGHTS {
        world.put(&profile(udm, &[udm]));
        world.put(&user(udm).profile(udm));
    }
    world.settle().await;
    for (udm, ox) in RIGHTS {
        assert_eq!(world.user(10, udm).map(|user| user["rights"].clone()), Some(json!([ox])), "{udm}");
    }
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i4_accessprofile_with_special_characters() {
    let mut world = World::start().await;
    let names: Vec<_> = "!#$%&'*-./:?@[]^_`{|}~=".chars().map(|c| format!("pro{c}file")).collect();
    for (n, name) in names.iter().enumerate() {
        world.put(&profile(name, &["usm"]));
        world.put(&user(&format!("u{n}")).profile(name));
    }
    world.settle().await;
    for (n, name) in names.iter().enumerate() {
        assert_eq!(world.user(10, &format!("u{n}")).unwrap()["rights"], json!(["USM"]), "{name}");
    }
}

#[tokio::test]
async fn j7_a_changed_profile_reaches_its_users() {
    let mut world = World::start().await;
    world.apply([profile("p", &["webmail"]), user("anna").profile("p"), user("berta")]).await;
    world.ox.reset_counters();
    world.apply([profile("p", &["webmail", "calendar"])]).await;
    assert_eq!(world.user(10, "anna").unwrap()["rights"], json!(["calendar", "webmail"]));
    world.expect_calls(&[("OXUserService.changeByModuleAccess", 1)]);
}

#[tokio::test]
async fn j8_empty_profile_means_no_rights() {
    let mut world = World::start().await;
    world.apply([profile("none", &[]), profile("empty", &[]), user("anna"), user("berta")]).await;
    world.apply([user("anna").profile("none"), user("berta").profile("empty")]).await;
    let (anna, berta) = (world.user(10, "anna").unwrap(), world.user(10, "berta").unwrap());
    assert_eq!((&anna["rights"], &berta["rights"]), (&json!([]), &json!([])));
    assert_eq!((&anna["mailenabled"], &berta["mailenabled"]), (&json!(false), &json!(true)));
    // As for a user without any profile.
    world.apply([user("anna"), user("berta").without("oxAccess")]).await;
    let (anna, berta) = (world.user(10, "anna").unwrap(), world.user(10, "berta").unwrap());
    assert_eq!((anna["rights"].as_array().unwrap().len(), &berta["rights"]), (FULL.len(), &json!([])));
    assert_eq!((&anna["mailenabled"], &berta["mailenabled"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn an_unknown_profile_leaves_rights_alone_until_it_arrives() {
    let mut world = World::start().await;
    let other = user("anna").profile("late");
    world.apply([user("anna")]).await;
    world.apply([other.clone()]).await;
    assert_eq!(world.user(10, "anna").unwrap()["rights"].as_array().unwrap().len(), FULL.len());
    assert!(world.last_notes(&other).await.contains("access profile 'late' is not known"));
    assert_eq!(world.parked().await, []);
    world.apply([profile("late", &["tasks"])]).await;
    assert_eq!(world.user(10, "anna").unwrap()["rights"], json!(["tasks"]));
}

#[tokio::test]
async fn i4_a_profile_that_is_removed_leaves_the_rights_of_its_users_alone() {
    let mut world = World::start().await;
    world.apply([profile("p", &["usm"]), user("anna").profile("p")]).await;
    world.delete([profile("p", &["usm"])]).await;
    assert_eq!(world.user(10, "anna").unwrap()["rights"], json!(["USM"]));
    assert_eq!(world.parked().await, []);
}
