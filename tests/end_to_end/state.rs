//! What the connector remembers: I.10, J.2, J.9, J.22, and what heals by itself.

use oxherd::simulator::ox::{FaultAction, FaultRule};
use oxherd::state::Store;
use oxherd::udm::ObjectId;
use serde_json::{Value, json};

use crate::directory::{Object, address, context, group, user};
use crate::world::{Setup, World};

/// What is recorded of OX for an object.
async fn recorded(world: &World, object: &Object) -> Option<Value> {
    world.store().record(&ObjectId::new(&object.id).unwrap()).await.unwrap().map(|record| record.state)
}

#[tokio::test]
async fn i10_the_recorded_number_follows_ox() {
    let mut world = World::start().await;
    let number = |world: &World, context| json!(world.id(context, "anna"));
    let holds = |state: Option<Value>, number: &Value| state.unwrap().to_string().contains(&format!("\"id\":{number}"));
    world.apply([user("x").context(20), user("anna").disabled()]).await;
    assert!(!recorded(&world, &user("anna")).await.unwrap_or_default().to_string().contains("\"id\""));
    world.apply([user("anna")]).await;
    let first = number(&world, 10);
    assert!(holds(recorded(&world, &user("anna")).await, &first));
    world.apply([user("anna").with("title", "Dr.")]).await;
    assert!(holds(recorded(&world, &user("anna")).await, &first));
    world.apply([user("anna").context(20)]).await;
    let second = number(&world, 20);
    assert_ne!(first, second);
    assert!(holds(recorded(&world, &user("anna")).await, &second));
    world.apply([user("anna").disabled()]).await;
    assert!(!recorded(&world, &user("anna")).await.unwrap_or_default().to_string().contains("\"id\""));
    world.apply([user("anna")]).await;
    world.delete([user("anna")]).await;
    assert_eq!(recorded(&world, &user("anna")).await, None);
}

#[tokio::test]
async fn i10_non_normalized_dn_and_every_escape() {
    let mut world = World::start().await;
    let written = "uid=o\\27neil\\+x\\, \\\"y\\\" \\<z\\>\\;\\=\\#\\5c \\c3\\b6,OU=Nord\\2c S\\c3\\bcd,DC=Test";
    let others = [
        written,
        "UID=o'neil\\2bx\\2c \\22y\\22 \\3cz\\3e\\3b\\3d\\23\\\\ ö,ou=Nord\\, Süd,dc=test",
        "uid = O'Neil\\+x\\, \\\"y\\\" \\<z\\>\\;\\=\\#\\\\ \u{f6} , ou=nord\\2C s\\C3\\BCd , dc=test",
    ];
    world.apply([user("anna").at(written), user("berta")]).await;
    for (n, spelling) in others.into_iter().enumerate() {
        let name = format!("g{n}");
        world.apply([group(&name, &[]).with("users", [spelling])]).await;
        assert_eq!(world.members(10, &name), ["anna"], "{spelling}");
    }
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i10_relation_foreign_key_and_deletion_cascade() {
    // A group knows its members before they are there, and forgets them with itself.
    let mut world = World::start().await;
    world.apply([group("g", &["late"])]).await;
    world.delete([group("g", &["late"])]).await;
    world.apply([user("late")]).await;
    assert_eq!(world.group(10, "g"), None);
    world.expect_calls(&[("OXUserService.createByModuleAccess", 1)]);
}

#[tokio::test]
async fn j9_a_user_in_an_unknown_context_is_parked_and_healed_when_it_comes() {
    let mut world = World::start().await;
    let lost = user("anna").context(99);
    world.apply([lost.clone(), user("berta")]).await;
    let (category, cause) = world.only_parked(&lost).await;
    assert_eq!(category, "Waiting");
    assert!(cause.contains("context 99") && cause.contains("'oxContext'"), "{cause}");
    assert_eq!(world.names(10), ["berta"]);
    world.apply([context(99)]).await;
    assert_eq!((world.names(99), world.parked().await), (vec!["anna".to_owned()], vec![]));
}

/// A connector whose state was lost while OX kept everything: it knows no password of any context.
async fn amnesia() -> World {
    let mut world = World::start().await;
    world.apply([user("anna").with("title", "old")]).await;
    world.forget_everything().await;
    world.apply([context(10)]).await;
    world
}

fn give_password(world: &World) -> impl FnOnce(&mut Setup) + use<> {
    let admin = &world.ox.dump_with_passwords()["contexts"]["10"]["users"]["2"];
    let (name, password) = (admin["data"]["name"].clone(), admin["password"].clone());
    move |setup| {
        setup.manifests = vec![
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ten"},
                "stringData": {"username": name, "password": password}}),
            json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxContext", "metadata": {"name": "ten"},
                "spec": {"connectorRef": {"name": "test"}, "id": 10, "managementPolicy": "Observe",
                    "adminSecretRef": {"name": "ten"}}}),
        ];
    }
}

#[tokio::test]
async fn j9_a_context_without_credentials_is_parked_and_healed_when_a_manifest_gives_them() {
    for restart in [false, true] {
        let mut world = amnesia().await;
        let changed = user("anna").with("title", "new");
        world.apply([changed.clone(), user("berta").context(20)]).await;
        let parked = world.parked().await;
        let anna = parked.iter().find(|row| row.object.as_str() == changed.id).unwrap();
        assert!(anna.cause.contains("context 10") && anna.cause.contains("OxContext"), "{}", anna.cause);
        assert_eq!(world.user(10, "anna").unwrap()["title"], "old");

        let give = give_password(&world);
        if restart {
            world.configure_while_stopped(give).await;
        } else {
            world.configure(give).await;
        }
        assert_eq!(world.user(10, "anna").unwrap()["title"], "new");
        assert!(world.parked().await.iter().all(|row| row.object.as_str() != changed.id));
    }
}

#[tokio::test]
async fn j29_lost_state_is_rebuilt_by_a_redelivery_without_a_change_in_ox() {
    let mut world = World::start().await;
    let all = [user("anna"), user("berta"), group("g", &["anna", "berta"])];
    world.apply(all.clone()).await;
    let before = world.context(10);
    world.forget_everything().await;
    world.configure(give_password(&world)).await;
    world.apply([crate::directory::profile("full", crate::world::FULL), context(10)].into_iter().chain(all)).await;
    assert_eq!(world.parked().await, []);
    assert_eq!(world.context(10), before);
}

#[tokio::test]
async fn j2_j3_one_bad_object_holds_up_nobody() {
    let mut world = World::start().await;
    let fault = FaultAction::SoapFault { name: "StorageException".to_owned(), text: "Nobody knows why".to_owned() };
    world.ox.add_fault(FaultRule::always(fault).in_context(20));
    let all = ["a", "b", "c", "d"].map(user);
    world.apply([user("bad").context(20)].into_iter().chain(all).chain([group("g", &["a", "b", "bad"])])).await;
    assert_eq!((world.names(10).len(), world.members(10, "g").len()), (4, 2));
    assert!(world.only_parked(&user("bad")).await.1.contains("Nobody knows why"));
    // The newest state counts when it works again, not the one that failed.
    world.ox.clear_faults();
    world.apply([user("bad").context(20).with("title", "better")]).await;
    assert_eq!(world.user(20, "bad").unwrap()["title"], "better");
    assert_eq!((world.parked().await, world.members(20, "g")), (vec![], vec!["bad".to_owned()]));
}

#[tokio::test]
async fn j5_a_removal_takes_what_is_parked_with_it() {
    let mut world = World::start().await;
    let wrong = user("anna").mail("no address");
    world.apply([wrong.clone()]).await;
    assert_eq!(world.parked().await.len(), 1);
    world.delete([wrong]).await;
    assert_eq!(world.parked().await, []);
    world.retry_parked().await;
    assert_eq!(world.names(10), [""; 0]);
}

#[tokio::test]
async fn j22_objects_that_swap_their_dns_are_not_confused() {
    let mut world = World::start().await;
    let (a, b) = (user("a").at("uid=x,dc=test"), user("b").at("uid=y,dc=test"));
    world.apply([a.clone(), b.clone(), group("g", &[]).with("users", ["uid=x,dc=test"])]).await;
    assert_eq!(world.members(10, "g"), ["a"]);
    world.apply([a.at("uid=z,dc=test"), b.clone().at("uid=x,dc=test"), user("a").at("uid=y,dc=test")]).await;
    assert_eq!(world.members(10, "g"), ["b"]);
    world.delete([b.at("uid=x,dc=test")]).await;
    assert_eq!((world.names(10), world.group(10, "g")), (vec!["a".to_owned()], None));
}

#[tokio::test]
async fn j24_an_overloaded_server_is_left_alone_and_then_everything_arrives() {
    let mut world = World::start().await;
    world.ox.add_fault(FaultRule::always(FaultAction::Unavailable));
    for n in 0..20 {
        world.put(&user(&format!("u{n}")));
    }
    world.until_circuit_opens().await;
    assert!(world.counters().total < 60, "{:#?}", world.calls());
    world.ox.clear_faults();
    world.settle().await;
    assert_eq!((world.names(10).len(), world.parked().await), (20, vec![]));
}

#[tokio::test]
async fn j33_an_empty_identifier_says_so() {
    let mut world = World::with(|setup| setup.spec = json!({"identifiers": {"user": "employeeNumber"}})).await;
    world.apply([user("anna"), user("berta").with("employeeNumber", "4711")]).await;
    let (category, cause) = world.only_parked(&user("anna")).await;
    assert_eq!(category, "InvalidObject");
    assert!(cause.contains("'employeeNumber' is empty"), "{cause}");
    assert_eq!(world.user(10, "4711").unwrap()["email1"], address("berta"));
}
