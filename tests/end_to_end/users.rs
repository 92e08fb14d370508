//! Users: I.2 without moves.

use oxherd::simulator::ox::{FaultAction, FaultRule};
use serde_json::{Value, json};

use crate::directory::{address, picture, user};
use crate::world::World;

#[tokio::test]
async fn i2_ignore_user() {
    let mut world = World::start().await;
    world.apply([user("anna").disabled()]).await;
    assert_eq!(world.names(10), [""; 0]);
    world.expect_calls(&[]);
}

#[tokio::test]
async fn i2_add_user_in_default_context() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!(anna["email1"], address("anna"));
    assert_eq!((&anna["language"], &anna["timezone"]), (&json!("de_DE"), &json!("Europe/Berlin")));
    assert_eq!(anna["rights"], json!(["calendar", "contacts", "infostore", "tasks", "webmail"]));
}

#[tokio::test]
async fn i2_add_user() {
    let mut world = World::start().await;
    world.apply([user("anna").context(20)]).await;
    assert_eq!((world.names(10), world.names(20)), (vec![], vec!["anna".to_owned()]));
    assert_eq!(world.user(20, "anna").unwrap()["email1"], address("anna"));
}

#[tokio::test]
async fn i2_rename_user() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    let id = world.id(10, "anna");
    world.apply([user("anna").renamed("newanna")]).await;
    assert_eq!(world.names(10), ["newanna"]);
    assert_eq!(world.id(10, "newanna"), id);
}

#[tokio::test]
async fn i2_modify_user() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    let changed = user("anna").with("lastname", "New").mail("new@test.example").with("oxCommercialRegister", "HRB 1");
    world.apply([changed]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!((&anna["sur_name"], &anna["email1"]), (&json!("New"), &json!("new@test.example")));
    assert_eq!(anna["commercial_register"], "HRB 1");
    assert_eq!((&anna["primaryEmail"], &anna["imapLogin"]), (&anna["email1"], &anna["email1"]));
}

#[tokio::test]
async fn i2_full_blown_user() {
    let mut world = World::start().await;
    let mut full = user("anna")
        .with("phone", ["1", "2"])
        .with("homeTelephoneNumber", ["3", "4"])
        .with("oxUserQuota", 500)
        .with("birthday", "1990-12-24")
        .with("oxAnniversary", "24.12.2010")
        .with("jpegPhoto", picture(image::ImageFormat::Jpeg, 10))
        .aliases(&["a@test.example"]);
    for n in 1..=20 {
        full = full.with(&format!("oxUserfield{n:02}"), format!("field {n}"));
    }
    world.apply([full]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!((&anna["telephone_business1"], &anna["telephone_business2"]), (&json!("1"), &json!("2")));
    assert_eq!((&anna["telephone_home1"], &anna["telephone_home2"]), (&json!("3"), &json!("4")));
    assert_eq!(anna["maxQuota"], 500);
    assert!(anna["birthday"].as_str().unwrap().starts_with("1990-12-24"), "{}", anna["birthday"]);
    assert!(anna["anniversary"].as_str().unwrap().starts_with("2010-12-24"), "{}", anna["anniversary"]);
    assert_eq!(anna["image1ContentType"], "image/jpeg");
    for n in 1..=20 {
        assert_eq!(anna[format!("userfield{n:02}")], format!("field {n}"));
    }
}

#[tokio::test]
async fn i2_modify_user_without_ox_obj() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    world.by_hand(10).delete_user(world.id(10, "anna")).await;
    world.apply([user("anna").with("title", "Dr.")]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!(anna["title"], "Dr.");
    // J.14: made again with everything that a new user has.
    assert_eq!((&anna["language"], &anna["timezone"]), (&json!("de_DE"), &json!("Europe/Berlin")));
    assert_eq!(anna["rights"], json!(["calendar", "contacts", "infostore", "tasks", "webmail"]));
}

#[tokio::test]
async fn i2_modify_mailserver() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    assert_eq!(world.user(10, "anna").unwrap()["imapServerString"], "imap://mail.test.example:143");
    world.apply([user("anna").with("mailHomeServer", "test-member.test.example")]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_eq!(anna["imapServerString"], "imap://test-member.test.example:143");
    assert_eq!(anna["smtpServerString"], "smtp://test-member.test.example:587");
    world.apply([user("anna")]).await;
    assert_eq!(world.user(10, "anna").unwrap()["imapServerString"], "imap://mail.test.example:143");
}

#[tokio::test]
async fn i2_remove_user() {
    let mut world = World::start().await;
    world.apply([user("anna"), user("berta")]).await;
    world.delete([user("anna")]).await;
    assert_eq!(world.names(10), ["berta"]);
    // Whoever is gone already makes no trouble.
    world.by_hand(10).delete_user(world.id(10, "berta")).await;
    world.delete([user("berta"), user("anna")]).await;
    assert_eq!((world.names(10), world.parked().await), (vec![], vec![]));
}

#[tokio::test]
async fn i2_enable_and_disable_user() {
    let mut world = World::start().await;
    world.apply([user("anna").disabled().without("oxContext")]).await;
    world.apply([user("anna").without("oxContext")]).await;
    assert_eq!(world.names(20), [""; 0]);
    world.apply([user("anna").context(20).with("oxDisplayName", "The Anna")]).await;
    assert_eq!(world.user(20, "anna").unwrap()["display_name"], "The Anna");
    world.apply([user("anna").context(20).disabled()]).await;
    assert_eq!((world.names(10), world.names(20)), (vec![], vec![]));
}

#[tokio::test]
async fn i2_alias() {
    let mut world = World::start().await;
    let t = |n: u8| format!("t{n}@test.example");
    let aliases = |world: &World| {
        let mut all = world.user(10, "anna").unwrap()["aliases"].as_array().unwrap().clone();
        all.sort_by_key(Value::to_string);
        Value::from(all)
    };
    world.apply([user("anna").mail(&t(1)).aliases(&[&t(2), &t(3), &t(4)])]).await;
    assert_eq!(aliases(&world), json!([t(1), t(2), t(3), t(4)]));
    world.apply([user("anna").mail(&t(5))]).await;
    assert_eq!(aliases(&world), json!([t(5)]));
    world.apply([user("anna").mail(&t(6)).aliases(&[&t(7)])]).await;
    assert_eq!(aliases(&world), json!([t(6), t(7)]));
}

#[tokio::test]
async fn i2_toggle_is_ox_user_property() {
    let mut world = World::start().await;
    world.apply([user("anna").disabled()]).await;
    assert_eq!(world.user(10, "anna"), None);
    world.apply([user("anna")]).await;
    assert!(world.user(10, "anna").is_some());
    world.apply([user("anna").disabled()]).await;
    assert_eq!(world.user(10, "anna"), None);
}

#[tokio::test]
async fn i2_toggle_is_ox_user_property_no_change() {
    let mut world = World::start().await;
    world.apply([user("anna").disabled()]).await;
    world.apply([user("anna").disabled().with("title", "Dr.")]).await;
    assert_eq!(world.user(10, "anna"), None);
    world.expect_calls(&[]);
}

#[tokio::test]
async fn i2_toggle_is_ox_user_property_new_context() {
    let mut world = World::start().await;
    world.apply([user("anna").disabled()]).await;
    world.apply([user("anna").context(20)]).await;
    assert_eq!((world.names(10), world.names(20)), (vec![], vec!["anna".to_owned()]));
}

#[tokio::test]
async fn i2_default_sender_address() {
    let mut world = World::start().await;
    let sender = |world: &World| world.user(10, "anna").unwrap()["defaultSenderAddress"].clone();
    world.apply([user("anna")]).await;
    assert_eq!(sender(&world), address("anna"));
    world.apply([user("anna").mail("new@test.example").aliases(&[&address("anna")])]).await;
    assert_eq!(sender(&world), "new@test.example");

    // What the user chose stays while it is one of the addresses.
    let id = world.id(10, "anna");
    let chosen = format!("<d:defaultSenderAddress>{}</d:defaultSenderAddress>", address("anna"));
    world.by_hand(10).change_user(id, &chosen).await;
    world.apply([user("anna").mail("newer@test.example").aliases(&[&address("anna")])]).await;
    assert_eq!(sender(&world), address("anna"));
    world.apply([user("anna").mail("newer@test.example")]).await;
    assert_eq!(sender(&world), "newer@test.example");
}

#[tokio::test]
async fn j10_a_change_does_not_touch_the_password() {
    let mut world = World::start().await;
    world.apply([user("anna")]).await;
    let id = world.id(10, "anna");
    let password =
        |world: &World| world.ox.dump_with_passwords()["contexts"]["10"]["users"][id.to_string()]["password"].clone();
    let before = password(&world);
    assert!(before.as_str().unwrap().len() > 20, "made by chance, never «dummy»");
    world.by_hand(10).change_user(id, "<d:password>her own</d:password>").await;
    world.apply([user("anna").with("title", "Dr.").renamed("anne")]).await;
    assert_eq!(password(&world), "her own");
}

#[tokio::test]
async fn j11_pictures_of_every_format_arrive_as_jpeg_or_not_at_all() {
    let mut world = World::start().await;
    for (name, format) in [
        ("jpeg", image::ImageFormat::Jpeg),
        ("png", image::ImageFormat::Png),
        ("gif", image::ImageFormat::Gif),
        ("bmp", image::ImageFormat::Bmp),
    ] {
        world.apply([user(name).with("jpegPhoto", picture(format, 10))]).await;
        let stored = world.user(10, name).unwrap();
        assert!(!stored["image1"].is_null(), "{name}");
        assert_eq!(stored["image1ContentType"], "image/jpeg", "{name}");
    }
    let strange = user("strange").with("jpegPhoto", "bm90IGEgcGljdHVyZQ==");
    world.apply([strange.clone()]).await;
    let stored = world.user(10, "strange").unwrap();
    assert!(stored["image1"].is_null() && stored["image1ContentType"].is_null(), "{stored}");
    assert!(world.last_notes(&strange).await.contains("'jpegPhoto' is left out"));
}

#[tokio::test]
async fn j11_what_ox_cannot_clear_is_said_once() {
    let mut world = World::start().await;
    let full = user("anna").with("birthday", "1990-12-24").with("jpegPhoto", picture(image::ImageFormat::Jpeg, 10));
    world.apply([full]).await;
    let cleared = user("anna");
    world.apply([cleared.clone()]).await;
    let notes = world.last_notes(&cleared).await;
    assert!(notes.contains("birthday") && notes.contains("image1"), "{notes}");
    world.ox.reset_counters();
    world.apply([cleared.clone().with("uidNumber", 1)]).await;
    assert_eq!(world.last_notes(&cleared).await, "");
    world.expect_calls(&[]);
}

#[tokio::test]
async fn j21_a_create_whose_answer_was_lost_is_not_repeated() {
    let mut world = World::start().await;
    let reset = FaultRule::always(FaultAction::ResetAfter).on("OXUserService", "createByModuleAccess").times(1);
    world.ox.add_fault(reset);
    world.apply([user("anna")]).await;
    assert_eq!(world.names(10), ["anna"]);
    assert_eq!(world.parked().await, []);
    let created = world.counters().outcomes("OXUserService.createByModuleAccess", "ok");
    assert!(created <= 1, "{:#?}", world.counters());
    // It is ours: the next change finds it.
    world.apply([user("anna").with("title", "Dr.")]).await;
    assert_eq!(world.user(10, "anna").unwrap()["title"], "Dr.");
}

#[tokio::test]
async fn m2_a_refused_change_is_no_lost_update() {
    let mut world = World::start().await;
    let anna = user("anna").with("title", "Dr.");
    world.apply([user("anna")]).await;
    let text = "Something nobody has ever seen";
    let fault = FaultAction::SoapFault { name: "StorageException".to_owned(), text: text.to_owned() };
    world.ox.add_fault(FaultRule::always(fault).on("OXUserService", "change"));
    world.apply([anna.clone()]).await;
    let (_, cause) = world.only_parked(&anna).await;
    assert!(cause.contains(text), "{cause}");
    world.ox.clear_faults();
    world.retry_parked().await;
    assert_eq!(world.user(10, "anna").unwrap()["title"], "Dr.");
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn quota_that_ox_does_not_let_change_is_a_warning() {
    let mut world = World::start().await;
    // Only a user that was made with a quota has a file store of its own, and with it a quota that can change.
    world.apply([user("anna"), user("berta").with("oxUserQuota", 500)]).await;
    let more = user("anna").with("oxUserQuota", 600).with("title", "Dr.");
    world.apply([more.clone(), user("berta").with("oxUserQuota", 600)]).await;
    let anna = world.user(10, "anna").unwrap();
    let notes = world.last_notes(&more).await;
    assert_eq!((&anna["maxQuota"], &anna["title"]), (&json!(-1), &json!("Dr.")));
    assert_eq!(world.user(10, "berta").unwrap()["maxQuota"], 600);
    assert!(notes.contains("ALLOW_CHANGING_QUOTA_IF_NO_FILESTORE_SET"), "{notes}");
    assert_eq!(world.parked().await, []);
    // It is not tried again and again.
    world.ox.reset_counters();
    world.apply([more.with("title", "Prof.")]).await;
    world.expect_calls(&[("OXUserService.change", 1)]);
}

#[tokio::test]
async fn a_name_that_the_server_does_not_let_change_is_parked_with_the_remedy() {
    let mut world = World::with(|setup| setup.ox.username_changeable = false).await;
    world.apply([user("anna")]).await;
    let id = world.id(10, "anna");
    let renamed = user("anna").renamed("anne");
    world.apply([renamed.clone()]).await;
    let (_, cause) = world.only_parked(&renamed).await;
    assert!(cause.contains("USERNAME_CHANGEABLE"), "{cause}");
    assert_eq!(world.names(10), ["anna"]);

    world.ox.change_options(|options| options.username_changeable = true);
    world.retry_parked().await;
    assert_eq!((world.names(10), world.id(10, "anne")), (vec!["anne".to_owned()], id));
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn rename_chains_end_right() {
    let mut world = World::start().await;
    world.apply([user("a"), user("b"), user("c")]).await;
    let ids = [world.id(10, "a"), world.id(10, "b"), world.id(10, "c")];
    // c leaves its name to b, b to a: in the order of a directory that lets this happen, in one batch.
    world.apply([user("c").renamed("d"), user("b").renamed("c"), user("a").renamed("b")]).await;
    assert_eq!([world.id(10, "b"), world.id(10, "c"), world.id(10, "d")], ids);
    assert_eq!((world.names(10).len(), world.parked().await), (3, vec![]));
}

#[tokio::test]
async fn an_address_goes_from_one_user_to_another_in_one_batch() {
    let mut world = World::start().await;
    world.apply([user("anna").mail("info@test.example"), user("berta")]).await;
    world.apply([user("anna"), user("berta").mail("info@test.example")]).await;
    assert_eq!(world.user(10, "anna").unwrap()["email1"], address("anna"));
    assert_eq!(world.user(10, "berta").unwrap()["email1"], "info@test.example");
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn delete_and_recreate_under_one_name_in_one_batch() {
    let mut world = World::start().await;
    world.apply([user("anna").with("title", "old")]).await;
    let id = world.id(10, "anna");
    world.remove(&user("anna"));
    world.apply([user("anna").of("user-anna-2")]).await;
    let anna = world.user(10, "anna").unwrap();
    assert_ne!(anna["id"], id);
    assert!(anna["title"].is_null());
    assert_eq!((world.names(10).len(), world.parked().await), (1, vec![]));
}

#[tokio::test]
async fn a10_a_guest_becomes_the_user() {
    let mut world = World::start().await;
    world.ox.create_guest(10, &address("anna")).unwrap();
    world.apply([user("anna")]).await;
    assert_eq!(world.names(10), ["anna"]);
    assert_eq!(world.context(10).unwrap()["guests"], json!({}));
    assert_eq!(world.user(10, "anna").unwrap()["rights"].as_array().unwrap().len(), 5);

    world.ox.create_guest(20, &address("berta")).unwrap();
    world.configure(|setup| setup.spec = json!({"features": {"convertGuest": "Disabled"}})).await;
    let berta = user("berta").context(20);
    world.apply([berta.clone()]).await;
    let (category, cause) = world.only_parked(&berta).await;
    assert_eq!(category, "Conflict");
    assert!(cause.contains("mailPrimaryAddress") && cause.contains("guest"), "{cause}");
}

#[tokio::test]
async fn a3_7_the_sender_name_is_the_display_name() {
    let mut world = World::start().await;
    world.apply([user("anna").with("oxDisplayName", "Anna from Sales"), user("berta")]).await;
    assert_eq!(world.user(10, "anna").unwrap()["personal"], "Anna from Sales");
    assert_eq!(world.user(10, "berta").unwrap()["personal"], Value::Null, "OX makes it of the names itself");
    world.expect_calls(&[("OXUserService.createByModuleAccess", 2), ("OXUserService.changeMailAddressPersonal", 1)]);
}

#[tokio::test]
async fn the_administrator_of_a_context_is_never_touched() {
    let mut world = World::start().await;
    let before = world.context(10);
    let admin = user("oxadmin").mail("other@test.example");
    world.apply([admin.clone()]).await;
    world.apply([admin.clone().disabled()]).await;
    world.delete([admin]).await;
    assert_eq!((world.context(10), world.parked().await), (before, vec![]));
    world.expect_calls(&[]);
}
