//! Commands that take single objects from the directory.

use serde_json::json;

use super::site::{Site, acme};

const BASE: &str = "dc=acme,dc=example";

fn load(number: usize) -> String {
    format!("uid=load{number:06},cn=users,{BASE}")
}

async fn site() -> Site {
    let site = Site::new(&acme("directory")).await;
    site.directory.seed_users(10, 5).unwrap();
    assert_eq!(site.work().await, 0);
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn provision_takes_one_object_as_it_is_now() {
    let site = site().await;
    site.directory.modify(&load(1), &json!({"title": "Dr."})).unwrap();
    site.directory.seed_users(10, 1).unwrap();
    let running = site.follow().await;
    for (name, outcome, calls) in
        [("load000001", "Applied", json!(["UserChange"])), ("load000006", "Applied", json!(["UserCreate"]))]
    {
        let done = site.json(&["provision", name, "--standalone", "manifests"]).await;
        assert_eq!((&done["result"]["outcome"], &done["result"]["calls"]), (&json!(outcome), &calls), "{done}");
        assert_eq!(done["result"]["origin"], "provision");
    }
    let done = site.json(&["provision", "load000001@load.example", "--standalone", "manifests"]).await;
    assert_eq!((&done["result"]["outcome"], &done["result"]["calls"]), (&json!("Unchanged"), &json!([])), "{done}");
    site.directory.delete(&load(2)).unwrap();
    let done = site.json(&["provision", "load000002", "--standalone", "manifests"]).await;
    assert_eq!((&done["present"], &done["result"]["outcome"]), (&json!(false), &json!("Removed")), "{done}");
    running.stop().await;

    let (code, _, errors) = site.run(&["provision", "nobody", "--standalone", "manifests"]).await;
    assert_eq!(code, 2);
    assert!(errors.contains("neither is an object known by 'nobody' nor does the directory have one"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resync_of_one_object() {
    let site = site().await;
    let one = async |name: &str| {
        site.json(&["resync", "--standalone", "manifests", "--object", name]).await["result"].clone()
    };
    assert_eq!(one("load000003").await, "as known");
    site.directory.modify(&load(3), &json!({"title": "Dr."})).unwrap();
    assert_eq!(one("load000003").await, "differs from what is known; queued");
    assert_eq!(one("load000003").await, "as known");
    site.directory.delete(&load(4)).unwrap();
    assert_eq!(one("load000004").await, "gone from the directory; its deletion is queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_plans_with_the_object_as_it_is_now() {
    let site = site().await;
    let explain = async || site.json(&["explain", "load000001", "--standalone", "manifests"]).await;
    assert_eq!(explain().await["directory"], "as known");
    site.directory.modify(&load(1), &json!({"title": "Dr."})).unwrap();
    let explained = explain().await;
    assert!(explained["directory"].as_str().unwrap().starts_with("differs"), "{explained}");
    assert!(explained["plan"].to_string().contains("userChange"), "{}", explained["plan"]);
    assert!(explained["mapping"].to_string().contains("Dr."), "{}", explained["mapping"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_object_is_tried_again_as_it_is_now() {
    let mut site = site().await;
    // What the source delivers is wrong; in the directory it is right by now.
    let dn = load(2);
    let mut properties = site.directory.object(&dn).unwrap()["properties"].clone();
    properties["lastname"] = json!("");
    let id = site.id(&dn);
    site.file(&json!({"id": id.as_str(), "udm_object_type": "users/user", "dn": dn, "object": properties}));
    assert_eq!(site.work().await, 3);
    assert_eq!(site.json(&["parked", "list"]).await.as_array().unwrap().len(), 1);
    site.json(&["parked", "retry", id.as_str()]).await;
    assert_eq!(site.work().await, 3, "the same again");
    let (code, _, errors) = site.run(&["parked", "retry", "--all", "--fresh"]).await;
    assert_eq!(code, 2, "{errors}");
    let queued = site.json(&["parked", "retry", "--all", "--fresh", "--standalone", "manifests"]).await;
    assert_eq!(queued, json!({"queued": 1}));
    assert_eq!(site.work().await, 0);
    assert_eq!(site.history(&id).await[0].origin, "fresh retry");
}
