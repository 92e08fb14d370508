//! `OxOperation`: what administrators ask for.

use serde_json::{Value, json};

use crate::directory::user;
use crate::ground::Ground;

fn operation(name: &str, action: &str, more: &Value) -> Value {
    let mut spec = json!({"connectorRef": {"name": "main"}, "action": action});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxOperation", "metadata": {"name": name}, "spec": spec})
}

/// A ground on which everything works.
async fn working(namespace: &str) -> Ground {
    let ground = Ground::new(namespace).await;
    ground.apply(&[
        ground.connector("main"),
        Ground::master("secret"),
        Ground::context("ten", 10),
        Ground::profile("full", &["webmail"]),
    ]);
    ground
}

/// The result of an operation that has ended.
fn result(ground: &Ground, name: &str, phase: &str) -> String {
    ground.until("the operation ends", || {
        let phase = ground.get("oxoperation", name)["status"]["phase"].clone();
        phase == "Succeeded" || phase == "Failed"
    });
    let status = ground.get("oxoperation", name)["status"].clone();
    assert_eq!(status["phase"], phase, "{status:#}");
    status["result"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_carried_out_and_say_what_came_out() {
    let ground = working("operations").await;
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxcontext", "ten");
    ground.put(&[user("anna"), user("bert"), user("carl").context(99)]);
    ground.until("one is parked", || ground.get("oxconnector", "main")["status"]["parked"] == 1);
    ground.until("two are in OX", || ground.users(10).len() == 3);
    let parked = ground.get("oxconnector", "main")["status"]["oldestParked"].clone();
    assert_eq!((&parked["object"], &parked["type"]), (&json!("user-carl"), &json!("users/user")));

    ground.apply(&[operation("verify", "Verify", &json!({}))]);
    ground.wait_for("Ready", "oxoperation", "verify");
    let verified = result(&ground, "verify", "Succeeded");
    assert!(verified.contains("objects compared, 0 differ"), "{verified}");
    let report = ground.get("oxoperation", "verify")["status"]["reportRef"]["name"].as_str().unwrap().to_owned();
    let report: Value =
        serde_json::from_str(ground.get("configmap", &report)["data"]["report.json"].as_str().unwrap()).unwrap();
    assert!(report["sections"].as_array().unwrap().len() > 1, "{report:#}");

    ground.apply(&[operation("plan", "Plan", &json!({"selector": {"types": ["users/user"]}}))]);
    assert_eq!(result(&ground, "plan", "Succeeded"), "2 objects planned, 0 would be changed");

    ground.apply(&[operation("retry", "Retry", &json!({"selector": {"types": ["users/user"]}}))]);
    assert_eq!(result(&ground, "retry", "Succeeded"), "1 parked objects are tried again");
    ground.until("it is parked again", || ground.get("oxconnector", "main")["status"]["parked"] == 1);
    ground.apply(&[operation("drop", "Drop", &json!({"selector": {"objects": ["user-carl"]}}))]);
    assert_eq!(result(&ground, "drop", "Succeeded"), "1 parked changes are forgotten");
    ground.until("nothing is parked", || ground.get("oxconnector", "main")["status"]["parked"] == 0);

    ground.apply(&[operation("wrong", "Retry", &json!({"selector": {"contexts": [10]}}))]);
    assert!(result(&ground, "wrong", "Failed").starts_with("spec.selector.contexts:"));
    ground.wait_for("Ready=False", "oxoperation", "wrong");

    // What is over is removed, with its report.
    ground.apply(&[operation("short", "Verify", &json!({"ttl": "1s"}))]);
    ground.until("it is gone", || !ground.exists("oxoperation", "short"));
    ground.until("its report is gone", || !ground.exists("configmap", "short-report"));
    controller.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_that_are_held_back_are_released_by_an_approval_of_exactly_their_list() {
    let ground = working("approval").await;
    ground.patch("oxconnector", "main", &json!({"spec": {"policies": {"deletionGuard": {"maxCount": 0}}}}));
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxcontext", "ten");
    ground.put(&[user("anna"), user("bert")]);
    ground.until("two are in OX", || ground.users(10).len() == 3);
    ground.deliver(&user("anna").deleted());
    ground.wait_for("DeletionsBlocked", "oxconnector", "main");
    let status = ground.get("oxconnector", "main")["status"].clone();
    let list = status["deletionList"].as_str().unwrap().to_owned();
    assert_eq!(ground.users(10).len(), 3);
    assert!(ground.events("main").contains(&"DeletionsHeldBack".to_owned()));

    ground.apply(&[operation("other", "ApproveDeletions", &json!({"deletionList": "0123456789ab"}))]);
    let refused = result(&ground, "other", "Failed");
    assert!(refused.contains(&list) && refused.contains("nothing was released"), "{refused}");
    assert_eq!(ground.users(10).len(), 3);

    ground.apply(&[operation("this", "ApproveDeletions", &json!({"deletionList": list}))]);
    result(&ground, "this", "Succeeded");
    ground.until("the user is gone", || ground.users(10).len() == 2);
    ground.wait_for("DeletionsBlocked=False", "oxconnector", "main");
    controller.terminate();
}
