//! Deputies: I.8, J.6, J.34.

use oxherd::simulator::ox::{FaultAction, FaultRule};
use serde_json::{Value, json};

use crate::directory::{Object, user};
use crate::world::World;

/// anna, who grants, with berta and carl.
async fn office(rows: &[(&str, &str, &str, bool)]) -> World {
    let mut world = World::start().await;
    world.apply([user("berta"), user("carl"), anna(rows)]).await;
    world
}

fn anna(rows: &[(&str, &str, &str, bool)]) -> Object {
    user("anna").deputies(rows)
}

fn names(world: &World) -> Vec<String> {
    world.deputies(10, "anna").into_keys().collect()
}

#[tokio::test]
async fn i8_update_reference() {
    let mut world = office(&[("berta", "02440", "00000", false)]).await;
    let before = world.deputies(10, "anna")["berta"].clone();
    // The deputy is renamed, moved to a container, and the container is renamed; the directory corrects the reference.
    let berta = user("berta").renamed("bertha");
    for dn in ["uid=bertha,cn=users,dc=test", "uid=bertha,cn=inner,dc=test", "uid=bertha,cn=other,dc=test"] {
        let row = json!([[dn, "02440", "00000", "0"]]);
        world.apply([berta.clone().at(dn), anna(&[]).with("oxDeputyPermissionGivenTo", row)]).await;
        assert_eq!(world.deputies(10, "anna")["bertha"], before, "{dn}");
    }
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i8_create_deputy_with_user_create_and_j6_a_late_deputy() {
    let mut world = World::start().await;
    world.apply([anna(&[("berta", "02440", "00000", false), ("carl", "08444", "02400", true)]), user("berta")]).await;
    assert_eq!(names(&world), ["berta"]);
    world.apply([user("carl")]).await;
    assert_eq!(names(&world), ["berta", "carl"]);
    assert!(!world.manages_own_deputies(10, "anna"));
}

#[tokio::test]
async fn i8_create_deputy_permission() {
    let codes = ["00000", "02400", "02440", "08444"];
    let mut world = World::start().await;
    let mut rows = Vec::new();
    for mail in codes {
        for calendar in codes {
            for send in [false, true] {
                rows.push((format!("d{}", rows.len()), mail, calendar, send));
            }
        }
    }
    for (name, ..) in &rows {
        world.put(&user(name));
    }
    let given: Vec<_> =
        rows.iter().map(|(name, mail, calendar, send)| (name.as_str(), *mail, *calendar, *send)).collect();
    world.apply([anna(&given)]).await;
    let deputies = world.deputies(10, "anna");
    for (name, mail, calendar, send) in given {
        let modules = [("mail", mail), ("calendar", calendar)].into_iter().filter(|(_, code)| *code != "00000");
        let expected: Vec<_> = modules
            .map(|(module, code)| {
                let digit = |n: usize| i64::from(code.as_bytes()[n] - b'0');
                (module.to_owned(), digit(0) > 0, [digit(1), digit(2), digit(3), digit(4)])
            })
            .collect();
        let Some(deputy) = deputies.get(name) else {
            assert!(expected.is_empty(), "{name} {mail} {calendar}");
            continue;
        };
        assert_eq!((&deputy["userId"], &deputy["sendOnBehalfOf"]), (&json!(world.id(10, name)), &json!(send)));
        let mut found: Vec<_> = deputy["modulePermissions"].as_array().unwrap().iter().map(module).collect();
        found.sort_by_key(|(module, ..)| module == "calendar");
        assert_eq!(found, expected, "{name}");
    }
}

fn module(value: &Value) -> (String, bool, [i64; 4]) {
    let digit = |level: &str| value[level].as_i64().unwrap();
    let levels = ["folderPermission", "readPermission", "writePermission", "deletePermission"].map(digit);
    (value["moduleId"].as_str().unwrap().to_owned(), value["admin"] == true, levels)
}

#[tokio::test]
async fn i8_remove_permission_after_context_change() {
    // The directory takes the grants away in the same change.
    let mut world = office(&[("berta", "02440", "00000", false)]).await;
    world.put(&user("berta").context(20));
    world.apply([anna(&[])]).await;
    assert_eq!((names(&world), world.manages_own_deputies(10, "anna")), (vec![], true));

    let mut world = office(&[("berta", "02440", "00000", false)]).await;
    world.apply([anna(&[]).context(20)]).await;
    assert_eq!((world.deputies(20, "anna").len(), world.context(10).unwrap()["deputies"].clone()), (0, json!({})));
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i8_remove_permission_after_disable_or_removal() {
    let rows = [("berta", "02440", "00000", false)];
    for deputy_goes in [user("berta").disabled(), user("berta").disabled().context(20)] {
        let mut world = office(&rows).await;
        world.put(&deputy_goes);
        world.apply([anna(&[])]).await;
        assert_eq!(names(&world), [""; 0]);
        assert_eq!(world.parked().await, []);
    }
    for manager_goes in [true, false] {
        let mut world = office(&rows).await;
        if manager_goes {
            world.delete([anna(&rows)]).await;
        } else {
            world.apply([anna(&rows).disabled()]).await;
        }
        assert_eq!(world.context(10).unwrap()["deputies"], json!({}));
    }
}

#[tokio::test]
async fn i8_removed_on_deputy_deletion() {
    let mut world = office(&[("berta", "02440", "00000", false), ("carl", "02440", "00000", false)]).await;
    // Even when the directory does not correct the list.
    world.delete([user("berta")]).await;
    assert_eq!(names(&world), ["carl"]);
    world.apply([user("berta").of("user-berta-2")]).await;
    assert_eq!(names(&world), ["berta", "carl"]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i8_modify_deputy_permission_after_rename() {
    let mut world = office(&[("berta", "02440", "00000", false)]).await;
    world.apply([user("berta").renamed("bertha"), anna(&[("bertha", "08444", "00000", false)])]).await;
    let found: Vec<_> =
        world.deputies(10, "anna")["bertha"]["modulePermissions"].as_array().unwrap().iter().map(module).collect();
    assert_eq!(found, [("mail".to_owned(), false, [8, 4, 4, 4])]);
}

#[tokio::test]
async fn i8_create_when_it_already_exists() {
    let mut world = World::start().await;
    world.apply([user("anna"), user("berta"), user("carl")]).await;
    let (anna_id, berta, carl) = (world.id(10, "anna"), world.id(10, "berta"), world.id(10, "carl"));
    world.by_hand(10).grant_deputy(anna_id, berta).await;
    world.by_hand(10).grant_deputy(anna_id, carl).await;
    world.apply([anna(&[("carl", "08444", "00000", false)])]).await;
    assert_eq!(names(&world), ["carl"]);
    let found = module(&world.deputies(10, "anna")["carl"]["modulePermissions"][0]);
    assert_eq!(found.2, [8, 4, 4, 4]);
}

#[tokio::test]
async fn what_a_user_granted_is_his_own_affair_until_the_directory_says_something() {
    let mut world = World::start().await;
    world.apply([user("anna"), user("berta")]).await;
    world.by_hand(10).grant_deputy(world.id(10, "anna"), world.id(10, "berta")).await;
    world.apply([user("anna").with("title", "Dr.")]).await;
    assert_eq!(names(&world), ["berta"]);
}

#[tokio::test]
async fn j34_deputies_are_applied_as_a_difference() {
    let mut world = office(&[("berta", "02440", "00000", false), ("carl", "02440", "00000", false)]).await;
    world.apply([user("dora")]).await;
    world.ox.reset_counters();
    let rows =
        [("berta", "02440", "00000", false), ("carl", "02440", "00000", true), ("dora", "00000", "02400", false)];
    world.apply([anna(&rows)]).await;
    world.expect_calls(&[("OXDeputyPermissionsService.grant", 1), ("OXDeputyPermissionsService.update", 1)]);
    world.apply([anna(&rows[..1])]).await;
    world.expect_calls(&[("OXDeputyPermissionsService.revoke", 2)]);
    world.apply([anna(&[])]).await;
    world.expect_calls(&[("OXDeputyPermissionsService.revoke", 1), ("OXDeputyPermissionsService.unblockManual", 1)]);
}

#[tokio::test]
async fn j34_half_a_list_is_tried_again_and_nothing_is_swallowed() {
    let mut world = World::start().await;
    world.apply([user("anna"), user("berta"), user("carl")]).await;
    let text = "Deputies are on holiday".to_owned();
    let fault = FaultAction::SoapFault { name: "StorageException".to_owned(), text: text.clone() };
    let list = anna(&[("berta", "02440", "00000", false), ("carl", "02440", "00000", false)]);
    world.ox.add_fault(FaultRule::always(fault).on("OXDeputyPermissionsService", "blockManual"));
    world.apply([list.clone()]).await;
    assert!(world.only_parked(&list).await.1.contains(&text));
    world.ox.clear_faults();
    world.ox.reset_counters();
    world.retry_parked().await;
    assert_eq!(names(&world), ["berta", "carl"]);
    world.expect_calls(&[("OXDeputyPermissionsService.blockManual", 1)]);
}
