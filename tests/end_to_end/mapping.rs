//! Attributes and their mapping: I.2 `modify_user_set_and_unset_string_attributes`, I.7, J.12.

use oxherd::ox::attribute::{Attribute, Form};
use oxherd::ox::mapping::Mapping;
use serde_json::{Value, json};

use crate::directory::{Object, user};
use crate::world::{Setup, World};

/// Attributes that are made of several properties, or that OX needs.
const NEVER_EMPTY: [&str; 5] = ["display_name", "given_name", "sur_name", "imap_server", "smtp_server"];

/// The text attributes of the built-in mapping with their properties.
fn texts() -> Vec<(Attribute, String)> {
    let mapping = Mapping::default();
    let text = |attribute: &Attribute| matches!(attribute.form(), Form::Text { .. } | Form::FixedText { .. });
    let mapped = Attribute::all().filter(text).filter_map(|a| Some((a, mapping.property_of(a)?.to_owned())));
    mapped.filter(|(attribute, _)| attribute.name() != "email1").collect()
}

/// The value of a property that gives the attribute this text.
fn value(attribute: Attribute, text: &str) -> Value {
    if attribute.name().ends_with("_business2") || attribute.name().ends_with("_home2") {
        json!(["first", text])
    } else {
        json!(text)
    }
}

#[tokio::test]
async fn i2_modify_user_set_and_unset_string_attributes() {
    let mut world = World::start().await;
    let texts = texts();
    assert!(texts.len() > 70, "{}", texts.len());
    let sample = |attribute: Attribute, text: &str| match attribute.name() {
        "email2" | "email3" => format!("{text}@test.example"),
        _ => text.to_owned(),
    };
    // A user for each attribute, all at once; each must show its own attribute only.
    for (step, text) in [Some("one"), None, Some("two")].into_iter().enumerate() {
        for (n, (attribute, property)) in texts.iter().enumerate() {
            let plain = user(&format!("u{n}"));
            let keep = NEVER_EMPTY.contains(&attribute.name());
            match text {
                Some(text) => world.put(&plain.with(property, value(*attribute, &sample(*attribute, text)))),
                None if keep => {}
                None => world.put(&plain),
            }
        }
        world.settle().await;
        assert_eq!(world.parked().await, []);
        for (n, (attribute, _)) in texts.iter().enumerate() {
            let found = world.user(10, &format!("u{n}")).unwrap();
            // Servers are shown in parts; the whole one has a name of its own.
            let (shown, server) = match attribute.name() {
                "imap_server" => (&found["imapServer"], true),
                "smtp_server" => (&found["smtpServer"], true),
                "employee_type" => (&found["employeeType"], false),
                name => (&found[name], false),
            };
            let shown = shown.as_str().unwrap_or_default();
            match text {
                Some(text) => assert_eq!(shown, sample(*attribute, text), "{attribute} in step {step}"),
                None if server || NEVER_EMPTY.contains(&attribute.name()) => {}
                None => assert_eq!(shown, "", "{attribute} in step {step}"),
            }
        }
    }
}

fn mapping(setup: &mut Setup, entries: &Value) {
    setup.spec = json!({"mappingRef": {"name": "own"}});
    setup.manifests = vec![json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAttributeMapping",
        "metadata": {"name": "own"}, "spec": {"entries": entries}})];
}

async fn shows(world: &mut World, object: Object, attribute: &str) -> Value {
    world.apply([object]).await;
    assert_eq!(world.parked().await, []);
    world.user(10, "anna").unwrap()[attribute].clone()
}

#[tokio::test]
async fn i7_unset_set_mapping_and_j12_an_unset_attribute_is_left_alone() {
    let mut world = World::start().await;
    assert_eq!(shows(&mut world, user("anna").with("title", "Dr."), "title").await, "Dr.");
    world.configure(|setup| mapping(setup, &json!([{"attribute": "title"}]))).await;
    assert_eq!(shows(&mut world, user("anna").with("title", "Prof."), "title").await, "Dr.");
    // Mapped again: the value of now arrives without another change of the user.
    world.configure(|setup| mapping(setup, &json!([]))).await;
    assert_eq!(world.user(10, "anna").unwrap()["title"], "Prof.");
}

#[tokio::test]
async fn i7_change_mapping() {
    let mut world = World::start().await;
    let anna = user("anna").with("description", "described").with("oxUserfield01", "field");
    assert_eq!(shows(&mut world, anna.clone(), "userfield01").await, "field");
    let entry = json!([{"attribute": "userfield01", "property": "description"}]);
    world.configure(|setup| mapping(setup, &entry)).await;
    assert_eq!(shows(&mut world, anna.clone(), "userfield01").await, "described");
    world.configure(|setup| mapping(setup, &json!([]))).await;
    assert_eq!(shows(&mut world, anna, "userfield01").await, "field");
}

#[tokio::test]
async fn i7_use_alternative() {
    let entry = json!([{"attribute": "email1", "property": "oxUserfield01", "alternatives": ["mailPrimaryAddress"]}]);
    let mut world = World::with(|setup| mapping(setup, &entry)).await;
    assert_eq!(shows(&mut world, user("anna"), "email1").await, "anna@test.example");
    let main = user("anna").with("oxUserfield01", "main@test.example");
    assert_eq!(shows(&mut world, main, "email1").await, "main@test.example");
    assert_eq!(shows(&mut world, user("anna"), "email1").await, "anna@test.example");
}

#[tokio::test]
async fn i7_the_mapping_file_of_the_existing_connector_is_read_as_is() {
    let json = json!({
        "display_name": {"ldap_attribute": "oxDisplayName", "nillable": false, "alternative_attributes": ["displayName"]},
        "given_name": {"ldap_attribute": "firstname", "nillable": false},
        "sur_name": {"ldap_attribute": "lastname", "nillable": false},
        "email1": {"ldap_attribute": "mailPrimaryAddress", "nillable": false},
        "note": {"ldap_attribute": "description"},
        "title": {"ldap_attribute": null},
    });
    let mut world = World::with(|setup| {
        setup.spec = json!({"mappingRef": {"name": "own"}});
        setup.manifests = vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old"},
                "data": {"AttributeMapping.json": json.to_string()}}),
            json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAttributeMapping", "metadata": {"name": "own"},
                "spec": {"connectorJsonRef": {"name": "old", "key": "AttributeMapping.json"}}}),
        ];
    })
    .await;
    world.apply([user("anna").with("description", "described").with("title", "Dr.")]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!((&anna["note"], &anna["title"]), (&json!("described"), &Value::Null));
}

#[tokio::test]
async fn j32_changed_settings_reach_existing_users() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    let spec = json!({"defaults": {"imapServer": "imaps://other.test.example:993"},
        "loginTemplates": {"imap": "{username}*{}"}});
    world.configure(|setup| setup.spec = spec).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!(anna["imapServerString"], "imaps://other.test.example:993");
    assert_eq!(anna["imapLogin"], "anna*anna@test.example");
}

#[tokio::test]
async fn bad_input_a_template_with_an_unknown_property_names_template_and_property() {
    for (template, key) in [("{noSuchThing}{}", "imap"), ("{{noSuchThing}}", "functionalAccount")] {
        let mut world = World::with(|setup| setup.spec = json!({"loginTemplates": {key: template}})).await;
        let info = crate::directory::functional_account("info", &["anna"]);
        world.apply([user("anna"), info.clone()]).await;
        let parked = world.parked().await;
        assert_eq!(parked.len(), 1, "{parked:#?}");
        let cause = &parked[0].cause;
        assert!(cause.contains("noSuchThing") && cause.contains("template"), "{cause}");
        // Corrected, it heals by itself.
        world.configure(|setup| setup.spec = json!({})).await;
        assert_eq!((world.parked().await, world.accounts(10, "anna").len()), (vec![], 1));
    }
}
