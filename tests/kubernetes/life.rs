//! The life of each kind: apply, Ready, edit, delete.

use serde_json::json;

use crate::directory::user;
use crate::ground::Ground;

const FULL: &[&str] = &["webmail", "calendar", "contacts", "tasks", "infostore"];

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_lives_from_apply_to_deletion() {
    let ground = Ground::new("connector-life").await;
    ground.apply(&[
        ground.connector("main"),
        Ground::master("secret"),
        Ground::context("ten", 10),
        Ground::profile("full", FULL),
    ]);
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxconnector", "main");
    ground.wait_for("Ready", "oxcontext", "ten");
    ground.put(&[user("anna"), user("bert")]);
    ground.until("the users are in OX", || ground.users(10).len() == 3);
    assert_eq!(ground.user(10, "anna").unwrap()["language"], "de_DE");
    ground.until("the status counts them", || {
        ground.get("oxconnector", "main")["status"]["provisioned"]["users"] == 2
            && ground.get("oxcontext", "ten")["status"]["users"] == 2
    });
    // An edit takes effect at once.
    ground.patch("oxconnector", "main", &json!({"spec": {"defaults": {"language": "en_US"}}}));
    ground.until("the generation is observed", || {
        let connector = ground.get("oxconnector", "main");
        connector["status"]["observedGeneration"] == connector["metadata"]["generation"]
    });
    ground.wait_for("Synced", "oxconnector", "main");
    ground.put(&[user("carl")]);
    ground.until("the third user is in OX", || ground.user(10, "carl").is_some());
    assert_eq!(ground.user(10, "carl").unwrap()["language"], "en_US");
    // A deletion drains and leaves OX as it is.
    ground.kubectl_ok(&["delete", "oxconnector", "main", "--timeout=60s"], "");
    assert_eq!(ground.users(10).len(), 4);
    ground.put(&[user("dora")]);
    ground.wait_for_reason("oxcontext", "ten", "Ready", "False", "NoConnector");
    assert_eq!(ground.users(10).len(), 4, "nobody works any more");
    // Who comes back finds everything as it was.
    ground.apply(&[ground.connector("main")]);
    ground.until("the fourth user is in OX", || ground.user(10, "dora").is_some());
    assert!(ground.events("main").contains(&"Provisioning".to_owned()), "{:?}", ground.events("main"));
    controller.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_lives_from_apply_to_deletion_by_policy() {
    let ground = Ground::new("context-life").await;
    ground.apply(&[ground.connector("main"), Ground::master("secret"), Ground::context("ten", 10)]);
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxcontext", "ten");
    let secret = ground.get("oxcontext", "ten")["status"]["adminSecret"].as_str().map(str::to_owned);
    ground.until("the Secret of the administrator is named", || {
        ground.get("oxcontext", "ten")["status"]["adminSecret"] == "main-context-10-admin"
    });
    assert!(secret.is_none_or(|secret| secret == "main-context-10-admin"));
    assert!(ground.exists("secret", "main-context-10-admin"));
    // An edit reaches OX.
    ground.patch("oxcontext", "ten", &json!({"spec": {"quota": 5000, "loginMappings": ["ten.example"]}}));
    ground.until("the quota is shown", || ground.get("oxcontext", "ten")["status"]["quota"] == 5000);
    // With the default policy, OX keeps what is deleted here.
    ground.kubectl_ok(&["delete", "oxcontext", "ten", "--timeout=60s"], "");
    assert!(ground.has_context(10) && ground.exists("secret", "main-context-10-admin"));
    // With the other policy, both are gone.
    let mut eleven = Ground::context("eleven", 11);
    eleven["spec"]["deletionPolicy"] = json!("Delete");
    ground.apply(&[eleven]);
    ground.wait_for("Ready", "oxcontext", "eleven");
    assert!(ground.has_context(11));
    ground.kubectl_ok(&["delete", "oxcontext", "eleven", "--timeout=60s"], "");
    assert!(!ground.has_context(11) && !ground.exists("secret", "main-context-11-admin"));
    controller.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_belongs_to_the_older_context() {
    let ground = Ground::new("context-conflict").await;
    ground.apply(&[ground.connector("main"), Ground::master("secret"), Ground::context("first", 10)]);
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxcontext", "first");
    // Times of creation have whole seconds; the name decides between those of one second.
    ground.apply(&[Ground::context("second", 10)]);
    let message = ground.wait_for_reason("oxcontext", "second", "Conflict", "True", "OwnedElsewhere");
    assert!(message.contains("OxContext 'first' is older"), "{message}");
    ground.wait_for("Ready=False", "oxcontext", "second");
    ground.wait_for("Ready", "oxcontext", "first");
    assert!(ground.events("second").contains(&"OwnedElsewhere".to_owned()));
    // The number is free when its owner goes; what is in OX is taken over.
    ground.kubectl_ok(&["delete", "oxcontext", "first", "--timeout=60s"], "");
    ground.wait_for("Conflict=False", "oxcontext", "second");
    controller.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_mapping_leaves_the_last_good_one_in_force_and_says_so() {
    let ground = Ground::new("mapping-life").await;
    let mapping = |transform: &str| {
        json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAttributeMapping", "metadata": {"name": "ours"},
            "spec": {"entries": [{"attribute": "company", "property": "organisation", "transform": transform}]}})
    };
    let mut good = mapping("None");
    good["spec"]["entries"][0].as_object_mut().unwrap().remove("transform");
    let mut connector = ground.connector("main");
    connector["spec"]["mappingRef"] = json!({"name": "ours"});
    ground.apply(&[
        good,
        connector,
        Ground::master("secret"),
        Ground::context("ten", 10),
        Ground::profile("full", FULL),
    ]);
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxconnector", "main");
    ground.wait_for("Valid", "oxmap", "ours");
    let status = ground.get("oxmap", "ours")["status"].clone();
    assert_eq!(status["usedBy"], json!(["main"]));
    let revision = status["revision"].as_str().unwrap().to_owned();
    ground.put(&[user("anna").with("organisation", "Acme")]);
    ground.until("the user has a company", || ground.user(10, "anna").is_some_and(|user| user["company"] == "Acme"));
    // A file that is no mapping.
    let broken = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "file"}, "data": {"m": "{"}});
    ground.apply(&[broken]);
    ground.patch("oxmap", "ours", &json!({"spec": {"connectorJsonRef": {"name": "file", "key": "m"}}}));
    ground.wait_for("Valid=False", "oxmap", "ours");
    assert_eq!(ground.get("oxmap", "ours")["status"]["revision"], json!(revision), "the last good one");
    ground.wait_for_reason("oxconnector", "main", "Synced", "False", "InvalidMapping");
    ground.wait_for("Ready", "oxconnector", "main");
    ground.put(&[user("bert").with("organisation", "Acme")]);
    ground.until("it goes on as before", || ground.user(10, "bert").is_some_and(|user| user["company"] == "Acme"));
    // The same after a restart.
    controller.terminate();
    let controller = ground.controller("two");
    ground.put(&[user("carl").with("organisation", "Acme")]);
    ground.until("it goes on as before", || ground.user(10, "carl").is_some_and(|user| user["company"] == "Acme"));
    // The correction changes exactly those whom it concerns.
    ground.ox.reset_counters();
    let other = json!([{"attribute": "company", "property": "departmentNumber"}]);
    ground.patch("oxmap", "ours", &json!({"spec": {"connectorJsonRef": null, "entries": other}}));
    ground.wait_for("Valid", "oxmap", "ours");
    ground.wait_for("Synced", "oxconnector", "main");
    assert_ne!(ground.get("oxmap", "ours")["status"]["revision"], json!(revision));
    controller.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_is_found_when_it_comes() {
    let ground = Ground::new("references").await;
    ground.apply(&[ground.connector("main"), Ground::context("ten", 10)]);
    let controller = ground.controller("one");
    let message = ground.wait_for_reason("oxconnector", "main", "Ready", "False", "ReferenceMissing");
    assert!(message.contains("spec.ox.credentialsRef: there is no Secret 'ox-master'"), "{message}");
    assert!(ground.events("main").contains(&"ReferenceMissing".to_owned()));
    let mut half = Ground::master("secret");
    half["stringData"].as_object_mut().unwrap().remove("password");
    ground.apply(&[half]);
    ground.until("the key is named", || {
        ground.wait_for_reason("oxconnector", "main", "Ready", "False", "ReferenceMissing").contains("'password'")
    });
    // A wrong password is tried once, and the right one at once.
    ground.apply(&[Ground::master("wrong")]);
    ground.wait_for_reason("oxconnector", "main", "TargetReachable", "False", "TargetUnreachable");
    ground.apply(&[Ground::master("secret")]);
    ground.wait_for("Ready", "oxcontext", "ten");
    ground.wait_for("TargetReachable", "oxconnector", "main");
    controller.terminate();
}
