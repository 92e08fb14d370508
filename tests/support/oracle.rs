//! What OX must hold in the end, computed from listener files alone.
//!
//! The oracle shares no code and no idea with `src/`: the last state of each object wins, and from these states the result
//! is computed in one go, without knowing how it comes about. It assumes the default settings of a connector (mapping of
//! the existing connector, functional login `{{fa_entry_uuid}}{{username}}`, identifiers `username` and `name`).
//!
//! Left out, as they were never there: files that are no JSON; OX users without context, mail address, first or last name
//! (they are parked; an oracle without history cannot know an earlier good state of theirs).
//!
//! Shape of the result, keyed by names; lists are sorted, what has no value is absent:
//!
//! ```json
//! {"contexts": {"10": {
//!   "name": "acme", "quota": 20000,
//!   "users": {"anna": {
//!     "displayName": "Anna A", "givenName": "Anna", "surName": "A", "mail": "anna@acme.example",
//!     "aliases": ["anna@acme.example"], "mailEnabled": true, "rights": ["webmail"], "hasPicture": false,
//!     "fields": {"city_business": "Bremen"},
//!     "functionalAccounts": {"info@acme.example": {"name": "Info", "personal": "Us", "login": "<id of the account>anna"}},
//!     "deputies": {"berta": {"mail": "02440", "calendar": "00000", "sendOnBehalf": true}}
//!   }},
//!   "groups": {"sales": {"displayName": "sales", "members": ["anna"]}},
//!   "resources": {"room": {"displayName": "Room", "description": "", "mail": "room@acme.example"}},
//!   "sharedAccounts": {"support": {"displayName": "Support", "mail": "support@acme.example", "permissions": {
//!     "user 10/anna": {"mail": "author", "calendar": "none", "capabilities": ["sendAs"]},
//!     "group 10/sales": {"mail": "viewer", "calendar": "none", "capabilities": []}
//!   }}}
//! }}}
//! ```
//!
//! `fields` holds the text and date attributes of [`FIELDS`] by the names that the existing connector has for them. Context
//! administrators, OX's own group `users` and numbers are not part of the result.

#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(clippy::unwrap_used, reason = "in tests a panic is the right answer to a broken file")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

/// Attribute of OX, property of UDM, which element of a list.
pub const FIELDS: &[(&str, &str, usize)] = &[
    ("anniversary", "oxAnniversary", 0),
    ("birthday", "birthday", 0),
    ("cellular_telephone1", "oxMobileBusiness", 0),
    ("cellular_telephone2", "mobileTelephoneNumber", 0),
    ("city_business", "city", 0),
    ("company", "organisation", 0),
    ("department", "oxDepartment", 0),
    ("note", "oxNote", 0),
    ("number_of_employee", "employeeNumber", 0),
    ("position", "oxPosition", 0),
    ("postal_code_business", "postcode", 0),
    ("room_number", "roomNumber", 0),
    ("street_business", "street", 0),
    ("telephone_business1", "phone", 0),
    ("telephone_business2", "phone", 1),
    ("telephone_home1", "homeTelephoneNumber", 0),
    ("title", "title", 0),
    ("userfield01", "oxUserfield01", 0),
];

/// Rights of a profile: property of UDM, flag of OX.
const RIGHTS: &[(&str, &str)] = &[
    ("usm", "USM"),
    ("activesync", "activeSync"),
    ("calendar", "calendar"),
    ("collectemailaddresses", "collectEmailAddresses"),
    ("contacts", "contacts"),
    ("delegatetask", "delegateTask"),
    ("deniedportal", "deniedPortal"),
    ("editgroup", "editGroup"),
    ("editpassword", "editPassword"),
    ("editpublicfolders", "editPublicFolders"),
    ("editresource", "editResource"),
    ("globaladdressbookdisabled", "globalAddressBookDisabled"),
    ("ical", "ical"),
    ("infostore", "infostore"),
    ("multiplemailaccounts", "multipleMailAccounts"),
    ("readcreatesharedfolders", "readCreateSharedFolders"),
    ("subscription", "subscription"),
    ("syncml", "syncml"),
    ("tasks", "tasks"),
    ("vcard", "vcard"),
    ("webdav", "webdav"),
    ("webdavxml", "webdavXml"),
    ("webmail", "webmail"),
];

const CAPABILITIES: [&str; 6] = ["sendAs", "sendOnBehalf", "snippets", "writeSnippets", "manageSieve", "writeJSlob"];

/// An object in its last state.
struct Object {
    id: String,
    kind: String,
    dn: String,
    properties: Map<String, Value>,
}

impl Object {
    fn text(&self, name: &str) -> Option<String> {
        self.list(name).into_iter().next()
    }

    fn list(&self, name: &str) -> Vec<String> {
        let items = match self.properties.get(name) {
            Some(Value::Array(items)) => items.clone(),
            Some(Value::Null) | None => Vec::new(),
            Some(single) => vec![single.clone()],
        };
        let items = items.into_iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
        items.filter(|item| !item.is_empty()).collect()
    }

    fn rows(&self, name: &str) -> Vec<Vec<String>> {
        let rows = self.properties.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let cell = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
        rows.iter().map(|row| row.as_array().unwrap().iter().map(cell).collect()).collect()
    }

    fn is(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| ["ok", "true", "1", "yes"].contains(&text.to_lowercase().as_str()))
    }

    fn context(&self) -> Option<String> {
        self.text("oxContext")
    }
}

/// Final states by identifier, in the order of the events.
fn last_states(events: &[Value]) -> Vec<Object> {
    let mut states: BTreeMap<String, Option<Object>> = BTreeMap::new();
    for value in events {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let inside = value["object"]["univentionObjectIdentifier"].as_str().map(str::to_owned);
        let id = inside.unwrap_or_else(|| text("id"));
        let object = value["object"].as_object().map(|properties| Object {
            id: id.clone(),
            kind: text("udm_object_type"),
            dn: same_spelling(&text("dn")),
            properties: properties.clone(),
        });
        states.insert(id, object);
    }
    states.into_values().flatten().collect()
}

/// Brings differently escaped names to one spelling: every escaped character as plain hex pairs, all lower case.
fn same_spelling(dn: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = dn.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.to_string().as_bytes());
            continue;
        }
        let first = rest.next().unwrap();
        match (first.to_digit(16), rest.peek().and_then(|second| second.to_digit(16))) {
            (Some(high), Some(low)) => {
                rest.next();
                let byte = u8::try_from(high * 16 + low).unwrap();
                // Special characters stay marked, letters need no mark.
                if byte.is_ascii() && !byte.is_ascii_alphanumeric() {
                    bytes.extend_from_slice(format!("\\{byte:02x}").as_bytes());
                } else {
                    bytes.push(byte);
                }
            }
            _ => bytes.extend_from_slice(format!("\\{:02x}", u32::from(first)).as_bytes()),
        }
    }
    String::from_utf8(bytes).unwrap().to_lowercase()
}

struct World {
    objects: Vec<Object>,
}

impl World {
    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.kind == kind)
    }

    fn contexts(&self) -> BTreeSet<String> {
        self.of_kind("oxmail/oxcontext").filter_map(|context| context.text("contextid")).collect()
    }

    /// The people that OX knows.
    fn people(&self) -> Vec<&Object> {
        let contexts = self.contexts();
        let complete = |user: &Object| {
            ["username", "mailPrimaryAddress", "firstname", "lastname"].iter().all(|name| user.text(name).is_some())
        };
        self.of_kind("users/user")
            .filter(|user| user.is("isOxUser") && complete(user))
            .filter(|user| user.context().is_some_and(|context| contexts.contains(&context)))
            .collect()
    }

    fn person_at(&self, dn: &str) -> Option<&Object> {
        let dn = same_spelling(dn);
        self.people().into_iter().find(|user| user.dn == dn)
    }

    /// Members of a group by context. OX's own group of all users is not ours.
    fn members(&self, group: &Object) -> BTreeMap<String, BTreeSet<String>> {
        let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let name = group.text("name").unwrap_or_default();
        if !group.is("isOxGroup") || name.to_lowercase() == "users" {
            return members;
        }
        for user in group.list("users").iter().filter_map(|dn| self.person_at(dn)) {
            members.entry(user.context().unwrap()).or_default().insert(user.text("username").unwrap());
        }
        members
    }

    fn rights(&self, user: &Object) -> Vec<&'static str> {
        let wanted = user.text("oxAccess");
        let profile = self.of_kind("oxmail/accessprofile").find(|profile| profile.text("name") == wanted);
        let mut rights: Vec<_> =
            RIGHTS.iter().filter(|(udm, _)| profile.is_some_and(|p| p.is(udm))).map(|(_, ox)| *ox).collect();
        rights.sort_unstable();
        rights
    }

    fn user(&self, user: &Object) -> Value {
        let text = |name: &str| user.text(name);
        let mail = text("mailPrimaryAddress").unwrap();
        let mut aliases: BTreeSet<_> = user.list("mailAlternativeAddress").into_iter().collect();
        aliases.insert(mail.clone());
        let display = text("oxDisplayName").or_else(|| text("displayName")).or_else(|| text("username"));
        let fields: BTreeMap<_, _> = FIELDS
            .iter()
            .filter_map(|(ox, udm, index)| {
                let value = user.list(udm).into_iter().nth(*index)?;
                Some((*ox, if ["anniversary", "birthday"].contains(ox) { iso_date(&value) } else { value }))
            })
            .collect();
        json!({
            "displayName": display,
            "givenName": text("firstname"),
            "surName": text("lastname"),
            "mail": mail,
            "aliases": aliases,
            "mailEnabled": text("oxAccess").is_some_and(|access| access != "none"),
            "rights": self.rights(user),
            "hasPicture": text("jpegPhoto").is_some(),
            "fields": fields,
            "functionalAccounts": self.functional_accounts(user),
            "deputies": self.deputies(user),
        })
    }

    fn functional_accounts(&self, user: &Object) -> Value {
        let mut accounts = Map::new();
        for account in self.of_kind("oxmail/functional_account") {
            if account.list("users").iter().any(|dn| same_spelling(dn) == user.dn) {
                let mut entry = json!({
                    "name": account.text("name"),
                    "login": format!("{}{}", account.id, user.text("username").unwrap()),
                });
                if let Some(personal) = account.text("personal") {
                    entry["personal"] = json!(personal);
                }
                accounts.insert(account.text("mailPrimaryAddress").unwrap(), entry);
            }
        }
        accounts.into()
    }

    fn deputies(&self, user: &Object) -> Value {
        let mut deputies = Map::new();
        for row in user.rows("oxDeputyPermissionGivenTo") {
            let on_behalf = row[3] == "1" || row[3].to_lowercase() == "true";
            let nothing = row[1] == "00000" && row[2] == "00000" && !on_behalf;
            let deputy = self.person_at(&row[0]).filter(|deputy| deputy.context() == user.context() && !nothing);
            if let Some(deputy) = deputy {
                let value = json!({"mail": row[1], "calendar": row[2], "sendOnBehalf": on_behalf});
                deputies.insert(deputy.text("username").unwrap(), value);
            }
        }
        deputies.into()
    }

    fn shared_account(&self, account: &Object) -> Value {
        let find = |kind: &str, id: &str| self.objects.iter().find(|object| object.kind == kind && object.id == id);
        let mut permissions = Map::new();
        for row in account.rows("users") {
            let person = self.people().into_iter().find(|user| user.id == row[0]);
            if let (Some(user), Some(permission)) = (person, find("oxmail/shared_account_permission", &row[1])) {
                let key = format!("user {}/{}", user.context().unwrap(), user.text("username").unwrap());
                permissions.insert(key, role(permission));
            }
        }
        for row in account.rows("groups") {
            if let (Some(group), Some(permission)) =
                (find("groups/group", &row[0]), find("oxmail/shared_account_permission", &row[1]))
            {
                for context in self.members(group).into_keys() {
                    permissions.insert(format!("group {context}/{}", group.text("name").unwrap()), role(permission));
                }
            }
        }
        json!({
            "displayName": account.text("displayName"),
            "mail": account.text("mailPrimaryAddress"),
            "permissions": permissions,
        })
    }
}

fn role(permission: &Object) -> Value {
    let capabilities: BTreeSet<_> = CAPABILITIES.iter().filter(|name| permission.is(name)).collect();
    let part = |name: &str| permission.text(name).unwrap_or_else(|| "none".to_owned());
    json!({"mail": part("mail"), "calendar": part("calendar"), "capabilities": capabilities})
}

fn iso_date(text: &str) -> String {
    match text.split('.').collect::<Vec<_>>()[..] {
        [day, month, year] => format!("{year}-{month}-{day}"),
        _ => text.to_owned(),
    }
}

/// The state of OX after all these files, in their order (not that of the folders).
pub fn expected(files: &[PathBuf]) -> Value {
    expected_of(&read(files))
}

/// What these files say, without those that are no JSON.
pub fn read(files: &[PathBuf]) -> Vec<Value> {
    files.iter().filter_map(|file| serde_json::from_slice(&fs::read(file).unwrap()).ok()).collect()
}

/// The state of OX after all these events, in their order.
pub fn expected_of(events: &[Value]) -> Value {
    let world = World { objects: last_states(events) };
    let mut contexts = Map::new();
    for context in world.of_kind("oxmail/oxcontext") {
        let number = context.text("contextid").unwrap();
        let quota = context.text("oxQuota").and_then(|quota| quota.parse::<i64>().ok()).filter(|quota| *quota != 0);
        let here = |object: &&Object| object.context().as_deref() == Some(number.as_str());
        let named = |kind: &'static str| world.of_kind(kind).filter(here);

        let users: Map<_, _> = world
            .people()
            .into_iter()
            .filter(here)
            .map(|user| (user.text("username").unwrap(), world.user(user)))
            .collect();
        let groups: Map<_, _> = world
            .of_kind("groups/group")
            .filter_map(|group| {
                let members = world.members(group).remove(&number)?;
                let name = group.text("name").unwrap();
                Some((name.clone(), json!({"displayName": name, "members": members})))
            })
            .collect();
        let resources: Map<_, _> = named("oxresources/oxresources")
            .map(|resource| {
                let text = |name: &str| resource.text(name).unwrap_or_default();
                let value = json!({"displayName": text("displayname"), "description": text("description"),
                    "mail": text("resourceMailAddress")});
                (text("name"), value)
            })
            .collect();
        let shared: Map<_, _> = named("oxmail/shared_account")
            .map(|account| (account.text("name").unwrap(), world.shared_account(account)))
            .collect();
        let value = json!({
            "name": context.text("name"),
            "quota": quota.unwrap_or(-1),
            "users": users,
            "groups": groups,
            "resources": resources,
            "sharedAccounts": shared,
        });
        contexts.insert(number.clone(), value);
    }
    json!({"contexts": contexts})
}

/// The listener files of a folder in the order of their names.
pub fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

/// The same files as UDM shows their objects: an access profile that was never stored has its default.
#[allow(dead_code, reason = "only tests/acme.rs and tests/resync put a simulated UDM between files and OX")]
pub fn as_udm_shows(mut files: Vec<Value>) -> Vec<Value> {
    for file in &mut files {
        let is_user = file["udm_object_type"] == "users/user";
        let object = &mut file["object"];
        if is_user && object.is_object() && object.get("oxAccess").is_none() {
            object["oxAccess"] = "premium".into();
        }
    }
    files
}
