//! The requests are valid by the schema files of the services, which are not part of the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use oxherd::ox::attribute::{Attribute, Form};
use oxherd::ox::model::{FieldValue, GroupId, Guests, Picture, ResourceId, UserFields, UserId};
use oxherd::ox::rights::{Flag, Rights};
use oxherd::ox::soap::{
    Login, Operation, context, encode, group, random_password, resource, secondary_account, user, user_copy,
};

use super::samples::{CONTEXT, admin, anna, context_admin, master, room, users};

/// Every attribute with some value.
fn everything() -> UserFields {
    let value = |attribute: Attribute| match attribute.form() {
        _ if attribute == Attribute::IMAP_SERVER => FieldValue::Text("imap://imap.example.org:143".to_owned()),
        _ if attribute == Attribute::SMTP_SERVER => FieldValue::Text("smtps://smtp.example.org:465".to_owned()),
        Form::Text { .. } | Form::FixedText { .. } => FieldValue::Text("de_DE".to_owned()),
        Form::Texts { .. } => FieldValue::Texts(vec!["a@example.org".to_owned(), "b@example.org".to_owned()]),
        Form::Date => FieldValue::Date("2008-02-29".to_owned()),
        Form::Number => FieldValue::Number(17),
        Form::Flag => FieldValue::Flag(true),
        Form::Picture => FieldValue::Picture(Picture {
            media_type: "image/png".to_owned(),
            fingerprint: String::new(),
            sent: None,
            base64: Some("iVBORw0KGgo=".to_owned()),
        }),
    };
    Attribute::all().map(|attribute| (attribute, value(attribute))).collect()
}

struct Requests(Vec<(&'static str, String, String)>);

impl Requests {
    fn add<O: Operation>(&mut self, operation: &O, login: &Login) {
        let request = String::from_utf8(encode(operation, login).unwrap()).unwrap();
        let (_, rest) = request.split_once("<soapenv:Body>").unwrap();
        let (body, _) = rest.split_once("</soapenv:Body>").unwrap();
        // The namespaces are declared on the envelope, which is not validated.
        let (name, rest) = body.split_once('>').unwrap();
        let declared = format!(
            r#"{name} xmlns:s="{}" xmlns:d="http://dataobjects.soap.admin.openexchange.com/xsd" xmlns:r="http://dataobjects.rmi.admin.openexchange.com/xsd">{rest}"#,
            O::SERVICE.namespace(),
        );
        let label = format!("{}-{}-{}", O::SERVICE.name(), operation.name(), self.0.len());
        self.0.push((O::SERVICE.name(), label, declared));
    }
}

fn requests() -> Vec<(&'static str, String, String)> {
    let mut all = Requests(Vec::new());
    let (context, password) = (CONTEXT, &random_password().unwrap());
    let secret = Some(password);
    let rights: Rights = Flag::all().collect();
    let (full, sparse, members) = (everything(), anna(), users(&[3, 4]));
    let nothing = UserFields::new();
    let (user, group) = (UserId(3), GroupId(7));

    let (name, mappings, admin_user) = ("school", ["school.example".to_owned()], context_admin());
    let create = context::Create { context, name, quota: -1, mappings: &mappings, admin: &admin_user, password };
    all.add(&create, &master());
    all.add(&context::Create { mappings: &[], ..create }, &master());
    all.add(&context::Change { context, name: Some(name), quota: Some(5), mappings: Some(&mappings) }, &master());
    all.add(&context::Change { context, name: None, quota: None, mappings: Some(&[]) }, &master());
    all.add(&context::Delete { context }, &master());
    all.add(&context::Exists { context }, &master());
    all.add(&context::GetData { context }, &admin());
    all.add(&context::ListAll, &master());
    all.add(&context::ListPage { pattern: "*", offset: 0, length: 10 }, &master());
    all.add(&context::ChangeRights { context, rights }, &master());

    for fields in [&full, &sparse] {
        for rights in [Some(rights), None] {
            all.add(&user::Create { context, fields, rights, guests: Guests::Refuse, secret }, &admin());
        }
        all.add(&user::Change { context, user, fields, secret }, &admin());
    }
    all.add(&user::Change { context, user, fields: &nothing, secret }, &admin());
    for attribute in Attribute::all() {
        let fields = [(attribute, full[&attribute].clone())].into();
        all.add(&user::Change { context, user, fields: &fields, secret }, &admin());
    }
    all.add(&user::ChangeRights { context, user, rights }, &admin());
    all.add(&user::ChangePersonal { context, user, personal: "Anna" }, &admin());
    all.add(&user::Delete { context, user }, &admin());
    all.add(&user::Exists { context, user: user::Key::Name("anna") }, &admin());
    all.add(&user::GetData { context, user: user::Key::Id(user) }, &admin());
    all.add(&user::GetMultipleData { context, users: &[user, UserId(4)] }, &admin());
    all.add(&user::GetRights { context, user }, &admin());
    let page = Some(user::Page { length: 10, offset: 20 });
    all.add(&user::List { context, pattern: "*", page }, &admin());
    all.add(&user::List { context, pattern: "*", page: None }, &admin());
    all.add(&user::ListAll { context }, &admin());

    let (name, display_name) = ("class-7a", "Class 7a");
    all.add(&group::Create { context, name, display_name, members: &members }, &admin());
    all.add(&group::Change { context, group, name, display_name, members: &members }, &admin());
    for direction in [group::Move::In, group::Move::Out] {
        all.add(&group::MoveMembers { context, group, direction, members: &members }, &admin());
    }
    all.add(&group::Delete { context, group }, &admin());
    all.add(&group::GetData { context, group: group::Key::Name(name) }, &admin());
    all.add(&group::GetData { context, group: group::Key::Id(group) }, &admin());
    all.add(&group::GetMultipleData { context, groups: &[group, GroupId(1)] }, &admin());
    all.add(&group::GetMembers { context, group }, &admin());
    all.add(&group::ListAll { context }, &admin());
    all.add(&group::ListForUser { context, user }, &admin());

    let (fields, resource) = (room(), ResourceId(8));
    all.add(&resource::Create { context, fields: &fields }, &admin());
    all.add(&resource::Change { context, resource, fields: &fields }, &admin());
    all.add(&resource::Delete { context, resource }, &admin());
    all.add(&resource::GetData { context, resource: resource::Key::Id(resource) }, &admin());
    all.add(&resource::GetData { context, resource: resource::Key::Name("room-101") }, &admin());
    all.add(&resource::ListAll { context }, &admin());

    let (address, name, login, users) = ("office@example.org", "Office", "office", &members);
    let personal = Some("School Office");
    all.add(&secondary_account::Create { context, address, name, personal, login, users }, &admin());
    all.add(&secondary_account::Update { context, address, name, personal, login, users }, &admin());
    all.add(&secondary_account::Delete { context, address, users }, &admin());
    all.add(&secondary_account::List { context, users, address: None }, &admin());

    all.add(&user_copy::Copy { user, name: "anna", from: context, to: oxherd::ox::model::ContextId(11) }, &master());
    all.0
}

/// Beside the repository, unless the environment names another place (as a worktree needs it).
fn schema_folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/wsdl/xsd");
    std::env::var_os("OX_SCHEMAS").map_or_else(beside, PathBuf::from)
}

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test has to say so")]
fn requests_are_valid_by_the_schema() {
    let schemas = schema_folder();
    if !schemas.is_dir() {
        eprintln!(
            "skipped: the schema files are not there; put them into ../shared/reference/wsdl/xsd beside the repository, or \
             name their folder in OX_SCHEMAS"
        );
        return;
    }
    if Command::new("xmllint").arg("--version").output().is_err() {
        eprintln!("skipped: xmllint is not installed; install it with: apt-get install libxml2-utils");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut by_service: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    for (service, label, body) in requests() {
        let file = folder.path().join(format!("{label}.xml"));
        std::fs::write(&file, body).unwrap();
        by_service.entry(service).or_default().push(file);
    }
    assert_eq!(by_service.len(), 6, "all services with a schema except that of getVersion, which 8.19 does not have");
    for (service, files) in by_service {
        let schema = schemas.join(service).join("soap.xsd");
        let checked = Command::new("xmllint").args(["--noout", "--schema"]).arg(schema).args(files).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

/// The real server does not promise it, and diffs of requests are easier to read.
#[test]
fn the_request_of_a_user_is_what_the_documentation_shows() {
    let fields = [(Attribute::SUR_NAME, FieldValue::Text("Alster".to_owned()))].into();
    let change = user::Change { context: CONTEXT, user: UserId(3), fields: &fields, secret: None };
    let request = String::from_utf8(encode(&change, &admin()).unwrap()).unwrap();
    assert_eq!(
        request,
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/""#,
            r#" xmlns:s="http://soap.admin.openexchange.com" xmlns:d="http://dataobjects.soap.admin.openexchange.com/xsd""#,
            r#" xmlns:r="http://dataobjects.rmi.admin.openexchange.com/xsd"><soapenv:Body>"#,
            "<s:change><s:ctx><d:id>10</d:id></s:ctx><s:usrdata><d:id>3</d:id><d:sur_name>Alster</d:sur_name></s:usrdata>",
            "<s:auth><r:login>oxadmin</r:login><r:password>ctx-secret</r:password></s:auth></s:change>",
            "</soapenv:Body></soapenv:Envelope>",
        )
    );
}
