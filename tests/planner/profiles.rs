//! Access profiles and rights: catalogue I.4.

use oxherd::ox::rights::{Flag, Rights};
use serde_json::json;

use crate::world::World;

#[test]
fn i4_every_one_right_access_profile() {
    for flag in Flag::all() {
        let Some(property) = flag.udm_name() else { continue };
        let mut world = World::new();
        world.profile("one", json!({property: "TRUE"}));
        world.user("anna", json!({"oxAccess": "one"}));
        assert_eq!(world.in_ox("anna").rights, Rights::NONE.with(flag), "{property}, and all others false");
        assert_eq!(world.delete("anna").names(), ["UserDelete"]);
        assert!(world.delete("profile-one").calls.is_empty());
    }
}

#[test]
fn i4_accessprofile_with_special_characters() {
    for character in "!#$%&'*-./:?@[]^_`{|}~".chars() {
        let mut world = World::new();
        let name = format!("pro{character}file");
        world.profile(&name, json!({"usm": true}));
        world.user("anna", json!({"oxAccess": name}));
        assert_eq!(world.in_ox("anna").rights, Rights::NONE.with(Flag::Usm), "{character}");
    }
}

#[test]
fn j7_a_changed_profile_reaches_its_users() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let outcome = world.profile("premium2", json!({"name": "premium2"}));
    assert!(outcome.ripple.is_empty(), "somebody else's profile");
    let event = json!({"webmail": true, "infostore": true});
    let outcome = world.put(
        oxherd::udm::ObjectType::AccessProfile,
        "profile-premium",
        "cn=premium,dc=example",
        json!({"name": "premium"}),
        event,
    );
    assert_eq!(outcome.rippled("anna"), ["UserRights"], "the rights alone");
    assert_eq!(world.in_ox("anna").rights, Rights::NONE.with(Flag::Webmail).with(Flag::Infostore));
}

#[test]
fn j8_a_profile_without_rights_takes_all_rights() {
    let mut world = World::new();
    world.profile("none", json!({}));
    world.user("anna", json!({}));
    let outcome = world.user("anna", json!({"oxAccess": "none"}));
    assert_eq!(outcome.names(), ["UserChange", "UserRights"]);
    assert_eq!(outcome.fields(), json!({"mail_enabled": false}));
    assert_eq!(world.in_ox("anna").rights, Rights::NONE);
}

#[test]
fn a_user_without_profile_has_no_rights_and_no_mail() {
    let mut world = World::new();
    for missing in [json!(null), json!("")] {
        let outcome = world.user("anna", json!({"oxAccess": missing}));
        assert_eq!(outcome.names(), ["UserCreate"]);
        assert_eq!(outcome.json()[0]["rights"], json!([]));
        assert_eq!(outcome.fields()["mail_enabled"], false);
        world.delete("anna");
    }
}

#[test]
fn an_unknown_profile_leaves_the_rights_alone_until_it_arrives() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"oxAccess": "later"}));
    assert_eq!(outcome.names(), ["UserCreate"]);
    assert_eq!(outcome.json()[0]["rights"], json!(null));
    assert!(outcome.warnings[0].contains("'later'"));
    assert_eq!(world.profile("later", json!({"usm": true})).rippled("anna"), ["UserRights"]);
    world.delete("profile-later");
    assert_eq!(world.in_ox("anna").rights, Rights::NONE.with(Flag::Usm), "and after it went");
}

#[test]
fn m6_the_rights_are_always_complete() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({}));
    let rights: Rights = serde_json::from_value(outcome.json()[0]["rights"].clone()).unwrap();
    assert!(!rights.has(Flag::Olox20) && !rights.has(Flag::Publication) && !rights.has(Flag::PublicFolderEditable));
}

#[test]
fn rights_that_ox_refuses_together_are_a_warning_of_the_profile() {
    let mut world = World::new();
    let outcome = world.profile("odd", json!({"globaladdressbookdisabled": true, "delegatetask": true}));
    assert!(outcome.warnings[0].contains("globaladdressbookdisabled"));
}

#[test]
fn bad_input_profile_properties() {
    let mut world = World::new();
    assert!(world.profile("odd", json!({"usm": "maybe"})).refused().contains("'usm'"));
    assert!(world.profile("odd", json!({"name": ""})).refused().contains("'name'"));
}
