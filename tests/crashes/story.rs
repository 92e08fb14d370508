//! What happens in the directory: a first load, then a day of changes. Each object is made once, and no name passes on twice,
//! so that the number of creates does not depend on what comes together.

use serde_json::Value;

use crate::directory::{
    Object, context, functional_account, group, permission, picture, profile, resource, shared_account, user,
};

/// A user with a picture, which OX never gives back.
fn person(name: &str) -> Object {
    user(name).with("jpegPhoto", picture(image::ImageFormat::Png, 50))
}

fn load() -> Vec<Object> {
    let mut all = vec![
        context(10).with("oxQuota", 1000),
        context(20),
        context(30),
        profile("full", &["webmail", "calendar", "contacts", "tasks", "infostore"]),
        profile("small", &["webmail"]),
        permission("reader", "viewer", "viewer", &[]),
        permission("writer", "author", "none", &["sendAs"]),
    ];
    // A group and an account that know their members before they exist.
    all.push(group("early", &["u1", "u2", "v1"]));
    all.push(functional_account("info", &["u1", "u3", "v1"]));
    all.extend((1..=7).map(|n| person(&format!("u{n}"))));
    all.extend((1..=4).map(|n| user(&format!("v{n}")).context(20).profile("small")));
    all.push(user("w1").context(30));
    all.push(user("boss").deputies(&[("u1", "02440", "00000", true), ("u2", "00000", "02400", false)]));
    all.push(group("sales", &["u3", "u4", "u5"]));
    all.push(group("all", &["u1", "u2", "u3", "u4", "u5", "v1", "v2", "v3"]));
    all.push(functional_account("help", &["u2", "v2"]));
    all.push(resource("room"));
    all.push(resource("van").context(20));
    all.push(shared());
    all.push(shared_account("desk").context(20));
    all
}

fn shared() -> Object {
    let (reader, writer) = (permission("reader", "", "", &[]), permission("writer", "", "", &[]));
    shared_account("support")
        .granted(&[(&user("u1"), &writer), (&user("v1"), &reader)], &[(&group("sales", &[]), &reader)])
}

fn changes() -> Vec<Value> {
    let now = |object: Object| object.present();
    vec![
        // A name passes on; the group follows.
        now(person("u1").renamed("first").mail("first@test.example")),
        now(group("early", &["first", "u2", "v1"])),
        now(functional_account("info", &["first", "u3", "v1"])),
        now(user("boss").deputies(&[("first", "02440", "00000", true)])),
        now(group("all", &["first", "u2", "u3", "u4", "u5", "v1", "v2", "v3"])),
        // Two addresses are swapped.
        now(person("u2").mail("aside@test.example")),
        now(person("u3").mail("u2@test.example")),
        now(person("u2").mail("u3@test.example")),
        // Somebody moves, with a group there and here.
        now(person("u4").context(20)),
        // Somebody leaves, and a namesake comes.
        user("u5").deleted(),
        now(group("sales", &["u3", "u4"])),
        now(group("all", &["first", "u2", "u3", "u4", "v1", "v2", "v3"])),
        now(person("u5").of("user-u5-the-second").with("lastname", "Second")),
        // Rights for all of them.
        now(profile("full", &["webmail", "calendar", "contacts"])),
        now(user("v3").profile("full")),
        now(permission("reader", "editor", "viewer", &["sendOnBehalf"])),
        now(group("sales", &["u3", "u4"]).renamed("vendors")),
        now(functional_account("help", &["u2", "v2", "v3"]).with("personal", "Help")),
        now(shared().with("displayName", "Support of all")),
        now(resource("room").renamed("hall").with("resourceMailAddress", "hall@test.example")),
        now(resource("van").context(10)),
        now(context(10).with("oxQuota", 2000)),
        // A context is given up.
        now(user("w1").context(10)),
        context(30).deleted(),
        shared_account("desk").context(20).deleted(),
        functional_account("info", &[]).deleted(),
        now(person("u6").disabled()),
        user("u7").deleted(),
    ]
}

/// The events of each delivery, in their order.
pub fn deliveries() -> [Vec<Value>; 2] {
    [load().iter().map(Object::present).collect(), changes()]
}
