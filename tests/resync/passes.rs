//! `oxherd resync`: what it finds, what it leaves alone, and what it must not do.

use oxherd::simulator::nubus::{FaultAction, FaultRule, Place};
use oxherd::state::{HeldFilter, Store};
use serde_json::json;

use super::site::{Site, acme, changes, total};

const BASE: &str = "dc=acme,dc=example";

fn load(number: usize) -> String {
    format!("uid=load{number:06},cn=users,{BASE}")
}

/// The sample organisation with so many more users, all in OX.
async fn site(users: usize) -> Site {
    let site = Site::new(&acme("directory")).await;
    site.directory.seed_users(10, users).unwrap();
    assert_eq!(site.work().await, 0);
    site.ox.reset_counters();
    site
}

fn title(site: &Site, name: &str) -> serde_json::Value {
    let dump = site.ox.dump();
    let users = dump["contexts"]["10"]["users"].as_object().unwrap().clone();
    let users = users.values().map(|user| user["data"].clone());
    users.into_iter().find(|user| user["name"] == name).unwrap_or_else(|| panic!("no user {name}"))["title"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_as_known_leaves_no_trace() {
    let site = site(50).await;
    let rows = site.store().await.audit(None, 10_000).await.unwrap().len();
    let found = site.resync(&[]).await;
    assert_eq!((total(&found, "journalled"), total(&found, "gone"), total(&found, "overtaken")), (0, 0, 0), "{found}");
    assert_eq!(total(&found, "same"), total(&found, "listed"));
    assert!(total(&found, "listed") > 100, "{found}");
    assert_eq!(site.work().await, 0);
    assert_eq!(site.store().await.audit(None, 10_000).await.unwrap().len(), rows);
    assert_eq!(changes(&site), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_provisioned() {
    let site = site(20).await;
    for file in acme("changes") {
        // The directory refuses what is wrong on purpose.
        let _ = site.directory.apply(&file);
    }
    site.directory.modify(&load(3), &json!({"title": "Dr."})).unwrap();
    let found = site.resync(&["--keep"]).await;
    assert!(total(&found, "journalled") > 10, "{found}");
    site.work().await;
    assert_eq!(title(&site, "load000003"), "Dr.");
    let again = site.resync(&["--keep"]).await;
    assert_eq!(total(&again, "journalled"), 0, "each object once: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_pass_the_guard() {
    let site = site(80).await;
    for number in 1..=60 {
        site.directory.delete(&load(number)).unwrap();
    }
    let found = site.resync(&["--context", "10"]).await;
    assert_eq!(total(&found, "gone"), 0, "a part of the directory says nothing of what is missing in it");
    let found = site.resync(&["--type", "users/user"]).await;
    assert_eq!((total(&found, "gone"), &found["deletionsJournalled"]), (60, &json!(60)), "{found}");
    // Beside a controller that is quick.
    let running = site.follow().await;
    running.until("the guard holds them back", |report| report.engine.held == 60).await;
    running.stop().await;
    let store = site.store().await;
    let held = store.held(&HeldFilter::All).await.unwrap();
    assert_eq!((held.len(), held[0].origin.as_str()), (60, "resync"));
    assert_eq!(title(&site, "load000001"), serde_json::Value::Null, "nobody is gone");
    let again = site.resync(&[]).await;
    assert_eq!(again["deletionsJournalled"], 0, "what is held back is known: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_lacks_an_object_is_not_believed() {
    let site = site(30).await;
    // A list that is empty by mistake: as of a server that cannot compare identifiers, or of a login that may read less.
    site.directory.modify(&load(1), &json!({"title": "Dr."})).unwrap();
    let fault = FaultRule {
        topic: Some("users/user".to_owned()),
        skip: 3,
        ..FaultRule::once(Place::UdmSearch, FaultAction::CutAnswer)
    };
    site.directory.add_fault(fault);
    let found = site.resync(&[]).await;
    assert_eq!(
        (total(&found, "gone"), total(&found, "journalled")),
        (0, 1),
        "a list that breaks off is asked for again: {found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_that_the_server_cannot_read_spoils_nothing() {
    let site = site(10).await;
    let group = format!("cn=spoilt,cn=groups,{BASE}");
    let account = site.directory.list("oxmail/functional_account").remove(0);
    site.directory.create("groups/group", &group, &json!({"name": "spoilt", "users": [account]})).unwrap();
    site.directory.create("groups/group", &format!("cn=fine,cn=groups,{BASE}"), &json!({"name": "fine"})).unwrap();
    let (code, output, errors) =
        site.run(&["resync", "--standalone", "manifests", "--type", "groups/group", "-o", "json"]).await;
    let found: serde_json::Value = serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}{errors}"));
    assert_eq!(code, 3, "somebody has to look: {found}");
    let groups = &found["found"]["groups/group"];
    assert_eq!(groups["unusable"].as_object().unwrap().len(), 1, "{found}");
    assert_eq!((groups["journalled"].as_u64(), groups["gone"].as_u64()), (Some(1), Some(0)), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_identifier_is_told_and_left_alone() {
    let site = site(10).await;
    site.directory.forget_identifier(&load(4)).unwrap();
    let (code, output, _) = site.run(&["resync", "--standalone", "manifests", "-o", "json", "--keep"]).await;
    let found: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &found["found"]["users/user"]["withoutIdentifier"]), (3, &json!(1)), "{found}");
    assert_eq!(total(&found, "journalled"), 0, "the identifier that it shows is not its own: {found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_list_never_wins_over_a_newer_event() {
    let mut site = site(10).await;
    let running = site.follow().await;
    running
        .until("the first look", |report| report.directory.as_ref().is_some_and(|one| one.looked_at.is_some()))
        .await;
    // The list is collected, but not sent yet.
    site.directory.modify(&load(5), &json!({"title": "Older"})).unwrap();
    site.directory.pause(Place::UdmSearch);
    let arguments =
        ["resync", "--standalone", "manifests", "--filter", "(uid=load000005)", "--type", "users/user", "-o", "json"];
    let child = site.command(&arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
    site.directory.until_held(Place::UdmSearch).await;
    site.directory.modify(&load(5), &json!({"title": "Newer"})).unwrap();
    site.deliver(&load(5));
    running.until("the event is done", |_| title(&site, "load000005") == "Newer").await;
    site.directory.resume(Place::UdmSearch);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((total(&found, "overtaken"), total(&found, "journalled")), (1, 0), "{found}");
    assert_eq!(title(&site, "load000005"), "Newer");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_deleted_between_list_and_look_is_no_trouble() {
    let site = site(10).await;
    let group = format!("cn=spoilt,cn=groups,{BASE}");
    let account = site.directory.list("oxmail/functional_account").remove(0);
    site.directory.create("groups/group", &group, &json!({"name": "spoilt", "users": [account]})).unwrap();
    // The list fails because of one group; of those that are read one by one, one is gone.
    let fault = FaultRule { skip: 1, ..FaultRule::once(Place::UdmGet, FaultAction::NotFound) };
    site.directory.add_fault(fault);
    let (code, output, errors) =
        site.run(&["resync", "--standalone", "manifests", "--type", "groups/group", "-o", "json"]).await;
    let found: serde_json::Value = serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}{errors}"));
    assert_eq!((code, total(&found, "gone")), (3, 0), "it is there: {found}");
}
