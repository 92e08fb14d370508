//! What the directory describes is shown, and cannot be changed here.

use serde_json::json;

use crate::directory::{context, profile, user};
use crate::ground::Ground;

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_cannot_be_edited_into_effect() {
    let ground = Ground::new("mirrors").await;
    ground.apply(&[ground.connector("main"), Ground::master("secret")]);
    let controller = ground.controller("one");
    ground.put(&[context(10), profile("full", &["webmail"]), user("anna")]);
    ground.until("the user is in OX", || ground.user(10, "anna").is_some());
    ground.wait_for_reason("oxcontext", "udm-context-10", "Ready", "True", "Mirrored");
    ground.wait_for_reason("oxaccessprofile", "udm-profile-full", "Ready", "True", "Mirrored");
    let mirror = ground.get("oxcontext", "udm-context-10");
    assert_eq!(mirror["metadata"]["labels"]["oxherd.dev/origin"], "udm");
    assert_eq!((&mirror["spec"]["id"], &mirror["spec"]["connectorRef"]["name"]), (&json!(10), &json!("main")));
    assert_eq!(ground.get("oxaccessprofile", "udm-profile-full")["spec"]["rights"]["webmail"], true);
    ground.ox.start_write_log();

    // An edit is undone and reaches nobody.
    ground.patch("oxcontext", "udm-context-10", &json!({"spec": {"quota": 1, "managementPolicy": "Manage"}}));
    ground.until("the edit is undone", || {
        let spec = ground.get("oxcontext", "udm-context-10")["spec"].clone();
        spec["quota"] == -1 && spec["managementPolicy"] == "Observe"
    });
    ground.patch("oxaccessprofile", "udm-profile-full", &json!({"spec": {"rights": {"calendar": true}}}));
    ground.until("the edit is undone", || {
        ground.get("oxaccessprofile", "udm-profile-full")["spec"]["rights"]["calendar"] == false
    });
    // Taking the label away makes no context of it: the number belongs to the directory.
    ground.patch("oxcontext", "udm-context-10", &json!({"metadata": {"labels": {"oxherd.dev/origin": null}}}));
    ground.until("the label is back", || {
        ground.get("oxcontext", "udm-context-10")["metadata"]["labels"]["oxherd.dev/origin"] == "udm"
    });
    assert_eq!(ground.ox.writes().iter().map(|write| write.operation).collect::<Vec<_>>(), Vec::<&str>::new());

    // What a described context claims that the directory has is a conflict.
    ground.apply(&[Ground::context("ten", 10)]);
    ground.wait_for("Conflict", "oxcontext", "ten");

    // A mirror goes with what it shows.
    ground.deliver(&user("anna").deleted());
    ground.deliver(&profile("full", &["webmail"]).deleted());
    ground.until("the mirror is gone", || !ground.exists("oxaccessprofile", "udm-profile-full"));
    controller.terminate();
}
