//! The first load: what was there before the connector.

use std::process::Stdio;
use std::time::Duration;

use oxherd::state::Store;

use super::site::{Site, acme, changes};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_organisation_ends_in_ox_as_the_oracle_says() {
    let files = acme("directory");
    let site = Site::new(&files).await;
    assert_eq!(site.work().await, 0, "nothing is parked");
    site.assert_holds(&crate::oracle::as_udm_shows(files));
    let store = site.store().await;
    let user = site.directory.list("users/user").into_iter().find(|dn| dn.contains("uid=")).unwrap();
    assert_eq!(store.audit(Some(&site.id(&user)), 9).await.unwrap().last().unwrap().origin, "first load");

    // Nothing is done twice.
    let calls = changes(&site);
    site.ox.reset_counters();
    assert!(calls > 0);
    assert_eq!(site.work().await, 0);
    assert_eq!(changes(&site), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_load_that_was_killed_goes_on_where_it_was() {
    let site = Site::new(&acme("directory")).await;
    site.directory.seed_users(10, 400).unwrap();
    // The server answers slowly, so that there is a middle.
    site.directory.change_options(|options| options.latency.udm_search = 60);
    let mut command = site.command(&["run", "--standalone", "manifests", "--admin", "127.0.0.1:0"]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let position = async || {
        let store = site.store().await;
        let text = store.cursor("first load").await.unwrap();
        text.map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap())
    };
    let half_way = loop {
        let position = position().await;
        if let Some(slice) = position.as_ref().and_then(|position| position["place"]["slice"].as_str())
            && slice >= "6"
        {
            break position.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(half_way["place"]["kind"], "users/user");
    child.kill().unwrap();
    child.wait().unwrap();
    site.directory.reset_counters();
    assert_eq!(site.work().await, 0);
    let counters = site.directory.counters();
    let end = position().await.unwrap();
    let all: u64 = end["found"].as_object().unwrap().values().map(|found| found["listed"].as_u64().unwrap()).sum();
    let before = half_way["found"]["users/user"]["listed"].as_u64().unwrap();
    // The part that was under way is listed again, and the server may still have counted it for the one that was killed.
    assert!(before > 100 && counters.udm_search_objects < all - before / 2, "listed again: {counters:?}");
    let users = acme("directory").iter().filter(|file| file["udm_object_type"] == "users/user").count();
    assert_eq!(end["found"]["users/user"]["listed"], 400 + users);
    assert_eq!(site.ox.dump()["contexts"]["10"]["users"].as_object().unwrap().len(), 400 + acme_users());
}

/// OX users of context 10 in the sample organisation, with the administrator of the context.
fn acme_users() -> usize {
    let wanted = |file: &serde_json::Value| {
        file["udm_object_type"] == "users/user"
            && file["object"]["isOxUser"] == "OK"
            && file["object"]["oxContext"].to_string().contains("10")
    };
    acme("directory").iter().filter(|file| wanted(file)).count() + 1
}
