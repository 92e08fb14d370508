//! The rules that the chart ships are enough, and none of them is too much.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::directory::{context, profile, user};
use crate::ground::Ground;

type Right = (String, String, String);

/// Every right that the rules give: API group, resource, verb.
fn rights() -> BTreeSet<Right> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/oxherd/files/rules.yaml");
    let rules: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let list = |rule: &Value, name: &str| -> Vec<String> {
        rule[name].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in rules["rules"].as_array().unwrap() {
        for group in list(rule, "apiGroups") {
            for resource in list(rule, "resources") {
                for verb in list(rule, "verbs") {
                    assert!(![&group, &resource, &verb].iter().any(|one| *one == "*"), "{rule}");
                    rights.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    rights
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_are_enough_and_none_is_unused() {
    let ground = Ground::new("rights").await;
    let mapping = json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAttributeMapping", "metadata": {"name": "ours"},
        "spec": {"connectorJsonRef": {"name": "file", "key": "m"}}});
    let entry = |property: &str| json!({ "ldap_attribute": property });
    let entries = json!({"given_name": entry("firstname"), "sur_name": entry("lastname"),
        "email1": entry("mailPrimaryAddress")});
    let file = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "file"},
        "data": {"m": entries.to_string()}});
    let mut connector = ground.connector("main");
    connector["spec"]["mappingRef"] = json!({"name": "ours"});
    let mut eleven = Ground::context("eleven", 11);
    eleven["spec"]["deletionPolicy"] = json!("Delete");
    ground.apply(&[file, mapping, connector, Ground::master("secret"), eleven, Ground::profile("other", &["webmail"])]);
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxcontext", "eleven");
    ground.wait_for("Ready", "oxmap", "ours");
    ground.wait_for("Ready", "oxap", "other");
    ground.put(&[context(10), profile("full", &["webmail"]), user("anna")]);
    ground.wait_for("Ready", "oxcontext", "udm-context-10");
    ground.wait_for("Ready", "oxaccessprofile", "udm-profile-full");
    ground.apply(&[json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxOperation", "metadata": {"name": "look"},
        "spec": {"connectorRef": {"name": "main"}, "action": "Verify", "ttl": "5s"}})]);
    ground.wait_for("Ready", "oxoperation", "look");
    ground.kubectl_ok(&["delete", "oxcontext", "eleven", "--timeout=60s"], "");
    ground.deliver(&user("anna").deleted());
    ground.deliver(&profile("full", &["webmail"]).deleted());
    ground.deliver(&context(10).deleted());
    ground.until("the mirrors are gone", || {
        !ground.exists("oxaccessprofile", "udm-profile-full") && !ground.exists("oxcontext", "udm-context-10")
    });
    // The same Event twice.
    for _ in 0..2 {
        for paused in [true, false] {
            ground.patch("oxconnector", "main", &json!({"spec": {"policies": {"paused": paused}}}));
            ground.wait_for(&format!("Paused={}", if paused { "True" } else { "False" }), "oxconnector", "main");
        }
    }
    ground.until("the operation is removed", || !ground.exists("oxoperation", "look"));
    ground.kubectl_ok(&["delete", "oxconnector", "main", "--timeout=60s"], "");
    controller.terminate();

    let requests = ground.requests();
    let refused: Vec<_> = requests.iter().filter(|one| one.code == 403).collect();
    assert!(refused.is_empty(), "missing in the rules: {refused:#?}");
    let used: BTreeSet<Right> =
        requests.iter().map(|one| (one.group.clone(), one.resource.clone(), one.verb.clone())).collect();
    let mut given = rights();
    // Server-side apply makes an object with the verb patch, and the server asks for create as well.
    let implied =
        |right: &Right| right.2 == "create" && used.contains(&(right.0.clone(), right.1.clone(), "patch".to_owned()));
    given.retain(|right| !used.contains(right) && !implied(right));
    assert!(given.is_empty(), "never used: {given:#?}");
}
