//! Verification: whatever somebody changed in OX behind the back of the connector is found by its name and corrected.

use std::collections::BTreeSet;

use oxherd::engine::{Category, Drift, Repair, Verification};
use oxherd::simulator::ox::{FaultAction, FaultRule};
use oxherd::state::{HeldFilter, Store, now_ms};
use serde_json::json;

use crate::directory::{
    Object, address, context, functional_account, group, permission, picture, resource, shared_account, user,
};
use crate::world::World;

/// One object of each type and more, all as they should be.
async fn populated() -> World {
    let mut world = World::start().await;
    let editor = permission("editor", "editor", "viewer", &["sendAs"]);
    world.apply([editor.clone()]).await;
    let users = ["anna", "berta", "carla", "dora", "emma"].map(user);
    let [anna, berta, ..] = &users;
    let anna = anna
        .clone()
        .aliases(&[&address("a.nna"), &address("an.na")])
        .with("jpegPhoto", picture(image::ImageFormat::Png, 40))
        .with("birthday", "2000-02-01")
        .deputies(&[("berta", "01000", "00000", true)]);
    let shared = shared_account("team").granted(&[(berta, &editor)], &[]);
    world.apply(users.clone()).await;
    world
        .apply([anna, group("g1", &["anna", "berta"]), group("g2", &["berta"]), group("g3", &["carla", "dora"])])
        .await;
    world.apply([resource("r1"), resource("r2"), resource("r3"), shared, shared_account("desk")]).await;
    world.apply([functional_account("info", &["anna", "berta"]), functional_account("sales", &["carla"])]).await;
    assert_eq!(world.parked().await, []);
    world.ox.reset_counters();
    world
}

/// What was found, without what was never ours: category, section, object, attributes.
fn found(verification: &Verification) -> BTreeSet<(String, String, String, String)> {
    let ours = verification.drift.iter().filter(|drift| drift.category != Category::Foreign);
    let row = |drift: &Drift| {
        let object = drift.object.as_ref().map(ToString::to_string).unwrap_or_default();
        (drift.category.as_ref().to_owned(), drift.section.clone(), object, drift.attributes.join(","))
    };
    ours.map(row).collect()
}

fn expected(rows: &[(&str, &str, &str, &str)]) -> BTreeSet<(String, String, String, String)> {
    rows.iter().map(|(a, b, c, d)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned(), (*d).to_owned())).collect()
}

/// Asserts that nothing differs any more, and that finding that out changed nothing.
async fn expect_clean(world: &mut World) {
    world.ox.reset_counters();
    let before = world.ox.dump();
    let second = world.verify(Repair::Usual).await;
    assert!(second.is_clean() && found(&second).is_empty(), "{second:#?}");
    assert_eq!(world.ox.dump(), before);
    let writes = ["create", "change", "delete", "addMember", "removeMember", "update", "set", "grant", "revoke"];
    let written: Vec<_> = world
        .calls()
        .into_keys()
        .filter(|call| {
            let operation = call.split('.').nth(1).unwrap_or_default();
            writes.iter().any(|write| operation.starts_with(write))
        })
        .collect();
    assert_eq!(written, [""; 0]);
}

#[tokio::test]
async fn what_was_provisioned_is_right() {
    let mut world = populated().await;
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn users_are_found_in_each_kind_of_trouble_and_corrected() {
    let mut world = populated().await;
    let (anna, berta, carla) = (world.id(10, "anna"), world.id(10, "berta"), world.id(10, "carla"));
    let dora = world.id(10, "dora");
    world.by_hand(10).delete_user(anna).await;
    world.by_hand(10).change_user(berta, "<d:company>Evil</d:company><d:title>Prof.</d:title>").await;
    world.by_hand(10).delete_user(carla).await;
    let carla_now = world.by_hand(10).create_user("carla", "").await;
    world.by_hand(10).change_user(dora, "<d:timezone>Europe/Paris</d:timezone>").await;
    world.by_hand(10).create_user("stranger", "").await;
    let stranger = world.user(10, "stranger");

    let report = world.verify(Repair::No).await;
    let rows = found(&report);
    let row = |category: &str, object: &str| rows.iter().find(|row| row.0 == category && row.2 == object);
    assert!(row("Missing", "user-anna").is_some(), "{report:#?}");
    assert_eq!(row("Different", "user-berta").unwrap().3, "company,title");
    assert!(row("WrongId", "user-carla").is_some(), "{report:#?}");
    assert!(row("Different", "user-dora").is_none(), "her time zone is her own matter: {report:#?}");
    assert_eq!(report.total(|section| section.foreign), 1);
    assert_eq!(world.user(10, "anna"), None, "only looked");

    let fixed = world.verify(Repair::Usual).await;
    assert!(fixed.total(|section| section.queued) >= 3);
    assert_eq!(world.names(10), ["anna", "berta", "carla", "dora", "emma", "stranger"]);
    assert_eq!(world.user(10, "berta").unwrap().get("company").and_then(|text| text.as_str()).unwrap_or_default(), "");
    assert_eq!(world.id(10, "carla"), carla_now, "taken over, not made again");
    assert_eq!(world.user(10, "stranger"), stranger, "never ours");
    assert_eq!(world.members(10, "g1"), ["anna", "berta"]);
    assert_eq!(world.members(10, "g3"), ["carla", "dora"]);
    assert_eq!(world.parked().await, []);
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn rights_that_somebody_changed_are_found() {
    let mut world = populated().await;
    let emma = world.id(10, "emma");
    let right = world.user(10, "emma").unwrap()["rights"].clone();
    let flags = "<d:calendar>false</d:calendar><d:publicFolderEditable>false</d:publicFolderEditable>";
    let children = format!("<s:user><d:id>{emma}</d:id></s:user><s:moduleAccess>{flags}</s:moduleAccess>");
    world.by_hand(10).call("OXUserService", "changeByModuleAccess", &children).await;
    assert_ne!(world.user(10, "emma").unwrap()["rights"], right);
    let report = world.verify(Repair::Usual).await;
    assert_eq!(found(&report), expected(&[("Different", "context 10, users", "user-emma", "rights")]));
    assert_eq!(world.user(10, "emma").unwrap()["rights"], right);
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn groups_resources_and_accounts_are_found_and_corrected() {
    let mut world = populated().await;
    let before = world.context(10);
    let number = |name: &str| world.group(10, name).unwrap().id;
    let (g1, g2, g3) = (number("g1"), number("g2"), number("g3"));
    let (berta, dora) = (world.id(10, "berta"), world.id(10, "dora"));
    let resource_id = |name: &str| world.resource(10, name).unwrap()["id"].clone();
    let (r1, r2) = (resource_id("r1"), resource_id("r2"));
    let hand = world.by_hand(10);
    hand.delete_group(g1).await;
    let member = |id| format!("<s:grp><d:id>{g3}</d:id></s:grp><s:members><d:id>{id}</d:id></s:members>");
    hand.call("OXGroupService", "removeMember", &member(dora)).await;
    let renamed = format!(
        "<s:grp><d:displayname>x</d:displayname><d:id>{g2}</d:id><d:members>{berta}</d:members><d:name>x</d:name></s:grp>"
    );
    hand.call("OXGroupService", "change", &renamed).await;
    hand.create_group("strangers", &[berta]).await;
    hand.call("OXResourceService", "delete", &format!("<s:res><d:id>{r1}</d:id></s:res>")).await;
    let changed = format!("<s:res><d:description>Small</d:description><d:id>{r2}</d:id></s:res>");
    hand.call("OXResourceService", "change", &changed).await;
    hand.account("update", &address("info"), "<s:accountDataUpdate><d:name>Evil</d:name></s:accountDataUpdate>", berta)
        .await;
    hand.account("delete", &address("sales"), "", world.id(10, "carla")).await;

    let report = world.verify(Repair::Usual).await;
    assert_eq!(
        found(&report),
        expected(&[
            ("Missing", "context 10, groups", "group-g1", "name,displayname,members"),
            ("Different", "context 10, groups", "group-g2", "name"),
            ("Different", "context 10, groups", "group-g3", "members"),
            ("Missing", "context 10, resources", "resource-r1", "name,displayname,description,email"),
            ("Different", "context 10, resources", "resource-r2", "description"),
            ("Different", "context 10, functional accounts", "fa-info", "account"),
            ("Missing", "context 10, functional accounts", "fa-sales", "users"),
        ]),
        "{report:#?}"
    );
    assert_eq!(report.total(|section| section.foreign), 1);
    assert_eq!(world.parked().await, []);
    assert_eq!(world.members(10, "g1"), ["anna", "berta"]);
    assert_eq!(world.group(10, "g2").unwrap().id, g2);
    assert_eq!(world.members(10, "g3"), ["carla", "dora"]);
    assert_eq!(world.resource(10, "r2").unwrap()["description"], "Big");
    assert_eq!(world.accounts(10, "carla").len(), 1);
    let after = world.context(10).unwrap();
    for (id, user) in before.unwrap()["users"].as_object().unwrap() {
        assert_eq!(after["users"][id]["data"], user["data"], "users were not touched");
    }
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn contexts_and_shared_accounts_are_found_and_corrected() {
    let mut world = populated().await;
    world.change_context_by_hand(20, "<d:maxQuota>5</d:maxQuota>").await;
    let desk = world.shared(10, "desk").unwrap()["id"].clone();
    let delete = format!("<s:sharedAccount><d:id>{desk}</d:id><d:name>desk</d:name></s:sharedAccount>");
    world.by_hand(10).call("OXSharedAccountService", "delete", &delete).await;
    let report = world.verify(Repair::Usual).await;
    assert_eq!(
        found(&report),
        expected(&[
            ("Different", "contexts", "context-20", "quota"),
            ("Missing", "context 10, shared accounts", "shared-desk", "name,displayName,email"),
        ]),
        "{report:#?}"
    );
    assert_eq!(world.parked().await, []);
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn a_deletion_that_ox_only_pretended_is_done_again() {
    let mut world = populated().await;
    let fault = FaultAction::SoapFault { name: "NoSuchUserException".to_owned(), text: "No such user".to_owned() };
    world.ox.add_fault(FaultRule::always(fault).on("OXUserService", "delete").times(1));
    world.delete([user("emma")]).await;
    assert!(world.names(10).contains(&"emma".to_owned()));
    let report = world.verify(Repair::Usual).await;
    assert_eq!(found(&report), expected(&[("Surplus", "context 10, users", "user-emma", "")]), "{report:#?}");
    assert_eq!(world.names(10), ["anna", "berta", "carla", "dora"]);
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn after_an_old_backup_only_rebuild_ids_repairs() {
    let mut world = World::start().await;
    let names: Vec<_> = (0..30).map(|n| format!("u{n:02}")).collect();
    world.apply(names.iter().map(|name| user(name))).await;
    let members: Vec<_> = names.iter().map(String::as_str).collect();
    world.apply([group("all", &members)]).await;
    // The backup knows half of the users, under other numbers and with older values.
    for (n, name) in names.iter().enumerate() {
        let id = world.id(10, name);
        world.by_hand(10).delete_user(id).await;
        if n % 2 == 0 {
            world.by_hand(10).create_user(name, "<d:title>old</d:title>").await;
        }
    }
    let restored = world.names(10).into_iter().map(|name| (world.id(10, &name), name)).collect::<Vec<_>>();

    let usual = world.verify(Repair::Usual).await;
    let users = usual.sections.iter().find(|section| section.section == "context 10, users").unwrap();
    assert_eq!((users.missing, users.wrong_id, users.held_back, users.queued), (15, 15, 30, 0), "{usual:#?}");
    assert_eq!(world.names(10).len(), 15, "nothing was made anew without being asked for");

    world.verify(Repair::AfterRestore).await;
    assert_eq!(world.names(10), names, "nobody twice");
    for (id, name) in restored {
        assert_eq!(world.id(10, &name), id, "taken over");
    }
    assert_eq!(world.members(10, "all"), names);
    let title = |name: &String| {
        world.user(10, name).unwrap().get("title").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
    };
    assert!(names.iter().all(|name| title(name).is_empty()));
    assert_eq!(world.parked().await, []);
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn a_real_backup_is_brought_up_to_date() {
    let mut world = populated().await;
    let both = group("both", &["anna", "zoe"]);
    world.apply([user("zoe").context(20), both]).await;
    let backup = world.ox.dump_with_passwords();
    let (anna, team) = (world.id(10, "anna"), world.shared(10, "team").unwrap()["id"].clone());
    // A name and an address that nobody had at the time of the backup, people who came and went, changes of all kinds.
    let renamed = user("anna").renamed("anne").mail(&address("anne"));
    world.apply([renamed, user("fritz"), user("berta").with("title", "Dr."), user("carla").disabled()]).await;
    world.apply([group("g1", &["fritz", "berta"]), group("both", &["berta", "fritz", "zoe", "yann"])]).await;
    world.apply([user("yann").context(20), functional_account("news", &["zoe", "berta"])]).await;
    world.delete([user("emma"), resource("r1"), functional_account("sales", &[]), shared_account("desk")]).await;
    world.apply([context(20).with("oxQuota", 7), functional_account("info", &["berta", "fritz"])]).await;
    assert_eq!(world.parked().await, []);
    let view = |world: &World| {
        let groups = ["g1", "g2", "g3", "both"].map(|name| (world.members(10, name), world.members(20, name)));
        let accounts = ["berta", "dora", "fritz"].map(|name| world.accounts(10, name).into_keys().collect::<Vec<_>>());
        let title = world.user(10, "berta").unwrap()["title"].clone();
        (world.names(10), world.names(20), groups, accounts, title, world.resource(10, "r1"), world.shared(10, "desk"))
    };
    let right = view(&world);

    world.restore_ox(&backup).await;
    assert!(view(&world) != right);
    let report = world.verify(Repair::AfterRestore).await;
    assert_eq!(world.parked().await, [], "{report:#?}");
    assert_eq!(view(&world), right, "{report:#?}");
    assert_eq!(world.id(10, "anne"), anna, "known by the name that she had");
    assert_eq!(world.shared(10, "team").unwrap()["id"], team);
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn a_number_that_somebody_else_got_is_not_ours() {
    let mut world = populated().await;
    // As after a backup: under the number of emma there is somebody else.
    let emma = world.id(10, "emma");
    let fields = "<d:name>other</d:name><d:display_name>Other</d:display_name><d:email1>other@test.example</d:email1>\
        <d:primaryEmail>other@test.example</d:primaryEmail><d:aliases>other@test.example</d:aliases>\
        <d:defaultSenderAddress>other@test.example</d:defaultSenderAddress>";
    world.by_hand(10).change_user(emma, fields).await;
    let other = world.user(10, "other").expect("was renamed");
    let report = world.verify(Repair::Usual).await;
    assert!(found(&report).iter().any(|row| row.0 == "Missing" && row.2 == "user-emma"), "{report:#?}");
    assert_eq!(world.user(10, "other").unwrap(), other, "not touched");
    assert_ne!(world.id(10, "emma"), emma);
    expect_clean(&mut world).await;
}

#[tokio::test]
async fn what_is_under_way_or_parked_is_no_drift() {
    let mut world = populated().await;
    let broken: Object = user("berta").mail("no address");
    world.apply([broken.clone()]).await;
    world.by_hand(10).change_user(world.id(10, "berta"), "<d:title>Prof.</d:title>").await;
    let report = world.verify(Repair::Usual).await;
    assert!(found(&report).is_empty(), "{report:#?}");
    assert_eq!(report.total(|section| section.unsettled), 1);
    world.only_parked(&broken).await;
}

#[tokio::test]
async fn the_connector_verifies_on_schedule_and_repairs_if_told_so() {
    let mut world = populated().await;
    world.by_hand(10).change_user(world.id(10, "berta"), "<d:title>Prof.</d:title>").await;
    world.configure(|setup| setup.spec = json!({"verification": {"interval": "1s", "mode": "Repair"}})).await;
    let report = world.until_verified().await;
    assert_eq!((report.different, report.queued, report.problem), (1, 1, None));
    world.settle().await;
    expect_clean(&mut world).await;
}

/// A process that is started anew more often than the interval says still verifies.
#[tokio::test]
async fn a_restart_does_not_put_verification_off() {
    let mut world = populated().await;
    world.configure(|setup| setup.spec = json!({"verification": {"interval": "1h"}})).await;
    assert!(world.report().verification.is_none(), "an hour has not passed since the start");
    let two_hours_ago = (now_ms() - 2 * 3_600_000).to_string();
    world.store().append(&[], Some(("verify (schedule)", &two_hours_ago))).await.unwrap();
    world.restart().await;
    assert_eq!(world.until_verified().await.problem, None);
    world.restart().await;
    assert!(world.report().verification.is_none(), "it has just been done");
}

/// What verification removes passes the deletion guard like any other deletion.
#[tokio::test]
async fn what_came_back_and_is_removed_again_passes_the_deletion_guard() {
    let mut world = populated().await;
    let fault = FaultAction::SoapFault { name: "NoSuchUserException".to_owned(), text: "No such user".to_owned() };
    world.ox.add_fault(FaultRule::always(fault).on("OXUserService", "delete").times(2));
    world.delete([user("dora"), user("emma")]).await;
    world.configure(|setup| setup.spec = json!({"policies": {"deletionGuard": {"maxCount": 1}}})).await;
    let report = world.verify(Repair::Usual).await;
    assert_eq!(report.total(|section| section.surplus), 2, "{report:#?}");
    let held = world.store().held(&HeldFilter::All).await.unwrap();
    assert_eq!(held.len(), 2, "both wait for an approval");
    for name in ["dora", "emma"] {
        assert!(world.names(10).contains(&name.to_owned()));
    }
}

#[tokio::test]
async fn a_context_that_is_gone_is_made_again_with_all_in_it() {
    let mut world = populated().await;
    world.apply([context(40), user("zora").context(40)]).await;
    world.delete_context_by_hand(40).await;
    let mut report = world.verify(Repair::Usual).await;
    if report.total(|section| section.unsettled) > 0 {
        // The context was back before its users were looked at, so they were under way.
        report = world.verify(Repair::Usual).await;
    }
    assert_eq!((world.names(40), world.parked().await), (vec!["zora".to_owned()], vec![]), "{report:#?}");
    expect_clean(&mut world).await;
}
