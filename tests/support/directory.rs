//! Objects as a directory sends them, with sensible values in everything that a test does not care about.

#![allow(dead_code, reason = "each test file uses its own part")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// An object of the directory.
#[derive(Clone, Debug)]
pub struct Object {
    /// UDM module.
    pub kind: &'static str,
    /// `univentionObjectIdentifier`.
    pub id: String,
    /// Distinguished name.
    pub dn: String,
    /// Properties.
    pub properties: Map<String, Value>,
}

fn object(kind: &'static str, short: &str, name: &str, dn: String, properties: Value) -> Object {
    let Value::Object(properties) = properties else { panic!("no object") };
    Object { kind, id: format!("{short}-{name}"), dn, properties }
}

/// The distinguished name of a user.
pub fn dn(name: &str) -> String {
    format!("uid={name},cn=users,dc=test")
}

/// The address of a user.
pub fn address(name: &str) -> String {
    format!("{name}@test.example")
}

/// A user in context 10 with the profile `full`.
pub fn user(name: &str) -> Object {
    let properties = json!({
        "username": name,
        "firstname": name.to_uppercase(),
        "lastname": "Test",
        "oxDisplayName": format!("{} Test", name.to_uppercase()),
        "mailPrimaryAddress": address(name),
        "isOxUser": "OK",
        "oxContext": 10,
        "oxAccess": "full",
        "uidNumber": 2000,
    });
    object("users/user", "user", name, dn(name), properties)
}

/// An OX group with these users.
pub fn group(name: &str, members: &[&str]) -> Object {
    let properties = json!({"name": name, "isOxGroup": "OK", "users": []});
    object("groups/group", "group", name, format!("cn={name},cn=groups,dc=test"), properties).members(members)
}

/// A context without quota.
pub fn context(id: i64) -> Object {
    let name = format!("context{id}");
    let dn = format!("cn={name},cn=open-xchange,dc=test");
    object("oxmail/oxcontext", "context", &id.to_string(), dn, json!({"name": name, "contextid": id}))
}

/// An access profile with these rights, by their names in the directory.
pub fn profile(name: &str, rights: &[&str]) -> Object {
    let mut properties = json!({"name": name, "displayName": name});
    for right in rights {
        properties[*right] = json!("TRUE");
    }
    object("oxmail/accessprofile", "profile", name, "cn=profile,cn=open-xchange,dc=test".to_owned(), properties)
        .at(&format!("cn={},cn=accessprofiles,dc=test", escaped(name)))
}

/// A resource in context 10.
pub fn resource(name: &str) -> Object {
    let properties = json!({"name": name, "displayname": name.to_uppercase(), "description": "Big",
        "oxContext": 10, "resourceMailAddress": address(name)});
    object("oxresources/oxresources", "resource", name, format!("cn={name},cn=oxresources,dc=test"), properties)
}

/// A functional account of these users.
pub fn functional_account(name: &str, users: &[&str]) -> Object {
    let properties = json!({"name": name, "mailPrimaryAddress": address(name), "users": []});
    let dn = format!("cn={name},cn=functional_accounts,dc=test");
    object("oxmail/functional_account", "fa", name, dn, properties).members(users)
}

/// A shared account in context 10 of nobody.
pub fn shared_account(name: &str) -> Object {
    let properties = json!({"name": name, "displayName": name.to_uppercase(), "oxContext": 10,
        "mailPrimaryAddress": address(name), "users": [], "groups": []});
    object("oxmail/shared_account", "shared", name, format!("cn={name},cn=shared_accounts,dc=test"), properties)
}

/// A permission on shared accounts: mail role, calendar role, capabilities.
pub fn permission(name: &str, mail: &str, calendar: &str, capabilities: &[&str]) -> Object {
    let mut properties = json!({"name": name, "displayName": name, "mail": mail, "calendar": calendar});
    for capability in capabilities {
        properties[*capability] = json!(true);
    }
    let dn = format!("cn={name},cn=shared_account_permissions,dc=test");
    object("oxmail/shared_account_permission", "permission", name, dn, properties)
}

/// A value of a distinguished name with every special character escaped.
pub fn escaped(value: &str) -> String {
    let escape = |c: char| match c {
        ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#' => format!("\\{c}"),
        _ => c.to_string(),
    };
    value.chars().map(escape).collect()
}

impl Object {
    /// With another value of a property.
    pub fn with(mut self, property: &str, value: impl Into<Value>) -> Self {
        self.properties.insert(property.to_owned(), value.into());
        self
    }

    /// Without a property.
    pub fn without(mut self, property: &str) -> Self {
        self.properties.remove(property);
        self
    }

    /// At another place in the directory.
    pub fn at(self, dn: &str) -> Self {
        Self { dn: dn.to_owned(), ..self }
    }

    /// As another object.
    pub fn of(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    /// In another context.
    pub fn context(self, id: i64) -> Self {
        self.with("oxContext", id)
    }

    /// With another primary mail address.
    pub fn mail(self, address: &str) -> Self {
        self.with("mailPrimaryAddress", address)
    }

    /// With further mail addresses.
    pub fn aliases(self, addresses: &[&str]) -> Self {
        self.with("mailAlternativeAddress", addresses)
    }

    /// With another access profile.
    pub fn profile(self, name: &str) -> Self {
        self.with("oxAccess", name)
    }

    /// With another name, and therefore another distinguished name; the identifier stays.
    pub fn renamed(self, name: &str) -> Self {
        let (property, attribute) = if self.kind == "users/user" { ("username", "uid") } else { ("name", "cn") };
        let (_, place) = self.dn.split_once(',').expect("a dn of more than one part");
        let dn = format!("{attribute}={},{place}", escaped(name));
        self.with(property, name).at(&dn)
    }

    /// With these users as members.
    pub fn members(self, names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| dn(name)).collect();
        self.with("users", names)
    }

    /// A deputy: mail code, calendar code, may send on behalf.
    pub fn deputies(self, rows: &[(&str, &str, &str, bool)]) -> Self {
        let rows = rows
            .iter()
            .map(|(name, mail, calendar, send)| json!([dn(name), mail, calendar, if *send { "1" } else { "0" }]));
        self.with("oxDeputyPermissionGivenTo", rows.collect::<Value>())
    }

    /// Users and groups of a shared account, each with a permission.
    pub fn granted(self, users: &[(&Object, &Object)], groups: &[(&Object, &Object)]) -> Self {
        let pairs = |all: &[(&Object, &Object)]| -> Value {
            all.iter().map(|(member, permission)| json!([member.id, permission.id])).collect()
        };
        self.with("users", pairs(users)).with("groups", pairs(groups))
    }

    /// No (longer) an object for OX.
    pub fn disabled(self) -> Self {
        let property = if self.kind == "users/user" { "isOxUser" } else { "isOxGroup" };
        self.with(property, "Not")
    }

    /// The listener file of this state.
    pub fn present(&self) -> Value {
        let mut properties = self.properties.clone();
        properties.insert("univentionObjectIdentifier".to_owned(), json!(self.id));
        json!({"id": self.id, "udm_object_type": self.kind, "dn": self.dn, "object": properties, "options": ["default"]})
    }

    /// The listener file of its deletion.
    pub fn deleted(&self) -> Value {
        json!({"id": self.id, "udm_object_type": self.kind, "dn": self.dn, "object": null, "options": []})
    }
}

/// A picture in base64.
pub fn picture(format: image::ImageFormat, shade: u8) -> String {
    let image = image::RgbImage::from_pixel(8, 8, image::Rgb([shade, 90, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    STANDARD.encode(bytes.into_inner())
}
