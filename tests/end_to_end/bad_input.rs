//! Bad input: it ends rejected or parked with a text that names the field and the remedy, and nothing else stops.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::directory::{Object, address, context, functional_account, group, profile, resource, user};
use crate::world::World;

/// After whatever happened, the next one in line arrives.
async fn goes_on(world: &mut World) {
    world.apply([user("next")]).await;
    assert!(world.user(10, "next").is_some(), "something else stopped");
}

#[tokio::test]
async fn bad_input_files_that_are_no_events_are_rejected_with_the_reason_beside_them() {
    let good = user("good").present();
    let without = |field: &str| {
        let mut file = good.clone();
        file.as_object_mut().unwrap().remove(field);
        file
    };
    let with = |field: &str, value: Value| {
        let mut file = good.clone();
        file[field] = value;
        file
    };
    let mut nameless = without("id");
    nameless["object"].as_object_mut().unwrap().remove("univentionObjectIdentifier");
    let mut odd = nameless.clone();
    odd["id"] = json!(17);
    let cases: Vec<(Vec<u8>, &[&str])> = vec![
        (b"{ broken".to_vec(), &["no JSON", "write it again"]),
        (good.to_string().into_bytes()[..60].to_vec(), &["no JSON", "write it again"]),
        (b"\xff\xfe".to_vec(), &["no JSON"]),
        (b"[1]".to_vec(), &["one JSON object", "udm_object_type"]),
        (Vec::new(), &["no JSON"]),
        (nameless.to_string().into(), &["'id' is missing", "univentionObjectIdentifier"]),
        (odd.to_string().into(), &["'id' must be a text"]),
        (with("udm_object_type", json!("users/userr")).to_string().into(), &["'udm_object_type'", "users/user"]),
        (without("udm_object_type").to_string().into(), &["'udm_object_type' is missing"]),
        (without("dn").to_string().into(), &["'dn' is missing", "add"]),
        (with("dn", json!("no dn at all")).to_string().into(), &["'dn'"]),
        (without("object").to_string().into(), &["'object' is missing", "null for a deletion"]),
        (with("object", json!("text")).to_string().into(), &["'object' must be a JSON object"]),
    ];
    let mut world = World::start().await;
    let mut expected = Vec::new();
    for (text, parts) in cases {
        expected.push((world.file(text), parts));
    }
    goes_on(&mut world).await;
    let rejected = world.rejected();
    assert_eq!(rejected.len(), expected.len(), "{rejected:#?}");
    for (file, parts) in expected {
        assert!(parts.iter().all(|part| rejected[&file].contains(part)), "{parts:?}: {}", rejected[&file]);
    }
    assert_eq!((world.names(10), world.parked().await), (vec!["next".to_owned()], vec![]));
}

/// Objects that are parked, each with what its cause must name.
fn wrong() -> Vec<(&'static str, Object, &'static [&'static str])> {
    let long = |n: usize| "x".repeat(n);
    vec![
        ("wrong property type", user("bad").with("isOxUser", json!({"a": 1})), &["'isOxUser'", "OK, Not"]),
        ("wrong property type", user("bad").with("title", json!({"a": 1})), &["'title'", "a text"]),
        ("wrong property type", user("bad").with("oxUserQuota", "much"), &["'oxUserQuota'", "whole number"]),
        ("context id text", user("bad").with("oxContext", "ten"), &["'oxContext'", "whole number"]),
        ("context id text", context(7).with("contextid", "seven"), &["'contextid'", "whole number"]),
        ("context id out of range", user("bad").with("oxContext", 0), &["'oxContext'", "from 1", "correct it"]),
        ("context id out of range", user("bad").with("oxContext", 4_294_967_297_i64), &["'oxContext'", "correct it"]),
        ("date nonsense", user("bad").with("birthday", "yesterday"), &["'birthday'", "YYYY-MM-DD"]),
        ("date nonsense", user("bad").with("oxAnniversary", "31.02.2020"), &["'oxAnniversary'", "YYYY-MM-DD"]),
        ("address with blanks", user("bad").mail("b ad@test.example"), &["'mailPrimaryAddress'", "correct it"]),
        (
            "address with blanks",
            user("bad").aliases(&["b ad@test.example"]),
            &["'mailAlternativeAddress'", "correct it"],
        ),
        ("address with blanks", resource("bad").with("resourceMailAddress", "b ad@x"), &["'resourceMailAddress'"]),
        ("text too long", user("bad").with("title", long(129)), &["'title' has 129", "at most", "shorten it"]),
        ("text too long", user("bad").with("oxCityHome", long(65)), &["'oxCityHome' has 65", "shorten it"]),
        ("text too long", group("bad", &["good"]).renamed(&long(129)), &["'name' has 129", "shorten it"]),
        ("no mail address", user("bad").without("mailPrimaryAddress"), &["'mailPrimaryAddress' is empty", "set it"]),
        ("no last name", user("bad").without("lastname"), &["'lastname' is empty", "set it"]),
        ("broken reference", group("bad", &[]).with("users", ["no dn"]), &["'users'"]),
        ("broken reference", functional_account("bad", &[]).with("users", ["no dn"]), &["'users'"]),
        ("a right that is no truth value", profile("bad", &[]).with("usm", "perhaps"), &["'usm'", "TRUE or FALSE"]),
        ("control character", user("bad").with("title", "a\u{1}b"), &["title"]),
    ]
}

#[tokio::test]
async fn bad_input_wrong_objects_are_parked_with_field_and_remedy() {
    for (what, object, parts) in wrong() {
        let mut world = World::start().await;
        world.apply([user("good"), object.clone()]).await;
        let (category, cause) = world.only_parked(&object).await;
        // What only the writer of XML notices counts as refused.
        assert!(["InvalidObject", "RefusedByTarget"].contains(&category.as_str()), "{what}: {category}");
        assert!(parts.iter().all(|part| cause.contains(part)), "{what}: {parts:?}: {cause}");
        goes_on(&mut world).await;
        assert_eq!(world.names(10), ["good", "next"], "{what}");
    }
}

#[tokio::test]
async fn bad_input_a_wrong_change_leaves_what_is_there_and_a_right_one_heals_it() {
    for (what, object, _) in wrong().into_iter().filter(|(_, object, _)| object.kind == "users/user") {
        let mut world = World::start().await;
        world.apply([user("bad")]).await;
        let before = world.user(10, "bad");
        world.apply([object.clone()]).await;
        assert_eq!((world.user(10, "bad"), world.parked().await.len()), (before, 1), "{what}");
        world.apply([user("bad").with("title", "healed")]).await;
        assert_eq!(world.user(10, "bad").unwrap()["title"], "healed", "{what}");
        assert_eq!(world.parked().await, [], "{what}");
    }
}

#[tokio::test]
async fn bad_input_a_picture_of_5_megabytes() {
    let mut world = World::start().await;
    // One that nobody can read, and one that is only large: noise does not compress.
    let rubbish = user("rubbish").with("jpegPhoto", STANDARD.encode(vec![0x42; 5 << 20]));
    let mut seed = 1_u32;
    let noise = image::RgbImage::from_fn(1400, 1300, |_, _| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, r, g, b] = seed.to_be_bytes();
        image::Rgb([r, g, b])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    noise.write_to(&mut bytes, image::ImageFormat::Bmp).unwrap();
    let large = user("large").with("jpegPhoto", STANDARD.encode(bytes.into_inner()));
    world.apply([rubbish.clone(), large.clone()]).await;
    assert_eq!(world.parked().await, []);
    assert!(world.user(10, "rubbish").unwrap()["image1"].is_null());
    assert!(world.last_notes(&rubbish).await.contains("'jpegPhoto' is left out"));
    let shown = world.user(10, "large").unwrap();
    let sent = shown["image1"].as_str().is_some();
    assert!(
        sent || world.last_notes(&large).await.contains("'jpegPhoto' is left out"),
        "sent as a whole or not at all"
    );
    goes_on(&mut world).await;
}

#[tokio::test]
async fn bad_input_aliases_that_differ_only_in_case_are_one() {
    let mut world = World::start().await;
    let anna = user("anna").aliases(&["ANNA@test.example", "a@test.example", "A@Test.example"]);
    world.apply([anna.clone()]).await;
    assert_eq!(world.user(10, "anna").unwrap()["aliases"], json!(["a@test.example", address("anna")]));
    world.ox.reset_counters();
    world.apply([anna.with("uidNumber", 1)]).await;
    world.expect_calls(&[]);
}

#[tokio::test]
async fn bad_input_display_names_that_differ_only_in_case() {
    let mut world = World::with(|setup| setup.ox.unique_display_names = true).await;
    let second = user("berta").with("oxDisplayName", "the same");
    world.apply([user("anna").with("oxDisplayName", "The Same"), second.clone()]).await;
    let (_, cause) = world.only_parked(&second).await;
    assert!(cause.contains("display name"), "{cause}");
    goes_on(&mut world).await;
    // The other one gives way; nobody has to touch this one.
    world.apply([user("anna")]).await;
    world.retry_parked().await;
    assert_eq!((world.names(10), world.parked().await), (vec!["anna".into(), "berta".into(), "next".into()], vec![]));
}

#[tokio::test]
async fn bad_input_cyclic_and_missing_references() {
    let mut world = World::start().await;
    // Groups that contain each other and themselves, deputies in a circle, members that never come.
    let inside = |name: &str, others: &[&str]| {
        let dns = others.iter().map(|other| format!("cn={other},cn=groups,dc=test"));
        group(name, &[]).with("users", dns.chain([crate::directory::dn("anna")]).collect::<Value>())
    };
    let deputy = |name: &str, of: &str| user(name).deputies(&[(of, "02440", "00000", false)]);
    world.apply([inside("g", &["h", "g"]), inside("h", &["g", "nobody"])]).await;
    world
        .apply([deputy("anna", "berta"), deputy("berta", "carl"), deputy("carl", "anna"), deputy("dora", "dora")])
        .await;
    assert_eq!((world.members(10, "g"), world.members(10, "h")), (vec!["anna".into()], vec!["anna".into()]));
    for (name, of) in [("anna", "berta"), ("berta", "carl"), ("carl", "anna")] {
        assert_eq!(world.deputies(10, name).into_keys().collect::<Vec<_>>(), [of]);
    }
    assert!(world.deputies(10, "dora").is_empty());
    assert!(world.history(&user("dora")).await.iter().any(|row| row.notes.join("").contains("names the user itself")));
    goes_on(&mut world).await;
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn bad_input_a_member_that_is_listed_twice_is_one() {
    let mut world = World::start().await;
    world.apply([user("anna"), group("g", &["anna", "anna"]), functional_account("info", &["anna", "anna"])]).await;
    assert_eq!(world.members(10, "g"), ["anna"]);
    assert_eq!(world.context(10).unwrap()["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(world.parked().await, []);
}
