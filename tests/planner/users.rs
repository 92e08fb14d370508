//! Users in one context: catalogue I.2.

use oxherd::engine::RejectionCategory;
use oxherd::ox::attribute::{Attribute, Form};
use oxherd::ox::mapping::Mapping;
use oxherd::ox::model::ContextId;
use oxherd::ox::state::OxState;
use oxherd::ox::template::LoginTemplate;
use oxherd::udm::Properties;
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn i2_ignore_user() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"isOxUser": "Not"}));
    assert_eq!(outcome.names(), [""; 0]);
    assert!(outcome.skipped.unwrap().contains("isOxUser"));
    assert_eq!(world.face("anna"), &Value::Null);
}

#[test]
fn i2_add_user_in_default_context() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({}));
    assert_eq!(outcome.names(), ["UserCreate"], "one call, with all rights");
    assert_eq!(
        outcome.fields(),
        json!({
            "name": "anna", "password": "<secret>", "display_name": "Given Anna", "given_name": "Given", "sur_name": "Anna",
            "email1": "anna@example.org", "primary_email": "anna@example.org", "aliases": ["anna@example.org"],
            "imap_login": "anna@example.org", "imap_server": "imaps://mail.example.org:993",
            "smtp_server": "smtp://mail.example.org:587", "language": "de_DE", "timezone": "Europe/Berlin",
            "mail_enabled": true, "gui_spam_filter_enabled": true,
        })
    );
    assert_eq!(outcome.json()[0]["rights"], json!(["calendar", "contacts", "webmail"]));
    assert_eq!(outcome.json()[0]["guests"], "refuse");
}

#[test]
fn i2_add_user() {
    let mut world = World::new();
    world.context(77, json!({}));
    world.user("anna", json!({"oxContext": "77"}));
    let (_, anna) = world.ox.context(77).user("anna").unwrap();
    assert_eq!(anna.text(Attribute::EMAIL1), "anna@example.org");
    assert!(world.ox.context(10).user("anna").is_none());
}

#[test]
fn what_is_recorded_is_what_was_sent() {
    let mut world = World::new();
    world.user("anna", json!({"oxNote": "n", "phone": ["1", "2"], "birthday": "1.2.2000".replace("1.2", "01.02")}));
    let (recorded, sent) = (world.user_state("anna").fields.clone(), world.in_ox("anna").fields.clone());
    assert_eq!(recorded, sent);
    assert_eq!(world.value("anna", "birthday"), "2000-02-01");
}

#[test]
fn i2_rename_user() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let id = world.ox_id("anna");
    let outcome = world.rename("anna", "newanna", json!({}));
    assert_eq!(outcome.fields(), json!({"name": "newanna"}));
    assert_eq!(outcome.names(), ["UserChange"]);
    assert_eq!(world.ox_id("anna"), id);
    assert_eq!(world.ox.context(10).user("newanna").unwrap().0, id);
}

#[test]
fn a_login_name_differs_by_case() {
    let mut world = World::new();
    world.user("anna", json!({}));
    assert_eq!(world.rename("anna", "Anna", json!({})).fields(), json!({"name": "Anna"}));
}

#[test]
fn i2_modify_user() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let outcome = world.user(
        "anna",
        json!({"lastname": "New", "mailPrimaryAddress": "new@example.org", "oxCommercialRegister": "HRB 1"}),
    );
    assert_eq!(
        outcome.names(),
        ["UserChange", "UserPersonal"],
        "the sender name was the natural one and is not any more"
    );
    assert_eq!(
        outcome.fields(),
        json!({
            "sur_name": "New", "commercial_register": "HRB 1", "imap_login": "new@example.org",
            "email1": "new@example.org", "primary_email": "new@example.org",
            "default_sender_address": "new@example.org", "aliases": ["new@example.org"],
        })
    );
}

#[test]
fn j4_j27_a_change_that_means_nothing_to_ox_makes_no_call_and_no_question() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let outcome = world.user("anna", json!({"description": "x", "shell": "/bin/zsh", "mailAlternativeAddress": []}));
    assert_eq!((outcome.names(), outcome.asked), (vec![], vec![]));
}

#[test]
fn j10_the_password_is_sent_on_create_only() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({}));
    assert_eq!(outcome.fields()["password"], "<secret>");
    assert!(!serde_json::to_string(world.state("anna")).unwrap().contains("ecret"), "nor is it recorded");
    assert_eq!(world.user("anna", json!({"title": "Dr."})).fields(), json!({"title": "Dr."}));
}

/// The properties of the default table that are text in OX.
fn text_properties() -> Vec<(Attribute, String)> {
    let mapping = Mapping::default();
    let fixed = ["display_name", "given_name", "sur_name", "email1"];
    Attribute::all()
        .filter(|attribute| matches!(attribute.form(), Form::Text { .. }) && !fixed.contains(&attribute.name()))
        .filter_map(|attribute| Some((attribute, mapping.property_of(attribute)?.to_owned())))
        .collect()
}

fn sample(attribute: Attribute, text: &str) -> Value {
    match attribute.name() {
        "email2" | "email3" => json!(format!("{text}@example.org")),
        "telephone_business2" | "telephone_home2" => json!(["first", text]),
        "telephone_business1" | "telephone_home1" | "cellular_telephone2" | "telephone_pager" => {
            json!([text, "second"])
        }
        _ => json!(text),
    }
}

#[test]
fn i2_modify_user_set_and_unset_string_attributes() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let properties = text_properties();
    assert!(properties.len() > 70, "{}", properties.len());
    for (attribute, property) in properties {
        let expected = |text: &str| match attribute.name() {
            "email2" | "email3" => json!(format!("{text}@example.org")),
            _ => json!(text),
        };
        let set = world.user("anna", json!({&property: sample(attribute, "value")}));
        assert_eq!(set.fields()[attribute.name()], expected("value"), "{attribute}");
        let unset = world.user("anna", json!({&property: ""}));
        assert_eq!(unset.fields()[attribute.name()], "", "{attribute} is emptied");
        assert_eq!(unset.names(), ["UserChange"]);
        let again = world.user("anna", json!({&property: sample(attribute, "other")}));
        assert_eq!(again.fields()[attribute.name()], expected("other"), "{attribute}");
        world.user("anna", json!({}));
    }
}

#[test]
fn what_was_never_set_is_never_sent() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"oxNote": ""}));
    assert_eq!(outcome.fields().get("note"), None);
    assert_eq!(world.user("anna", json!({"oxNote": null})).names(), [""; 0]);
}

#[test]
fn i2_full_blown_user() {
    let mut world = World::new();
    let mut all = json!({
        "phone": ["1", "2", "3"], "homeTelephoneNumber": ["4", "5"], "mobileTelephoneNumber": ["6", "7"],
        "pagerTelephoneNumber": ["8"], "roomNumber": ["9", "10"], "oxUserQuota": "500", "birthday": "1984-02-29",
        "oxAnniversary": "31.12.1999", "mailAlternativeAddress": ["a@example.org"], "mailHomeServer": "home.example.org",
    });
    for (attribute, property) in text_properties() {
        if all.get(&property).is_none() {
            all[property] = sample(attribute, attribute.name());
        }
    }
    let outcome = world.user("anna", all);
    assert_eq!(outcome.names(), ["UserCreate"]);
    let fields = outcome.fields();
    for (attribute, value) in [
        ("telephone_business1", json!("1")),
        ("telephone_business2", json!("2")),
        ("telephone_home1", json!("4")),
        ("telephone_home2", json!("5")),
        ("cellular_telephone2", json!("6")),
        ("telephone_pager", json!("8")),
        ("room_number", json!("9")),
        ("max_quota", json!(500)),
        ("birthday", json!("1984-02-29")),
        ("anniversary", json!("1999-12-31")),
        ("aliases", json!(["anna@example.org", "a@example.org"])),
        ("imap_server", json!("imaps://home.example.org:993")),
        ("userfield20", json!("userfield20")),
        ("marital_status", json!("marital_status")),
    ] {
        assert_eq!(fields[attribute], value, "{attribute}");
    }
    // All of the table but the picture; name, password, primary address, login, language, zone and two flags are made.
    assert_eq!(fields.as_object().unwrap().len(), Mapping::default().followed(&Properties::default()).count() - 1 + 8);
}

#[test]
fn i2_modify_user_without_ox_obj() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let former = world.ox_id("anna");
    world.ox.context(10).users.clear();
    let outcome = world.user("anna", json!({"title": "Dr."}));
    assert_eq!(outcome.names(), ["UserCreate"]);
    assert_eq!(world.value("anna", "title"), "Dr.");
    assert_ne!(world.ox_id("anna"), former);
}

#[test]
fn j14_a_user_that_is_made_again_has_language_and_timezone() {
    let mut world = World::new();
    world.user("anna", json!({}));
    world.ox.context(10).users.clear();
    let fields = world.user("anna", json!({"title": "Dr."})).fields();
    assert_eq!((&fields["language"], &fields["timezone"]), (&json!("de_DE"), &json!("Europe/Berlin")));
}

#[test]
fn i2_modify_mailserver() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let outcome = world.user("anna", json!({"mailHomeServer": "test-member.example.org"}));
    assert_eq!(
        outcome.fields(),
        json!({"imap_server": "imaps://test-member.example.org:993", "smtp_server": "smtp://test-member.example.org:587"})
    );
}

#[test]
fn i2_remove_user() {
    let mut world = World::new();
    world.user("anna", json!({}));
    assert_eq!(world.delete("anna").names(), ["UserDelete"]);
    assert!(world.ox.context(10).users.is_empty());
}

#[test]
fn deleting_what_is_gone_is_done() {
    let mut world = World::new();
    world.user("anna", json!({}));
    world.ox.context(10).users.clear();
    let outcome = world.delete("anna");
    assert_eq!((outcome.names(), outcome.rejection), (vec![], None));
}

#[test]
fn i2_enable_and_disable_user() {
    let mut world = World::new();
    world.user("anna", json!({"isOxUser": false}));
    assert_eq!(world.user("anna", json!({"isOxUser": true})).names(), ["UserCreate"]);
    world.user("anna", json!({"oxContext": 20, "oxDisplayName": "Anna"}));
    assert!(world.ox.context(20).user("anna").is_some() && world.ox.context(10).user("anna").is_none());
    assert_eq!(world.user("anna", json!({"oxContext": 20, "isOxUser": false})).names(), ["UserDelete"]);
    assert!(world.ox.context(20).users.is_empty());
}

#[test]
fn i2_toggle_is_ox_user_property() {
    let mut world = World::new();
    assert!(world.user("anna", json!({"isOxUser": "Not"})).calls.is_empty());
    assert_eq!(world.user("anna", json!({})).names(), ["UserCreate"]);
    assert_eq!(world.user("anna", json!({"isOxUser": "Not"})).names(), ["UserDelete"]);
    assert_eq!(world.state("anna"), &OxState::Nothing, "the snapshot is kept, without OX number");
    assert_eq!(world.user("anna", json!({})).names(), ["UserCreate"]);
}

#[test]
fn i2_toggle_is_ox_user_property_no_change() {
    let mut world = World::new();
    world.user("anna", json!({"isOxUser": "Not"}));
    assert!(world.user("anna", json!({"isOxUser": "Not", "title": "Dr."})).calls.is_empty());
}

#[test]
fn i2_toggle_is_ox_user_property_new_context() {
    let mut world = World::new();
    world.user("anna", json!({"isOxUser": "Not"}));
    world.user("anna", json!({"oxContext": 20}));
    assert!(world.ox.context(20).user("anna").is_some() && world.ox.context(10).user("anna").is_none());
}

#[test]
fn a_user_without_context_is_skipped_or_stays_where_it_is() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"oxContext": null}));
    assert!(outcome.skipped.unwrap().contains("oxContext"));
    world.user("anna", json!({"oxContext": 20}));
    let outcome = world.user("anna", json!({"oxContext": "", "title": "Dr."}));
    assert_eq!(outcome.names(), ["UserChange"]);
    assert!(world.ox.context(20).user("anna").is_some());
}

#[test]
fn the_administrator_of_a_context_is_never_touched() {
    let mut world = World::new();
    let outcome = world.user("oxadmin", json!({}));
    assert!(outcome.calls.is_empty() && outcome.skipped.unwrap().contains("administrator"));
    assert!(world.user("oxadmin-context20", json!({"oxContext": 20})).calls.is_empty());
    assert_eq!(
        world.user("oxadmin-context30", json!({"oxContext": 20})).names(),
        ["UserCreate"],
        "not of this context"
    );
}

// Mail addresses.

#[test]
fn i2_alias() {
    let mut world = World::new();
    let aliases = |world: &World| world.value("anna", "aliases");
    world.user(
        "anna",
        json!({"mailPrimaryAddress": "t1@x.org", "mailAlternativeAddress": ["t2@x.org", "t3@x.org", "t4@x.org"]}),
    );
    assert_eq!(aliases(&world), json!(["t1@x.org", "t2@x.org", "t3@x.org", "t4@x.org"]));
    world.user("anna", json!({"mailPrimaryAddress": "t5@x.org"}));
    assert_eq!(aliases(&world), json!(["t5@x.org"]));
    world.user("anna", json!({"mailPrimaryAddress": "t6@x.org", "mailAlternativeAddress": ["t7@x.org"]}));
    assert_eq!(aliases(&world), json!(["t6@x.org", "t7@x.org"]));
}

#[test]
fn i2_default_sender_address() {
    let mut world = World::new();
    world.user("anna", json!({"mailPrimaryAddress": "old@x.org"}));
    let outcome =
        world.user("anna", json!({"mailPrimaryAddress": "new@x.org", "mailAlternativeAddress": ["old@x.org"]}));
    assert_eq!(outcome.asked.len(), 1, "the sender belongs to the user, so OX is asked");
    assert_eq!(outcome.fields()["default_sender_address"], "new@x.org");
}

#[test]
fn a_sender_that_the_user_chose_stays_while_it_is_an_alias() {
    let mut world = World::new();
    let two = json!({"mailPrimaryAddress": "a@x.org", "mailAlternativeAddress": ["Mine@x.org", "c@x.org"]});
    world.user("anna", two);
    let choose = |world: &mut World, address: &str| {
        let id = world.ox_id("anna");
        let user = world.ox.context(10).users.get_mut(&id).unwrap();
        let value = oxherd::ox::model::FieldValue::Text(address.into());
        user.fields.insert(Attribute::DEFAULT_SENDER_ADDRESS, value);
    };
    choose(&mut world, "mine@x.org");
    let change =
        |primary: &str, others: &[&str]| json!({"mailPrimaryAddress": primary, "mailAlternativeAddress": others});
    // The primary address changes: the sender was another one and stays, spelled as in the list.
    let outcome = world.user("anna", change("b@x.org", &["a@x.org", "Mine@x.org", "c@x.org"]));
    assert_eq!(outcome.fields()["default_sender_address"], "Mine@x.org");
    // Another alias goes: the sender stays.
    let outcome = world.user("anna", change("b@x.org", &["a@x.org", "Mine@x.org"]));
    assert_eq!(outcome.fields()["default_sender_address"], "Mine@x.org");
    // The alias itself goes: the new primary takes its place, or OX would refuse.
    let outcome = world.user("anna", change("b@x.org", &["a@x.org"]));
    assert_eq!(outcome.fields()["default_sender_address"], "b@x.org");
}

#[test]
fn one_more_alias_needs_no_question() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let outcome = world.user("anna", json!({"mailAlternativeAddress": ["second@example.org"]}));
    assert_eq!(outcome.fields(), json!({"aliases": ["anna@example.org", "second@example.org"]}));
    assert!(outcome.asked.is_empty());
    let three = json!({"mailAlternativeAddress": ["third@example.org", "second@example.org"]});
    world.user("anna", three);
    let swapped = json!({"mailAlternativeAddress": ["second@example.org", "third@example.org"]});
    assert!(world.user("anna", swapped).calls.is_empty(), "their order means nothing");
}

#[test]
fn a_sender_that_ox_holds_outside_the_aliases_is_repaired() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let id = world.ox_id("anna");
    let odd = oxherd::ox::model::FieldValue::Text("odd@x.org".into());
    world.ox.context(10).users.get_mut(&id).unwrap().fields.insert(Attribute::DEFAULT_SENDER_ADDRESS, odd);
    let outcome = world.user("anna", json!({"mailAlternativeAddress": ["second@example.org"]}));
    assert_eq!(outcome.fields()["default_sender_address"], "anna@example.org");
}

#[test]
fn bad_input_aliases_that_differ_only_in_case() {
    let mut world = World::new();
    let others = json!({"mailAlternativeAddress": ["ANNA@example.org", "b@x.org", "B@x.org", "b@x.org"]});
    assert_eq!(world.user("anna", others).fields()["aliases"], json!(["anna@example.org", "b@x.org"]));
}

#[test]
fn a_primary_address_that_is_taken_by_a_user_is_a_conflict() {
    let mut world = World::new();
    world.user("anna", json!({"mailPrimaryAddress": "team@x.org"}));
    let outcome = world.user("bert", json!({"mailPrimaryAddress": "Team@x.org"}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
    assert!(outcome.refused().contains("'mailPrimaryAddress'") && !outcome.refused().contains("eam@"));
    let outcome = world.user("anna", json!({"mailPrimaryAddress": "anna@x.org"}));
    assert_eq!(outcome.rippled("bert"), ["UserCreate"], "the address is free now");
}

#[test]
fn a_guest_with_the_address_becomes_the_user() {
    let mut world = World::new();
    world.ox.context(10).guests.insert("anna@example.org".into());
    let outcome = world.user("anna", json!({}));
    assert_eq!(outcome.names(), ["UserCreate", "UserRights"]);
    assert_eq!(outcome.json()[0]["guests"], "convert");
    assert_eq!(outcome.json()[0]["rights"], Value::Null, "only the plain create converts guests");
    assert_eq!(world.in_ox("anna").rights, world.user_state("anna").rights.unwrap());
}

#[test]
fn a_guest_is_a_conflict_when_guests_are_not_converted() {
    let mut world = World::new();
    world.settings.features.convert_guest = oxherd::ox::settings::Feature::Off;
    world.ox.context(10).guests.insert("anna@example.org".into());
    let outcome = world.user("anna", json!({}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
    assert!(outcome.refused().contains("guest"));
}

// Names, logins, quota.

#[test]
fn a3_7_the_sender_name_needs_a_call_only_when_ox_would_use_another() {
    let mut world = World::new();
    assert_eq!(world.user("anna", json!({"oxDisplayName": "Given Anna"})).names(), ["UserCreate"]);
    let outcome = world.user("bert", json!({"oxDisplayName": "Dr. Bert"}));
    assert_eq!(outcome.names(), ["UserCreate", "UserPersonal"]);
    assert_eq!(outcome.json()[1]["personal"], "Dr. Bert");
    let outcome = world.user("bert", json!({"oxDisplayName": "Given Bert"}));
    assert_eq!(outcome.names(), ["UserChange", "UserPersonal"], "it was set before, so it has to follow");
}

#[test]
fn a_sender_name_of_more_than_64_characters_is_left_out_with_a_warning() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"oxDisplayName": "x".repeat(65)}));
    assert_eq!(outcome.names(), ["UserCreate"]);
    assert!(outcome.warnings[0].contains("64"), "{:?}", outcome.warnings);
}

#[test]
fn without_display_name_the_login_name_is_used() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"oxDisplayName": ""}));
    assert_eq!(outcome.fields()["display_name"], "anna");
    assert_eq!(
        world.user("anna", json!({"oxDisplayName": "", "displayName": "Anna"})).fields()["display_name"],
        "Anna"
    );
}

#[test]
fn the_imap_login_follows_its_template() {
    let mut world = World::new();
    world.settings.imap_login = LoginTemplate::parse("{username}*master").unwrap();
    assert_eq!(world.user("anna", json!({})).fields()["imap_login"], "anna*master");
    assert_eq!(
        world.rename("anna", "berta", json!({})).fields(),
        json!({"name": "berta", "imap_login": "berta*master"})
    );
    world.settings.imap_login = LoginTemplate::parse("").unwrap();
    assert_eq!(world.user("carl", json!({})).fields().get("imap_login"), None, "OX then uses the mail address");
}

#[test]
fn the_identifier_can_be_another_property() {
    let mut world = World::new();
    world.settings.identifiers.user = "employeeNumber".to_owned().into();
    assert_eq!(world.user("anna", json!({"employeeNumber": "4711"})).fields()["name"], "4711");
    world.settings.identifiers.user = "entryUUID".to_owned().into();
    assert_eq!(world.user("bert", json!({})).fields()["name"], "bert", "the identifier of the object");
}

#[test]
fn j33_an_empty_identifier_says_so() {
    let mut world = World::new();
    world.settings.identifiers.user = "employeeNumber".to_owned().into();
    let outcome = world.user("anna", json!({}));
    assert!(outcome.refused().contains("'employeeNumber'") && outcome.refused().contains("names the user"));
}

#[test]
fn quota_minus_one_is_no_quota() {
    let mut world = World::new();
    assert_eq!(world.user("anna", json!({"oxUserQuota": "-1"})).fields().get("max_quota"), None);
    assert_eq!(world.user("anna", json!({"oxUserQuota": 100})).fields(), json!({"max_quota": 100}));
    assert_eq!(world.user("anna", json!({"oxUserQuota": "-1"})).fields(), json!({"max_quota": -1}));
    assert!(world.user("anna", json!({})).calls.is_empty());
}

#[test]
fn a_quota_that_ox_does_not_let_change_is_tried_once() {
    let mut world = World::new();
    world.user("anna", json!({}));
    world.ox.fixed_quota = true;
    let outcome = world.user("anna", json!({"oxUserQuota": 100, "title": "Dr."}));
    assert_eq!(outcome.fields(), json!({"title": "Dr."}), "the rest arrives");
    assert!(outcome.warnings[0].contains("quota"));
    let outcome = world.user("anna", json!({"oxUserQuota": 100, "title": "Prof."}));
    assert_eq!((outcome.fields(), outcome.warnings.len()), (json!({"title": "Prof."}), 0));
}

#[test]
fn j11_dates_cannot_be_cleared_and_that_is_said_once() {
    let mut world = World::new();
    world.user("anna", json!({"birthday": "2000-01-01"}));
    let outcome = world.user("anna", json!({}));
    assert!(outcome.calls.is_empty() && outcome.warnings[0].contains("birthday"));
    assert!(world.user("anna", json!({"title": "Dr."})).warnings.is_empty());
    let outcome = world.user("anna", json!({"title": "Dr.", "birthday": "01.01.2000"}));
    assert!(outcome.calls.is_empty(), "OX still has it");
    assert_eq!(
        world.user("anna", json!({"title": "Dr.", "birthday": "2000-01-02"})).fields(),
        json!({"birthday": "2000-01-02"})
    );
}

#[test]
fn j32_changed_settings_reach_existing_users() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let before = world.settings.revision();
    world.settings.imap.host = "imap2.example.org".into();
    assert_ne!(world.settings.revision(), before, "so the engine plans all users again");
    assert_eq!(world.replan("anna").fields(), json!({"imap_server": "imaps://imap2.example.org:993"}));
}

#[test]
fn j21_a_create_whose_answer_was_lost_is_recognised() {
    let mut world = World::new();
    world.crash = Some((0, true));
    world.user("anna", json!({}));
    world.crash = None;
    assert_eq!(world.ox.context(10).users.len(), 1);
    let outcome = world.user("anna", json!({}));
    assert!(!outcome.names().contains(&"UserCreate"), "{:?}", outcome.names());
    assert_eq!(world.ox.context(10).users.len(), 1);
    assert_eq!(world.in_ox("anna").rights, world.user_state("anna").rights.unwrap());
}

#[test]
fn a_name_that_belongs_to_another_object_is_a_conflict() {
    let mut world = World::new();
    world.user("anna", json!({}));
    let outcome = world.rename("bert", "anna", json!({}));
    assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
    assert!(outcome.refused().contains("'username'"));
    assert_eq!(world.rename("anna", "berta", json!({})).rippled("bert"), ["UserCreate"], "the name is free now");
}

#[test]
fn j9_a_user_in_an_unknown_context_waits_for_it() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"oxContext": 99}));
    let rejection = outcome.rejection.as_ref().unwrap();
    assert_eq!(rejection.category, RejectionCategory::Waiting);
    assert_eq!(rejection.waits_for, [oxherd::ox::handles::context(ContextId(99))]);
    assert!(outcome.refused().contains("context 99") && outcome.refused().contains("create it"));
    assert_eq!(world.context(99, json!({})).rippled("anna"), ["UserCreate"], "and arrives by itself");
    assert!(!world.is_waiting("anna"));
}
