//! Login templates, filled for a user whose properties come from the input as well: the first line is the template, the rest
//! the properties as JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxherd::ox::template::{AccountLogin, AccountTemplate, LoginTemplate};
use oxherd::udm::{ObjectId, Properties};

fuzz_target!(|text: &str| {
    let (template, properties) = text.split_once('\n').unwrap_or((text, ""));
    let properties: Properties = serde_json::from_str(properties).unwrap_or_default();
    let id = ObjectId::new("user-1").expect("a constant");
    if let Ok(login) = LoginTemplate::parse(template) {
        assert_eq!(String::from(login.clone()), template);
        let filled = login.fill("anna@example.org", &id, &properties);
        if !template.contains('{') || !template.contains('}') {
            assert_eq!(filled.expect("a literal is filled"), template);
        }
    }
    let account = AccountTemplate::parse(template);
    assert_eq!(String::from(account.clone()), template);
    let address = "info@example.org";
    let login = AccountLogin { account: &id, address, user: &id, dn: "uid=anna,dc=example", properties: &properties };
    let filled = account.fill(login);
    if !template.contains("{{") && !template.is_empty() {
        assert_eq!(filled.expect("a literal is filled"), template);
    }
});
