//! `spec.policies.mode: DryRun`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::directory::{
    Object, context, functional_account, group, permission, profile, resource, shared_account, user,
};
use crate::done;
use crate::observed::{differences, observed};
use crate::oracle;
use crate::world::{FULL, Setup, World};

fn dry(setup: &mut Setup) {
    setup.spec["policies"] = json!({"mode": "DryRun"});
}

fn live(setup: &mut Setup) {
    setup.spec["policies"] = json!({"mode": "Live"});
}

/// Asserts that OX was only read since the counters were reset.
fn assert_only_read(world: &World) {
    const READS: [&str; 8] =
        ["getData", "getMultipleData", "list", "listAll", "exists", "getServiceInfo", "getByName", "getCapabilities"];
    let calls = world.calls();
    let writes: Vec<_> = calls
        .keys()
        .filter(|name| {
            let operation = name.split_once('.').unwrap().1;
            !READS.contains(&operation) && !operation.starts_with("list") && !operation.starts_with("get")
        })
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
}

/// One step in the directory.
enum Step {
    Put(Object),
    Remove(Object),
}

use Step::{Put, Remove};

async fn take(world: &mut World, steps: &[Vec<Step>]) {
    for batch in steps {
        for step in batch {
            match step {
                Put(object) => world.put(object),
                Remove(object) => world.remove(object),
            }
        }
        world.settle().await;
    }
}

/// Takes the same steps live and dry, then lets the dry one go live. Gives both worlds.
async fn both(steps: &[Vec<Step>]) -> (World, World) {
    let mut real = World::empty(|_| {}).await;
    take(&mut real, steps).await;
    let mut dry_one = World::empty(dry).await;
    let before = dry_one.ox.dump();
    take(&mut dry_one, steps).await;
    assert_only_read(&dry_one);
    assert!(before == dry_one.ox.dump(), "a dry run changes nothing");
    assert_eq!(dry_one.parked().await, [], "nothing is parked in the state itself");
    assert_eq!(done(dry_one.ledger()).await, done(real.store()).await);
    (real, dry_one)
}

fn assert_same_ox(one: &World, other: &World) {
    let differences = differences(&observed(&one.ox.dump()), &observed(&other.ox.dump()));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn objects_that_do_not_exist_yet_are_planned_upon_each_other() {
    let mut steps = vec![vec![
        Put(context(10)),
        Put(context(20)),
        Put(profile("full", FULL)),
        Put(user("anna").profile("full")),
        Put(user("bert").aliases(&["b@test.example"])),
        Put(group("sales", &["anna", "bert"])),
        Put(resource("room")),
        Put(functional_account("info", &["anna"])),
    ]];
    // Everything that asks OX about objects which only the dry run knows.
    steps.push(vec![Put(user("anna").profile("full").mail("boss@test.example"))]);
    steps.push(vec![Put(user("bert"))]);
    steps.push(vec![Put(user("anna").profile("full").mail("boss@test.example").renamed("annette"))]);
    steps.push(vec![Put(user("bert").context(20))]);
    steps.push(vec![Remove(user("bert").context(20))]);
    // The name is used again, by another object.
    steps.push(vec![Put(user("bert").of("other-bert"))]);
    steps.push(vec![Remove(resource("room")), Remove(functional_account("info", &["anna"]))]);
    let (real, mut dry_one) = both(&steps).await;
    dry_one.configure(live).await;
    assert_same_ox(&real, &dry_one);
}

#[tokio::test]
async fn shared_accounts_and_deputies_are_planned() {
    let (anna, bert) = (user("anna"), user("bert"));
    let reader = permission("reader", "viewer", "none", &[]);
    let steps = vec![
        vec![Put(context(10)), Put(anna.clone()), Put(bert.clone()), Put(reader.clone())],
        vec![Put(shared_account("desk").granted(&[(&anna, &reader)], &[]))],
        vec![Put(anna.clone().deputies(&[("bert", "viewer", "none", false)]))],
        vec![Remove(bert)],
    ];
    let (real, mut dry_one) = both(&steps).await;
    dry_one.configure(live).await;
    assert_same_ox(&real, &dry_one);
}

#[tokio::test]
async fn what_ox_holds_already_is_foreseen() {
    let objects = || {
        vec![
            Put(context(10)),
            Put(profile("full", FULL)),
            Put(user("anna").profile("full")),
            Put(group("sales", &["anna"])),
            Put(resource("room")),
            Put(functional_account("info", &["anna"])),
        ]
    };
    let mut worlds = Vec::new();
    for mode in [live as fn(&mut Setup), dry] {
        let mut world = World::empty(live).await;
        take(&mut world, &[objects()]).await;
        // A site that changes over to oxherd: all is in OX, nothing in our state, and one thing differs.
        let admin = world.context_admin(10);
        world.forget_everything().await;
        world.ox.reset_counters();
        world
            .configure_while_stopped(|setup| {
                mode(setup);
                setup.manifests = admin;
            })
            .await;
        let mut again = objects();
        again.push(Put(user("anna").profile("full").with("title", "Dr.")));
        take(&mut world, &[again]).await;
        worlds.push(world);
    }
    let (real, mut dry_one) = (worlds.remove(0), worlds.remove(0));
    assert_only_read(&dry_one);
    assert_eq!(done(dry_one.ledger()).await, done(real.store()).await);
    let calls = &done(dry_one.ledger()).await["user-anna"].0;
    assert!(calls.iter().any(|call| call == "UserChange"), "{calls:?}");
    dry_one.configure(live).await;
    assert_same_ox(&real, &dry_one);
}

#[tokio::test]
async fn switching_there_and_back_loses_nothing() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    world.configure(dry).await;
    world.ox.reset_counters();
    world.apply([user("anna").with("title", "Dr."), user("bert"), group("sales", &["anna", "bert"])]).await;
    assert_eq!(world.report().dry_run.unwrap().waiting, 3);
    assert_eq!(world.report().engine.phase, oxherd::engine::Phase::DryRun);
    let planned = done(world.ledger()).await;
    assert_eq!(planned["user-anna"].0, ["UserChange"]);
    // A restart makes a new shadow, with the same result.
    world.restart().await;
    world.settle().await;
    assert_eq!((done(world.ledger()).await, world.report().dry_run.unwrap().waiting), (planned, 3));
    world.delete([user("bert")]).await;
    assert_only_read(&world);
    assert_eq!(world.names(10), ["anna"]);
    world.configure(live).await;
    assert_eq!((world.names(10), world.members(10, "sales")), (vec!["anna".to_owned()], vec!["anna".to_owned()]));
    assert_eq!(world.user(10, "anna").unwrap()["title"], "Dr.");
    let left: Vec<_> = fs::read_dir(world.state_folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("dry-run")), "{left:?}");
}

#[tokio::test]
async fn a_changed_mapping_is_tried_out() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    world
        .configure(|setup| {
            dry(setup);
            setup.spec["mappingRef"] = json!({"name": "own"});
            setup.manifests = vec![json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAttributeMapping",
            "metadata": {"name": "own"}, "spec": {"entries": [{"attribute": "userfield01", "property": "lastname"}]}})];
        })
        .await;
    assert_eq!(done(world.ledger()).await["user-anna"], (vec!["UserChange".to_owned()], "Applied".to_owned()));
    assert_eq!(world.user(10, "anna").unwrap()["userfield01"], Value::Null);
}

fn acme(part: &str) -> Vec<PathBuf> {
    oracle::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme").join(part))
}

fn acme_setup(setup: &mut Setup) {
    setup.spec = json!({"defaults": {"context": 10, "language": "de_DE", "timezone": "Europe/Berlin",
        "domain": "acme.example", "imapServer": "imap://mail.acme.example:143",
        "smtpServer": "smtp://mail.acme.example:587"}});
}

/// Delivers the first load in one go, then the changes of a day one by one.
async fn acme_day(world: &mut World) {
    for file in acme("directory") {
        world.file(fs::read(file).unwrap());
    }
    world.settle().await;
    for file in acme("changes") {
        world.file(fs::read(file).unwrap());
        world.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_organisation_dry_then_live_ends_as_if_it_had_been_live_all_the_time() {
    let mut real = World::empty(acme_setup).await;
    acme_day(&mut real).await;
    let mut dry_one = World::empty(|setup| {
        acme_setup(setup);
        dry(setup);
    })
    .await;
    acme_day(&mut dry_one).await;
    assert_only_read(&dry_one);
    assert_eq!(dry_one.ox.dump()["contexts"], json!({}));
    let (would, did) = (done(dry_one.ledger()).await, done(real.store()).await);
    let differ: Vec<_> = did.iter().filter(|(object, done)| would.get(*object) != Some(done)).collect();
    assert!(differ.is_empty() && would.len() == did.len(), "{differ:#?}");
    dry_one.configure(live).await;
    assert_same_ox(&real, &dry_one);
    let files: Vec<_> = acme("directory").into_iter().chain(acme("changes")).collect();
    let differences = differences(&oracle::expected(&files), &observed(&dry_one.ox.dump()));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
