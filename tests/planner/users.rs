//! Users in one context: catalogue I.2.

use serde_json::json;

use crate::world::World;

#[test]
fn i2_add_user_in_default_context() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({}));
    assert_eq!(outcome.names(), ["UserCreate"], "one call, with all rights");
    assert_eq!(
        outcome.fields(),
        json!({
            "name": "anna", "password": "<secret>", "display_name": "Given Anna", "given_name": "Given", "sur_name": "Anna",
            "email1": "anna@example.org", "primary_email": "anna@example.org", "aliases": ["anna@example.org"],
            "imap_login": "anna@example.org", "imap_server": "imaps://mail.example.org:993",
            "smtp_server": "smtp://mail.example.org:587", "language": "de_DE", "timezone": "Europe/Berlin",
            "mail_enabled": true, "gui_spam_filter_enabled": true,
        })
    );
    assert_eq!(outcome.json()[0]["rights"], json!(["calendar", "contacts", "webmail"]));
    assert_eq!(outcome.json()[0]["guests"], "refuse");
}
