//! Events that the source lost are found in the directory.

use oxherd::simulator::nubus::{FaultAction, FaultRule, Place};
use serde_json::{Value, json};

use super::site::{Running, Site, acme, changes};

const BASE: &str = "dc=acme,dc=example";

fn load(number: usize) -> String {
    format!("uid=load{number:06},cn=users,{BASE}")
}

/// The sample organisation with so many more users, all in OX, and a connector that looks often.
async fn running(users: usize, grace: &str) -> (Site, Running) {
    let site =
        Site::with(&acme("directory"), json!({"interval": "500ms", "deletionsInterval": "1s", "grace": grace})).await;
    site.directory.seed_users(10, users).unwrap();
    let running = site.follow().await;
    running
        .until("the first load", |report| {
            report.directory.as_ref().is_some_and(|one| one.looked_at.is_some())
                && report.engine.idle
                && report.engine.backlog == 0
        })
        .await;
    site.ox.reset_counters();
    (site, running)
}

fn titles(site: &Site) -> std::collections::BTreeMap<String, Value> {
    let dump = site.ox.dump();
    let users = dump["contexts"]["10"]["users"].as_object().unwrap().clone();
    let pair = |user: &Value| (user["data"]["name"].as_str().unwrap().to_owned(), user["data"]["title"].clone());
    users.values().map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_is_found_once_and_counted() {
    let (mut site, running) = running(220, "1s").await;
    // One of a hundred is lost.
    for number in 1..=200 {
        site.directory.modify(&load(number), &json!({"title": format!("No. {number}")})).unwrap();
        if number % 100 != 50 {
            site.deliver(&load(number));
        }
    }
    running.until("two are found", |_| running.caught_up() == 2).await;
    running.until_looked().await;
    let titles_now = titles(&site);
    for number in 1..=200 {
        assert_eq!(titles_now[&format!("load{number:06}")], format!("No. {number}"));
    }
    assert_eq!(running.caught_up(), 2);
    let row = &site.history(&site.id(&load(50))).await[0];
    assert_eq!((row.origin.as_str(), row.outcome.as_str()), ("catch-up", "Applied"));
    assert_eq!(site.ox.counters().calls("OXUserService.change"), 200, "nothing is done twice");

    // All of a while is lost: changes, new ones, deletions, a rename.
    for number in 201..=210 {
        site.directory.modify(&load(number), &json!({"title": "Lost"})).unwrap();
    }
    site.directory.seed_users(10, 3).unwrap();
    for number in 211..=214 {
        site.directory.delete(&load(number)).unwrap();
    }
    running.until("all are found", |_| running.caught_up() == 2 + 10 + 3 + 4).await;
    running.until_looked().await;
    let titles_now = titles(&site);
    assert_eq!(titles_now["load000205"], "Lost");
    assert!(titles_now.contains_key("load000223") && !titles_now.contains_key("load000212"), "{titles_now:?}");
    running.until_looked().await;
    assert_eq!(running.caught_up(), 19);
    running.stop().await;

    // What was counted is not forgotten.
    let running = site.follow().await;
    running.until_looked().await;
    assert_eq!(running.caught_up(), 19);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_late_is_not_lost() {
    let (mut site, running) = running(30, "5s").await;
    for number in 1..=10 {
        site.directory.modify(&load(number), &json!({"title": "Late"})).unwrap();
    }
    site.directory.delete(&load(11)).unwrap();
    // The source takes its time, less than is allowed.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    for number in 1..=10 {
        site.deliver(&load(number));
    }
    running.until("the lost one is found", |_| running.caught_up() == 1).await;
    running.until_looked().await;
    running.until_looked().await;
    assert_eq!(running.caught_up(), 1, "only the deletion was lost");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_finds_nothing_costs_a_few_searches() {
    let site = Site::with(&acme("directory"), json!({"interval": "200ms", "grace": "1s"})).await;
    let running = site.follow().await;
    running
        .until("quiet", |report| {
            report.directory.as_ref().is_some_and(|one| one.looked_at.is_some()) && report.engine.idle
        })
        .await;
    running.until_looked().await;
    let rows = || async { oxherd::state::Store::audit(&site.store().await, None, 10_000).await.unwrap().len() };
    let before = rows().await;
    site.ox.reset_counters();
    site.directory.reset_counters();
    running.until_looked().await;
    running.until_looked().await;
    let counters = site.directory.counters();
    assert!((16..=48).contains(&counters.udm_searches), "eight a round: {counters:?}");
    assert_eq!((counters.udm_gets, running.caught_up()), (0, 0), "{counters:?}");
    assert_eq!(rows().await, before);
    assert_eq!(changes(&site), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_deletion_that_nobody_told_waits_for_an_approval() {
    let (site, running) = running(80, "1s").await;
    for number in 1..=60 {
        site.directory.delete(&load(number)).unwrap();
    }
    running.until("the guard holds them back", |report| report.engine.held == 60).await;
    assert!(titles(&site).contains_key("load000060"));
    assert_eq!(running.caught_up(), 60);
    running.until_looked().await;
    assert_eq!((running.report().engine.held, running.caught_up()), (60, 60));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access_to_the_directory_can_change_while_it_runs() {
    let (mut site, running) = running(10, "1s").await;
    // It goes away and comes back.
    site.nubus.stop().await;
    running
        .until("the failure shows", |report| report.directory.as_ref().is_some_and(|one| one.failure.is_some()))
        .await;
    site.directory.modify(&load(1), &json!({"title": "Meanwhile"})).unwrap();
    site.nubus.restart().await.unwrap();
    running.until("it is found", |_| running.caught_up() == 1).await;
    running.until("no failure", |report| report.directory.as_ref().is_some_and(|one| one.failure.is_none())).await;
    // Looks become rare.
    site.describe(&json!({"interval": "1h"}));
    running.until("the last look", |report| report.directory.is_some()).await;
    running.stop().await;
    let _ = &mut site;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_the_stream_dropped_are_found() {
    let site = Site::new(&acme("directory")).await;
    site.directory.seed_users(10, 220).unwrap();
    site.describe_stream(&json!({"interval": "1s", "deletionsInterval": "2s", "grace": "1s"}));
    let running = site.follow().await;
    running
        .until("the first load", |report| {
            report.directory.as_ref().is_some_and(|one| one.looked_at.is_some())
                && report.engine.idle
                && report.engine.backlog == 0
        })
        .await;
    assert_eq!(running.caught_up(), 0);
    site.ox.reset_counters();
    // One message of a hundred, then all of a while.
    let drop = FaultRule { every: 100, ..FaultRule::always(Place::Live, FaultAction::Drop) };
    site.directory.add_fault(drop);
    for number in 1..=200 {
        site.directory.modify(&load(number), &json!({"title": format!("No. {number}")})).unwrap();
    }
    site.directory.clear_faults();
    site.directory.add_fault(FaultRule::always(Place::Live, FaultAction::Drop));
    for number in 201..=210 {
        site.directory.modify(&load(number), &json!({"title": format!("No. {number}")})).unwrap();
    }
    for number in 211..=213 {
        site.directory.delete(&load(number)).unwrap();
    }
    site.directory.clear_faults();
    assert_eq!(site.directory.counters().dropped, 2 + 10 + 3);
    running.until("all are found", |_| running.caught_up() >= 15).await;
    running.until_looked().await;
    let titles_now = titles(&site);
    for number in 1..=210 {
        assert_eq!(titles_now[&format!("load{number:06}")], format!("No. {number}"));
    }
    assert!(!titles_now.contains_key("load000212"));
    assert_eq!(running.caught_up(), 15, "nothing is counted that was only on its way");
    assert_eq!(site.ox.counters().calls("OXUserService.change"), 210, "nothing is done twice");
    running.stop().await;
}
