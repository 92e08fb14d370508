use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

/// Calls `visit` with each schema and its path.
fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), visit);
    }
    for part in ["items", "additionalProperties"] {
        if let Some(part) = schema.get(part) {
            walk(part, &format!("{path}[]"), visit);
        }
    }
}

fn schemas() -> Vec<(String, Value)> {
    let schema = |crd: CustomResourceDefinition| {
        let version = &serde_json::to_value(&crd).unwrap()["spec"]["versions"][0];
        (crd.spec.names.kind, version["schema"]["openAPIV3Schema"].clone())
    };
    crds().into_iter().map(schema).collect()
}

#[test]
fn names_are_as_decided() {
    let names: Vec<_> = crds()
        .into_iter()
        .map(|crd| {
            assert_eq!(crd.spec.group, GROUP);
            assert_eq!(crd.spec.scope, "Namespaced");
            assert_eq!(crd.spec.versions.len(), 1);
            assert_eq!(format!("{GROUP}/{}", crd.spec.versions[0].name), API_VERSION);
            let names = crd.spec.names;
            assert_eq!(names.categories, Some(vec!["oxherd".to_owned()]));
            (names.kind, names.plural, names.singular.unwrap(), names.short_names.unwrap().join(","))
        })
        .collect();
    let expected = [
        ("OxConnector", "oxconnectors", "oxconnector", "oxc"),
        ("OxContext", "oxcontexts", "oxcontext", "oxctx"),
        ("OxAttributeMapping", "oxattributemappings", "oxattributemapping", "oxmap"),
        ("OxAccessProfile", "oxaccessprofiles", "oxaccessprofile", "oxap"),
        ("OxOperation", "oxoperations", "oxoperation", "oxop"),
    ];
    assert_eq!(names, expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned())));
}

#[test]
fn schemas_are_structural_documented_and_free_of_unsigned_numbers() {
    for (kind, schema) in schemas() {
        walk(&schema, &kind, &mut |path, schema| {
            let text = |field: &str| schema[field].as_str().unwrap_or_default();
            assert!(!text("format").starts_with("uint"), "{path}");
            assert!(!text("type").is_empty(), "{path} has no type");
            for forbidden in ["oneOf", "anyOf", "allOf", "$ref", "not"] {
                assert!(schema.get(forbidden).is_none(), "{path} uses {forbidden}");
            }
            if !path.ends_with("[]") && path.contains('.') {
                assert!(text("description").len() > 3, "{path} is not documented");
            }
            assert!(
                schema.get("properties").is_none() || schema.get("additionalProperties").is_none(),
                "{path} has both properties and additionalProperties"
            );
        });
    }
}

#[test]
fn every_kind_has_conditions_status_and_age() {
    for crd in crds() {
        let version = &serde_json::to_value(&crd).unwrap()["spec"]["versions"][0];
        assert!(version["subresources"]["status"].is_object());
        let status = &version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        assert_eq!(status["conditions"]["x-kubernetes-list-type"], "map");
        assert_eq!(status["conditions"]["x-kubernetes-list-map-keys"], json!(["type"]));
        assert!(status["observedGeneration"].is_object());
        let columns: Vec<_> =
            version["additionalPrinterColumns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
        assert!(columns.contains(&&json!("Ready")) && columns.contains(&&json!("Age")), "{columns:?}");
    }
}

#[test]
fn every_rule_is_known_to_the_file_checker() {
    let known: BTreeSet<_> = rules::ALL.iter().map(|check| check.cel).collect();
    let mut used = BTreeSet::new();
    for (kind, schema) in schemas() {
        walk(&schema, &kind, &mut |path, schema| {
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                let text = rule["rule"].as_str().unwrap().to_owned();
                // Operations do not come from files, and without Kubernetes there are no labels.
                let known = known.contains(text.as_str()) || text.contains("oldSelf") || text.contains("metadata.name");
                assert!(known, "{path}: {text}");
                assert!(!rule["message"].as_str().unwrap_or_default().is_empty(), "{path}");
                used.insert(text);
            }
        });
    }
    for check in rules::ALL {
        assert!(used.contains(check.cel), "nobody uses {}", check.cel);
    }
}

#[test]
fn what_must_not_change_says_so() {
    let schemas: std::collections::BTreeMap<_, _> = schemas().into_iter().collect();
    for (kind, path) in [
        ("OxContext", "/properties/spec/properties/id"),
        ("OxContext", "/properties/spec/properties/connectorRef"),
        ("OxConnector", "/properties/spec/properties/state"),
    ] {
        let rules = schemas[kind].pointer(path).unwrap()["x-kubernetes-validations"].as_array().unwrap();
        assert!(rules.iter().any(|rule| rule["rule"] == "self == oldSelf"), "{kind}{path}");
    }
    assert!(schemas["OxOperation"]["x-kubernetes-validations"][0]["rule"].as_str().unwrap().contains("oldSelf"));
}

/// Fills in defaults as an API server does.
fn apply_defaults(schema: &Value, value: &mut Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, property) in properties {
        let Some(object) = value.as_object_mut() else { return };
        if !object.contains_key(name) && property.get("default").is_some_and(|default| !default.is_null()) {
            object.insert(name.clone(), property["default"].clone());
        }
        if let Some(child) = object.get_mut(name) {
            apply_defaults(property, child);
        }
    }
}

#[test]
fn defaults_are_the_same_in_the_schema_and_in_files() {
    fn check<T: serde::Serialize + serde::de::DeserializeOwned>(kind: &str, spec: Value) {
        let schema = schemas().into_iter().find(|(found, _)| found == kind).unwrap().1;
        let from_file: T = serde_json::from_value(spec.clone()).unwrap();
        let mut from_server = spec;
        apply_defaults(&schema["properties"]["spec"], &mut from_server);
        let from_file = serde_json::to_value(&from_file).unwrap();
        // What has no value is left out by one and may be an empty list for the other.
        let mut from_file_with_defaults = from_file.clone();
        apply_defaults(&schema["properties"]["spec"], &mut from_file_with_defaults);
        assert_eq!(from_file_with_defaults, from_server, "{kind}");
        assert_eq!(from_file, from_file_with_defaults, "{kind}: a default only the schema knows");
    }
    let credentials = json!({"name": "s"});
    check::<OxConnectorSpec>(
        "OxConnector",
        json!({
            "ox": {"url": "https://ox", "credentialsRef": credentials},
            "source": {"spool": {"folder": "x"}},
            "defaults": {"domain": "d"},
        }),
    );
    check::<OxConnectorSpec>(
        "OxConnector",
        json!({
            "ox": {"url": "https://ox", "credentialsRef": credentials},
            "source": {"nubus": {"url": "https://n", "credentialsRef": credentials}},
            "udm": {"url": "https://n", "credentialsRef": credentials},
            "defaults": {"domain": "d"},
        }),
    );
    check::<OxContextSpec>("OxContext", json!({"id": 5, "connectorRef": {"name": "c"}}));
    check::<OxAttributeMappingSpec>("OxAttributeMapping", json!({}));
    check::<OxAccessProfileSpec>("OxAccessProfile", json!({"displayName": "x"}));
    check::<OxOperationSpec>("OxOperation", json!({"connectorRef": {"name": "c"}, "action": "Verify"}));
}

#[test]
fn a_profile_grants_the_rights_that_ox_has() {
    use crate::ox::rights::Flag;
    let names: BTreeSet<_> = Flag::all().filter_map(Flag::udm_name).collect();
    let rights = serde_json::to_value(AccessRights::default()).unwrap();
    let mut all = rights.clone();
    all.as_object_mut().unwrap().values_mut().for_each(|right| *right = Value::Bool(true));
    let all: AccessRights = serde_json::from_value(all).unwrap();
    assert_eq!(all.udm_names().collect::<BTreeSet<_>>(), names);
    let ox: BTreeSet<_> = Flag::all().filter(|flag| flag.udm_name().is_some()).map(Flag::soap_name).collect();
    let spelled: BTreeSet<_> =
        rights.as_object().unwrap().keys().map(|name| if name == "usm" { "USM" } else { name.as_str() }).collect();
    assert_eq!(spelled, ox);
}
