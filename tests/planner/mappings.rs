//! Attribute mapping: catalogue I.7 and the written forms.

use oxherd::ox::attribute::Attribute;
use oxherd::ox::mapping::{Base, Clear, EntrySpec, Mapping, MappingError, MappingSpec, Transform};
use oxherd::ox::settings::Settings;
use serde_json::{Value, json};

use crate::world::{World, settings};

fn entry(attribute: &str, property: Option<&str>) -> EntrySpec {
    EntrySpec { attribute: attribute.into(), property: property.map(Into::into), ..EntrySpec::default() }
}

fn spec(entries: Vec<EntrySpec>) -> MappingSpec {
    MappingSpec { base: Base::Default, entries }
}

fn mapping(entries: Vec<EntrySpec>) -> Mapping {
    Mapping::from_spec(&spec(entries)).unwrap()
}

fn errors(entries: Vec<EntrySpec>) -> String {
    Mapping::from_spec(&spec(entries)).unwrap_err().to_string()
}

#[test]
fn i7_unset_set_mapping_and_j12_unset_leaves_the_value_alone() {
    let mut world = World::new();
    world.user("anna", json!({"oxNote": "before"}));
    world.settings.mapping = mapping(vec![entry("note", None)]);
    assert!(world.user("anna", json!({"oxNote": "ignored"})).calls.is_empty());
    assert_eq!(world.value("anna", "note"), "before", "left alone, not emptied");
    world.settings.mapping = Mapping::default();
    assert_eq!(world.user("anna", json!({"oxNote": "ignored"})).fields(), json!({"note": "ignored"}));
}

#[test]
fn i7_change_mapping() {
    let mut world = World::new();
    world.settings.mapping = mapping(vec![entry("userfield01", Some("description"))]);
    let both = json!({"description": "d", "oxUserfield01": "u"});
    assert_eq!(world.user("anna", both.clone()).fields()["userfield01"], "d");
    world.settings.mapping = Mapping::default();
    assert_eq!(world.replan("anna").fields(), json!({"userfield01": "u"}), "its value was kept");
}

#[test]
fn an_edited_mapping_never_clears_what_it_does_not_know() {
    let mut world = World::new();
    world.user("anna", json!({"oxNote": "n", "carLicense": "not kept"}));
    world.settings.mapping = mapping(vec![entry("note", Some("carLicense"))]);
    assert!(world.replan("anna").calls.is_empty(), "the property was not kept: it is unknown, not empty");
    assert_eq!(world.user("anna", json!({"oxNote": "n", "carLicense": "B-OX 1"})).fields(), json!({"note": "B-OX 1"}));
    assert_eq!(world.user("anna", json!({"oxNote": "n"})).fields(), json!({"note": ""}), "now its absence is known");
    assert!(world.replan("anna").calls.is_empty());
}

#[test]
fn i7_use_alternative() {
    let mut world = World::new();
    let alternatives = vec!["mailPrimaryAddress".to_owned()];
    world.settings.mapping = mapping(vec![EntrySpec { alternatives, ..entry("email1", Some("oxUserfield01")) }]);
    assert_eq!(world.user("anna", json!({})).fields()["email1"], "anna@example.org");
    let fields = world.user("anna", json!({"oxUserfield01": "other@example.org"})).fields();
    assert_eq!(fields["email1"], "other@example.org");
}

#[test]
fn create_only_required_and_keep() {
    let mut world = World::new();
    world.settings.mapping = mapping(vec![
        EntrySpec { create_only: true, ..entry("language", Some("preferredLanguage")) },
        EntrySpec { required: true, ..entry("department", Some("oxDepartment")) },
        EntrySpec { clear: Clear::Keep, ..entry("note", Some("oxNote")) },
    ]);
    assert!(world.user("anna", json!({})).refused().contains("'oxDepartment'"));
    let full = json!({"oxDepartment": "d", "preferredLanguage": "fr_FR", "oxNote": "n"});
    assert_eq!(world.user("anna", full).fields()["language"], "fr_FR");
    assert!(world.user("anna", json!({"oxDepartment": "d", "preferredLanguage": "it_IT"})).calls.is_empty());
    assert_eq!(world.value("anna", "note"), "n");
}

#[test]
fn an_index_takes_that_value() {
    let mut world = World::new();
    world.settings.mapping = mapping(vec![EntrySpec { index: Some(2), ..entry("telephone_other", Some("phone")) }]);
    assert_eq!(world.user("anna", json!({"phone": ["1", "2", "3"]})).fields()["telephone_other"], "3");
    assert_eq!(world.user("anna", json!({"phone": ["1", "2"]})).fields(), json!({"telephone_other": ""}));
}

#[test]
fn mistakes_are_refused_with_a_suggestion() {
    for (entry, hint) in [
        (entry("givenname", Some("firstname")), "'given_name'"),
        (entry("note", Some("oxNotes")), "'oxNote'"),
        (entry("note", Some("FirstName")), "'firstname'"),
        (entry("note", Some("organisatoin")), "'organisation'"),
        (entry("note", Some("password")), "secret"),
        (entry("note", Some("sambaNTPassword")), "secret"),
        (entry("name", Some("username")), "made by oxherd"),
        (entry("given_name", None), "must be mapped"),
        (EntrySpec { transform: Some(Transform::None), ..entry("birthday", Some("birthday")) }, "birthday"),
        (EntrySpec { transform: Some(Transform::Image), ..entry("note", Some("oxNote")) }, "Image"),
    ] {
        let text = errors(vec![entry.clone()]);
        assert!(text.contains(hint), "{entry:?}: {text}");
    }
    assert!(errors(vec![entry("note", Some("title")), entry("note", Some("title"))]).contains("twice"));
    let both = errors(vec![entry("nope", Some("a")), entry("nöpe", Some("a"))]);
    assert!(both.contains("nope") && both.contains("nöpe"), "all mistakes at once");
}

#[test]
fn extended_attributes_are_allowed_with_a_hint() {
    let custom = mapping(vec![entry("note", Some("companyCarPlate")), entry("info", Some("phone2"))]);
    assert_eq!(custom.warnings().len(), 2);
    assert!(custom.warnings().iter().any(|warning| warning.contains("'companyCarPlate'")));
    assert!(Mapping::default().warnings().is_empty());
}

#[test]
fn a_mapping_reads_back_from_its_shortest_form() {
    assert_eq!(Mapping::default().to_spec(), MappingSpec::default());
    let changed = mapping(vec![
        entry("note", None),
        EntrySpec { index: Some(1), create_only: true, required: true, ..entry("title", Some("phone")) },
        EntrySpec { clear: Clear::Keep, transform: Some(Transform::Date), ..entry("userfield01", Some("birthday")) },
    ]);
    assert_eq!(changed.to_spec().entries.len(), 3);
    assert_eq!(Mapping::from_spec(&changed.to_spec()).unwrap(), changed);
    let json = serde_json::to_value(changed.to_spec()).unwrap();
    assert_eq!(serde_json::from_value::<MappingSpec>(json).unwrap(), changed.to_spec());
}

#[test]
fn the_written_form_refuses_unknown_keys() {
    let typo = json!({"base": "Default", "entries": [{"attribute": "note", "property": "oxNote", "createonly": true}]});
    assert!(serde_json::from_value::<MappingSpec>(typo).is_err());
}

fn connector_entry(property: Value) -> Value {
    json!({
        "ldap_attribute": property, "nillable": true, "multi_value": false, "special_handling": "DEFAULT",
        "alternative_attributes": [], "position": null,
    })
}

#[test]
fn the_file_of_the_existing_connector_is_read_as_it_is() {
    let mut file = json!({});
    for attribute in ["given_name", "sur_name", "email1", "note", "mail_enabled", "used_quota", "title", "phone"] {
        file[attribute] = connector_entry(json!("oxNote"));
    }
    for (attribute, property) in
        [("given_name", "firstname"), ("sur_name", "lastname"), ("email1", "mailPrimaryAddress")]
    {
        file[attribute]["ldap_attribute"] = json!(property);
    }
    file["telephone_business2"] = connector_entry(json!("phone"));
    file["telephone_business2"]["position"] = json!(1);
    file["birthday"] = connector_entry(json!("birthday"));
    file["birthday"]["special_handling"] = json!("DATE");
    file["imap_server"] = connector_entry(json!("mailHomeServer"));
    file["imap_server"]["special_handling"] = json!("IMAP_URL");
    file["title"]["ldap_attribute"] = Value::Null;
    let error = Mapping::from_connector_json(&file.to_string()).unwrap_err();
    assert!(matches!(error.0[..], [MappingError::UnknownAttribute(_)]), "{error}");
    file.as_object_mut().unwrap().remove("phone");
    let mapping = Mapping::from_connector_json(&file.to_string()).unwrap();
    assert_eq!(mapping.property_of(Attribute::NOTE), Some("oxNote"));
    assert_eq!(mapping.property_of(Attribute::TITLE), None, "unset");
    assert_eq!(mapping.property_of(Attribute::MAIL_ENABLED), None, "a rule, no entry");
    let spec = mapping.to_spec();
    assert!(!spec.entries.iter().any(|entry| entry.attribute == "birthday"), "like the built-in one");
    assert!(Mapping::from_connector_json("[]").is_err());
}

#[test]
fn the_revision_follows_everything_that_plans_depend_on() {
    let base = settings().revision();
    assert_eq!((base.len(), settings().revision()), (16, base.clone()));
    let changes: [fn(&mut Settings); 6] = [
        |s| s.mapping = mapping(vec![entry("note", None)]),
        |s| s.language = "fr_FR".into(),
        |s| s.smtp.port = 25,
        |s| s.features.deputies = oxherd::ox::settings::Feature::Off,
        |s| s.identifiers.group = "gidNumber".to_owned().into(),
        |s| s.imap_login = oxherd::ox::template::LoginTemplate::parse("{username}").unwrap(),
    ];
    for change in changes {
        let mut settings = settings();
        change(&mut settings);
        assert_ne!(settings.revision(), base);
    }
}
