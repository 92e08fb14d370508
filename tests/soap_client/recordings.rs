//! Each recorded answer of a real server is understood.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use oxherd::engine::TargetFault;
use oxherd::ox::attribute::Attribute;
use oxherd::ox::model::{
    ContextAccess, ContextId, FieldValue, GroupId, Guests, ObservedUser, ResourceId, UserFields, UserId,
};
use oxherd::ox::rights::{Flag, Rights};
use oxherd::ox::soap::{
    Answer, Credentials, Envelope, Kind, Login, Operation, OxFault, Service, Unreadable, context, decode, group,
    resource, secondary_account, user, user_copy, util,
};
use serde_json::Value;

use super::samples::users;

struct Exchange {
    service: String,
    operation: String,
    login: Login,
    context: ContextId,
    status: u16,
    body: String,
}

fn exchanges() -> BTreeMap<String, Exchange> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ox-soap");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let recordings = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    let read = |file: std::path::PathBuf| {
        let json: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let request = text(&json["request"]["body"]);
        let inside = |before: &str| {
            let rest = request.split_once(before).map_or("", |(_, rest)| rest);
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        let context = inside("ctx><d:id>").parse().or_else(|_| inside("context><d:id>").parse()).unwrap_or(0);
        let credentials = Credentials::new(inside("<r:login>"), inside("<r:password>"));
        let login = match text(&json["as"]).as_str() {
            // Without a context only the master makes sense.
            who if who.contains("master") || (who == "unknown login" && context == 0) => Login::master(credentials),
            _ => Login::context_admin(ContextId(context), credentials),
        };
        let exchange = Exchange {
            service: text(&json["service"]),
            operation: text(&json["operation"]),
            login,
            context: ContextId(context),
            status: u16::try_from(json["response"]["status"].as_u64().unwrap()).unwrap(),
            body: text(&json["response"]["body"]),
        };
        (file.file_stem().unwrap().to_str().unwrap().to_owned(), exchange)
    };
    recordings.map(read).collect()
}

/// Reads the answer as that of an operation.
fn outcome<O: Operation>(operation: &O, exchange: &Exchange) -> Result<O::Answer, OxFault> {
    assert_eq!((O::SERVICE.name(), operation.name()), (exchange.service.as_str(), exchange.operation.as_str()));
    decode(operation, &exchange.login, exchange.status, &exchange.body)
}

/// An operation of which only the outcome matters.
macro_rules! any_of {
    ($($name:ident $service:ident),*) => {
        $(struct $name { operation: &'static str, context: ContextId }

        impl Operation for $name {
            type Answer = ();
            const SERVICE: Service = Service::$service;
            const KIND: Kind = Kind::Read;

            fn name(&self) -> &'static str {
                self.operation
            }

            fn context(&self) -> Option<ContextId> {
                Some(self.context)
            }

            fn write(&self, _: &mut Envelope<'_>) {}

            fn read(&self, _: &mut Answer<'_>) -> Result<(), Unreadable> {
                Ok(())
            }
        })*

        fn any(exchange: &Exchange) -> Result<(), OxFault> {
            let operation: &'static str = exchange.operation.clone().leak();
            let context = exchange.context;
            match exchange.service.as_str() {
                $(name if name == Service::$service.name() => outcome(&$name { operation, context }, exchange),)*
                other => panic!("{other}"),
            }
        }
    };
}

any_of!(
    AnyContext Context, AnyUser User, AnyGroup Group, AnyResource Resource, AnyAccount SecondaryAccount,
    AnyCopy UserCopy, AnyDeputy Deputy, AnyUtil Util
);

#[test]
fn all_recordings_are_there() {
    assert_eq!(exchanges().len(), 307);
}

/// The table in `snapshots/` is the reference page of what each fault of the server means.
#[test]
fn each_fault_is_classified() {
    let mut table = String::new();
    for (name, exchange) in exchanges() {
        match any(&exchange) {
            Ok(()) => assert_eq!(exchange.status, 200, "{name}"),
            Err(fault) => {
                assert_ne!(exchange.status, 200, "{name}: {fault}");
                writeln!(table, "{name}: {:?} {}\n    {fault}", fault.class(), fault.category_name()).unwrap();
            }
        }
    }
    insta::assert_snapshot!("faults", table);
}

#[test]
fn no_fault_shows_a_value() {
    let values =
        ["golden", "anna", "bert", "BERT", "Gero", "cora", "leer", "RAUM", "29.02", "drei", "nobody", "ctx-secret"];
    for (name, exchange) in exchanges() {
        if let Err(fault) = any(&exchange) {
            let shown = format!("{fault} {fault:?}");
            for value in values {
                assert!(!shown.contains(value), "{name}: {shown}");
            }
        }
    }
}

/// Each success is read by the operation that asks for it; those that oxherd never makes are named.
#[test]
fn each_success_is_understood() {
    let all = exchanges();
    let mut foreign = Vec::new();
    for (name, exchange) in all.iter().filter(|(_, exchange)| exchange.status == 200) {
        if !understood(exchange).unwrap_or_else(|fault| panic!("{name}: {fault}")) {
            foreign.push(exchange.operation.as_str());
        }
    }
    foreign.sort_unstable();
    foreign.dedup();
    let expected = [
        "createByModuleAccessName",
        "createModuleAccessByName",
        "deleteMultiple",
        "getAccessCombinationName",
        "getAdminId",
        "listCaseInsensitive",
    ];
    assert_eq!(foreign, expected);
}

fn understood(exchange: &Exchange) -> Result<bool, OxFault> {
    let (context, user, group, resource) = (exchange.context, UserId(0), GroupId(0), ResourceId(0));
    let (fields, members, rights) = (UserFields::new(), users(&[]), Rights::NONE);
    let (name, address, secret) = ("", "", None);
    match (exchange.service.as_str(), exchange.operation.as_str()) {
        ("OXContextService", "exists") => outcome(&context::Exists { context }, exchange).map(drop),
        ("OXContextService", "getData") => outcome(&context::GetData { context }, exchange).map(drop),
        ("OXContextService", "listPage") => {
            outcome(&context::ListPage { pattern: "", offset: 0, length: 0 }, exchange).map(drop)
        }
        ("OXContextService", "change") => {
            outcome(&context::Change { context, name: None, quota: None, mappings: None }, exchange)
        }
        ("OXContextService", "changeModuleAccess") => outcome(&context::ChangeRights { context, rights }, exchange),
        ("OXContextService", "enable") => {
            outcome(&context::Access { context, access: ContextAccess::Enabled }, exchange)
        }
        ("OXContextService", "disable") => {
            outcome(&context::Access { context, access: ContextAccess::Disabled }, exchange)
        }
        ("OXContextService", "delete") => outcome(&context::Delete { context }, exchange),
        // Lists with a pattern answer as those of all, and the rights of the administrator as those of a user.
        ("OXContextService", "create" | "list" | "getModuleAccess") | ("OXGroupService", "list") => any(exchange),
        ("OXUserService", "create" | "createByModuleAccess") => {
            let rights = (exchange.operation != "create").then_some(rights);
            let create = user::Create { context, fields: &fields, rights, guests: Guests::Refuse, secret };
            outcome(&create, exchange).map(drop)
        }
        ("OXUserService", "change") => outcome(&user::Change { context, user, fields: &fields, secret }, exchange),
        ("OXUserService", "changeByModuleAccess") => outcome(&user::ChangeRights { context, user, rights }, exchange),
        ("OXUserService", "changeMailAddressPersonal") => {
            outcome(&user::ChangePersonal { context, user, personal: "" }, exchange)
        }
        ("OXUserService", "delete") => outcome(&user::Delete { context, user }, exchange),
        ("OXUserService", "exists") => {
            outcome(&user::Exists { context, user: user::Key::Id(user) }, exchange).map(drop)
        }
        ("OXUserService", "getData") => {
            outcome(&user::GetData { context, user: user::Key::Id(user) }, exchange).map(drop)
        }
        ("OXUserService", "getModuleAccess") => outcome(&user::GetRights { context, user }, exchange).map(drop),
        ("OXUserService", "getMultipleData") => {
            outcome(&user::GetMultipleData { context, users: &[] }, exchange).map(drop)
        }
        ("OXUserService", "list") => outcome(&user::List { context, pattern: "", page: None }, exchange).map(drop),
        ("OXUserService", "listAll") => outcome(&user::ListAll { context }, exchange).map(drop),
        ("OXGroupService", "create") => {
            let create = group::Create { context, name, display_name: name, members: &members };
            outcome(&create, exchange).map(drop)
        }
        ("OXGroupService", "change") => {
            outcome(&group::Change { context, group, name, display_name: name, members: &members }, exchange)
        }
        ("OXGroupService", operation @ ("addMember" | "removeMember")) => {
            let direction = if operation == "addMember" { group::Move::In } else { group::Move::Out };
            outcome(&group::MoveMembers { context, group, direction, members: &members }, exchange)
        }
        ("OXGroupService", "delete") => outcome(&group::Delete { context, group }, exchange),
        ("OXGroupService", "getData") => {
            outcome(&group::GetData { context, group: group::Key::Id(group) }, exchange).map(drop)
        }
        ("OXGroupService", "getMembers") => outcome(&group::GetMembers { context, group }, exchange).map(drop),
        ("OXGroupService", "getMultipleData") => {
            outcome(&group::GetMultipleData { context, groups: &[] }, exchange).map(drop)
        }
        ("OXGroupService", "listAll") => outcome(&group::ListAll { context }, exchange).map(drop),
        ("OXGroupService", "listGroupsForUser") => outcome(&group::ListForUser { context, user }, exchange).map(drop),
        ("OXResourceService", "create") => {
            outcome(&resource::Create { context, fields: &super::samples::room() }, exchange).map(drop)
        }
        ("OXResourceService", "change") => {
            outcome(&resource::Change { context, resource, fields: &super::samples::room() }, exchange)
        }
        ("OXResourceService", "delete") => outcome(&resource::Delete { context, resource }, exchange),
        ("OXResourceService", "getData") => {
            outcome(&resource::GetData { context, resource: resource::Key::Id(resource) }, exchange).map(drop)
        }
        ("OXResourceService", "listAll") => outcome(&resource::ListAll { context }, exchange).map(drop),
        ("OXSecondaryAccountService", "create") => {
            let users = &members;
            let create = secondary_account::Create { context, address, name, personal: None, login: "", users };
            outcome(&create, exchange)
        }
        ("OXSecondaryAccountService", "update") => {
            let users = &members;
            let update = secondary_account::Update { context, address, name, personal: None, login: "", users };
            outcome(&update, exchange).map(drop)
        }
        ("OXSecondaryAccountService", "delete") => {
            outcome(&secondary_account::Delete { context, address, users: &members }, exchange).map(drop)
        }
        ("OXSecondaryAccountService", "list") => {
            outcome(&secondary_account::List { context, users: &members, address: None }, exchange).map(drop)
        }
        ("OXUserCopyService", "copyUser") => {
            outcome(&user_copy::Copy { user, name, from: context, to: context }, exchange).map(drop)
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn read_user(name: &str) -> ObservedUser {
    let exchange = &exchanges()[name];
    let key = user::Key::Id(UserId(0));
    outcome(&user::GetData { context: exchange.context, user: key }, exchange).unwrap()
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.to_owned())
}

#[test]
fn a_full_user() {
    let user = read_user("user-get-data-full-by-id");
    assert_eq!((user.id, user.name.as_str()), (UserId(3), "zoe"));
    let field = |attribute| user.fields.get(&attribute).cloned();
    let aliases = ["zoe@golden.example", "zoe.first@golden.example", "z.oe@golden.example"].map(str::to_owned).to_vec();
    assert_eq!(field(Attribute::ALIASES), Some(FieldValue::Texts(aliases)));
    assert_eq!(field(Attribute::COMPANY), Some(text("<Müller & Söhne> \"GmbH\" 'n' Co ]]>")));
    assert_eq!(field(Attribute::POSITION), Some(text("Schüler 🎓 Łódź Ελλάδα 中文")));
    assert_eq!(field(Attribute::NOTE), Some(text("Zeile 1\nZeile 2\tTab & <b>fett</b> &amp; schon maskiert")));
    assert_eq!(field(Attribute::INFO), Some(text("Ende mit Leerzeichen  ")));
    assert_eq!(field(Attribute::BIRTHDAY), Some(FieldValue::Date("2008-02-29".to_owned())));
    assert_eq!(field(Attribute::IMAP_SERVER), Some(text("imaps://imap.golden.example:993")));
    assert_eq!(field(Attribute::SMTP_SERVER), Some(text("smtp://smtp.golden.example:587")));
    assert_eq!(field(Attribute::IMAP_PORT), Some(FieldValue::Number(993)));
    assert_eq!(field(Attribute::MAX_QUOTA), Some(FieldValue::Number(-1)));
    assert_eq!(field(Attribute::MAIL_ENABLED), Some(FieldValue::Flag(true)));
    assert_eq!(field(Attribute::MAIL_FOLDER_ARCHIVE_FULL_NAME), Some(text("")));
    assert_eq!(field(Attribute::PASSWORD), None);
    assert_eq!(user, read_user("user-get-data-by-name"));
}

#[test]
fn a_minimal_user_has_no_value_where_the_server_says_nil() {
    let user = read_user("user-get-data-minimal");
    assert!(!user.fields.contains_key(&Attribute::COMPANY));
    assert_eq!(user.fields[&Attribute::LOAD_REMOTE_MAIL_CONTENT_BY_DEFAULT], FieldValue::Flag(false));
    let changed = read_user("user-get-data-after-change");
    assert_eq!(changed.fields.get(&Attribute::COMPANY).cloned(), Some(text("")), "emptied is not nil");
}

#[test]
fn a_picture_is_read_as_its_fingerprint() {
    let user = read_user("user-get-data-image");
    let Some(FieldValue::Picture(picture)) = user.fields.get(&Attribute::IMAGE1) else { panic!() };
    assert_eq!(picture.media_type, "image/jpeg");
    assert_eq!(picture.fingerprint.len(), 64);
    assert_eq!(picture.base64, None);
}

#[test]
fn dates_lose_their_zone() {
    let user = read_user("user-get-data-dates");
    assert_eq!(user.fields[&Attribute::ANNIVERSARY], FieldValue::Date("1899-12-31".to_owned()));
}

#[test]
fn lists_of_users_are_numbers() {
    let all = exchanges();
    let (paged, whole) = (&all["user-list-paging"], &all["user-list-all"]);
    let page = user::List { context: paged.context, pattern: "*", page: None };
    assert_eq!(outcome(&page, paged).unwrap(), [UserId(4), UserId(5)]);
    let list = user::ListAll { context: whole.context };
    assert_eq!(outcome(&list, whole).unwrap(), [7, 4, 5, 6, 8, 2, 3].map(UserId));
    let empty = &all["user-list-empty"];
    assert!(outcome(&user::List { context: empty.context, pattern: "*", page: None }, empty).unwrap().is_empty());
}

#[test]
fn several_users_come_in_the_order_asked_for() {
    let exchange = &exchanges()["user-get-multiple-data"];
    let found = outcome(&user::GetMultipleData { context: exchange.context, users: &[] }, exchange).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|user| !user.name.is_empty()));
}

#[test]
fn numbers_of_created_objects() {
    let all = exchanges();
    let fields = UserFields::new();
    let created = |name: &str| {
        let exchange = &all[name];
        let (context, rights) = (exchange.context, Some(Rights::NONE));
        let create = user::Create { context, fields: &fields, rights, guests: Guests::Refuse, secret: None };
        outcome(&create, exchange).unwrap()
    };
    assert_eq!(created("user-create-full"), UserId(3));
    assert_eq!(created("user-create-minimal"), UserId(4));
    let copy = &all["copy-user"];
    let operation = user_copy::Copy { user: UserId(3), name: "anna", from: ContextId(20005), to: ContextId(20006) };
    assert_eq!(outcome(&operation, copy).unwrap(), UserId(4));
}

#[test]
fn rights() {
    let all = exchanges();
    let rights = |name: &str| {
        let exchange = &all[name];
        outcome(&user::GetRights { context: exchange.context, user: UserId(3) }, exchange).unwrap()
    };
    let changed = rights("user-get-module-access-changed");
    assert!(changed.has(Flag::Publication) && changed.has(Flag::Olox20), "unsent flags are true");
    let one = rights("user-get-module-access-one-flag");
    assert!(!one.has(Flag::PublicFolderEditable) && !one.has(Flag::DeniedPortal));
    assert!(one.iter().count() > 20);
}

#[test]
fn contexts() {
    let all = exchanges();
    let read = |name: &str| outcome(&context::GetData { context: ContextId(0) }, &all[name]).unwrap();
    assert_eq!(read("context-get-data-unlimited").quota, -1);
    let changed = read("context-get-data-changed");
    assert_eq!(changed.mappings.len(), 3);
    assert_eq!(read("context-get-data-as-context-admin").name, read("context-get-data").name);
    let page = &all["context-list-page"];
    let listed = outcome(&context::ListPage { pattern: "", offset: 1, length: 1 }, page).unwrap();
    assert_eq!(listed.len(), 1);
    let (id, context) = &listed[0];
    assert!(!context.mappings.contains(&id.to_string()), "the number is no mapping worth telling");
}

#[test]
fn groups() {
    let all = exchanges();
    let read = |name: &str| {
        outcome(&group::GetData { context: ContextId(0), group: group::Key::Id(GroupId(0)) }, &all[name]).unwrap()
    };
    let changed = read("group-get-data-changed-members");
    assert_eq!(changed.members, users(&[3, 5]));
    assert!(read("group-get-data-members-lost").members.is_empty());
    let listed = outcome(&group::ListAll { context: ContextId(0) }, &all["group-list-all"]).unwrap();
    assert!(listed.iter().any(|group| group.id == GroupId::DEFAULT && group.name == "users"));
    let members = &all["group-get-members"];
    let found = outcome(&group::GetMembers { context: ContextId(0), group: GroupId(6) }, members).unwrap();
    assert_eq!(found, users(&[3, 4, 5]));
}

#[test]
fn resources() {
    let all = exchanges();
    let listed = outcome(&resource::ListAll { context: ContextId(0) }, &all["resource-list-all"]).unwrap();
    assert_eq!(listed[0].id, ResourceId(8));
    assert!(!listed[0].fields.mail.is_empty());
    let empty = outcome(&resource::ListAll { context: ContextId(0) }, &all["resource-list-all-empty"]).unwrap();
    assert!(empty.is_empty());
}

#[test]
fn accounts_come_without_their_passwords() {
    let exchange = &exchanges()["secondary-list-all"];
    let nobody = users(&[]);
    let list = |address| secondary_account::List { context: exchange.context, users: &nobody, address };
    let accounts = outcome(&list(None), exchange).unwrap();
    assert!(!format!("{accounts:?}").contains("Büro-1"));
    let office = outcome(&list(Some("OFFICE@golden.example")), exchange).unwrap();
    let owners: Vec<UserId> = office.iter().map(|(_, account)| account.user).collect();
    assert_eq!(owners, [UserId(3), UserId(4)]);
    assert_eq!(office[0].1.personal.as_deref(), Some("Schulbüro <Süd>"));
    assert!(accounts.len() > office.len());
}

#[test]
fn an_old_server_has_no_version() {
    let exchange = &exchanges()["unknown-operation-util-get-version"];
    assert_eq!(outcome(&util::GetVersion, exchange).unwrap_err().category_name(), "UnknownOperation");
}
