//! One test for each rule of `ox-soap.md` 6.5 that the client keeps.
//!
//! Rules 7 (owners of aliases), 8 and 15 (after a user copy), 9 (names with and without case) and the choosing part of rules
//! 3 and 11 are kept by planning and tested there; rule 12 (one user write per context at a time) and the second half of
//! rule 8 are lanes of the engine and tested there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers as well"
)]
#![allow(dead_code, reason = "the shared modules hold more than this file needs")]

#[path = "soap_client/samples.rs"]
mod samples;
#[path = "soap_client/wire.rs"]
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;

use oxherd::engine::{FaultClass, Pace, TargetFault};
use oxherd::ox::attribute::Attribute;
use oxherd::ox::execute::{Executor, Planned, Vault, VaultError};
use oxherd::ox::model::{Call, ContextId, FieldValue, GroupId, Guests, Picture, Query, UserFields, UserId, UserRef};
use oxherd::ox::rights::{Flag, Rights};
use oxherd::ox::soap::{
    Category, Credentials, Master, Problem, context, encode, random_password, secondary_account, user,
};
use samples::{CONTEXT, admin, anna, master, texts, users};
use wire::{Seen, Step, Wire, fault, returns, success};

/// Knows the administrator of one context.
struct OneAdmin;

impl Vault for OneAdmin {
    fn context_admin(&self, context: ContextId) -> Option<Credentials> {
        (context == CONTEXT).then(|| admin().credentials)
    }

    async fn store_context_admin(&self, _: ContextId, _: &Credentials) -> Result<(), VaultError> {
        Ok(())
    }

    async fn remove_context_admin(&self, _: ContextId) -> Result<(), VaultError> {
        Ok(())
    }
}

async fn ox(decide: impl Fn(&Seen) -> Step + Send + Sync + 'static) -> (Wire, Executor<OneAdmin>) {
    let wire = Wire::start(decide).await;
    let executor = Executor::new(wire.client(), Arc::new(Master::new(master().credentials)), OneAdmin);
    (wire, executor)
}

fn change(fields: &UserFields) -> Result<String, Problem> {
    let change = user::Change { context: CONTEXT, user: UserId(3), fields, secret: None };
    encode(&change, &admin()).map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|refusal| refusal.problem)
}

fn create(fields: &UserFields) -> String {
    let secret = random_password().unwrap();
    let (rights, guests) = (Some(Rights::NONE), Guests::Refuse);
    let create = user::Create { context: CONTEXT, fields, rights, guests, secret: Some(&secret) };
    String::from_utf8(encode(&create, &admin()).unwrap()).unwrap()
}

fn elements(xml: &str, name: &str) -> Vec<String> {
    let open = format!("<d:{name}>");
    xml.split(&open).skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

fn delete_account() -> Call {
    let users = [UserRef::Id(UserId(3)), UserRef::Planned].into();
    Call::AccountDelete { context: CONTEXT, address: "Office@example.org".to_owned(), users }
}

const PLANNED: Planned = Planned { user: Some(UserId(4)), shared: None };

#[tokio::test]
async fn rule_01_a_secondary_account_is_not_deleted_when_its_address_is_a_primary_one() {
    let primary = "<id>4</id><name>bert</name><primaryEmail>office@EXAMPLE.org</primaryEmail>";
    let (wire, ox) = ox(move |_| Step::Answer(returns("getMultipleData", primary))).await;
    let fault = ox.execute(&delete_account(), PLANNED).await.unwrap_err();
    assert_eq!((fault.class(), fault.category()), (FaultClass::Object, Category::PrimaryAddress));
    assert!(!fault.to_string().to_lowercase().contains("office@"));
    assert_eq!(wire.operations(), ["getMultipleData"]);
}

#[tokio::test]
async fn rule_01_a_secondary_account_is_deleted_for_users_and_never_for_a_group() {
    let other = "<id>4</id><name>bert</name><primaryEmail>bert@example.org</primaryEmail>";
    let (wire, ox) = ox(move |seen| match seen.operation() {
        "getMultipleData" => Step::Answer(returns("getMultipleData", other)),
        _ => Step::Answer(returns("delete", "true")),
    })
    .await;
    ox.execute(&delete_account(), PLANNED).await.unwrap();
    let request = &wire.seen()[1].body;
    assert!(request.contains("<s:users><d:id>3</d:id></s:users><s:users><d:id>4</d:id></s:users>"));
    assert!(!request.contains("<s:groups>"));
    let nobody = secondary_account::Delete { context: CONTEXT, address: "a@x", users: &BTreeSet::new() };
    assert!(!String::from_utf8(encode(&nobody, &admin()).unwrap()).unwrap().contains("groups"));
}

#[test]
fn rule_02_aliases_that_differ_only_in_case_are_sent_once_in_the_spelling_of_the_primary_address() {
    let mut fields = anna();
    let aliases = ["ANNA@example.org", "a@x", "anna@example.org", "A@X", "b@x"].map(str::to_owned).to_vec();
    fields.insert(Attribute::ALIASES, FieldValue::Texts(aliases));
    fields.insert(Attribute::DEFAULT_SENDER_ADDRESS, FieldValue::Text("B@X".to_owned()));
    let request = create(&fields);
    assert_eq!(elements(&request, "aliases"), ["anna@example.org", "a@x", "b@x"]);
    assert_eq!(elements(&request, "defaultSenderAddress"), ["b@x"]);
    assert_eq!(elements(&request, "primaryEmail"), ["anna@example.org"]);
    fields.insert(Attribute::DEFAULT_SENDER_ADDRESS, FieldValue::Text("Anna@Example.org".to_owned()));
    assert_eq!(elements(&create(&fields), "defaultSenderAddress"), ["anna@example.org"]);
}

#[tokio::test]
async fn rule_03_a_taken_display_name_is_an_object_error_with_a_remedy() {
    for (detail, text) in [
        ("InvalidDataException", "The displayname is already used"),
        (
            "StorageException",
            "FLD-0075 Categories=PERMISSION_DENIED Message='An infostore folder named \"Anna\" already exists'",
        ),
    ] {
        let (_wire, ox) = ox(move |_| fault(detail, text)).await;
        let call = Call::UserCreate { context: CONTEXT, fields: anna(), rights: None, guests: Guests::Refuse };
        let fault = ox.execute(&call, Planned::default()).await.unwrap_err();
        assert_eq!((fault.class(), fault.category()), (FaultClass::Object, Category::DisplayNameTaken));
        assert!(fault.to_string().contains("com.openexchange.user.enforceUniqueDisplayName"));
    }
}

#[test]
fn rule_04_what_ox_refuses_when_empty_is_left_out() {
    let fixed = [
        Attribute::LANGUAGE,
        Attribute::TIMEZONE,
        Attribute::NAME,
        Attribute::PRIMARY_EMAIL,
        Attribute::EMAIL1,
        Attribute::DEFAULT_SENDER_ADDRESS,
        Attribute::PASSWORD,
        Attribute::IMAP_SERVER,
    ];
    for attribute in fixed {
        let request = change(&texts(&[(attribute, ""), (Attribute::COMPANY, "")])).unwrap();
        assert!(!request.contains(&format!("<d:{}>", attribute.soap_name())), "{attribute}");
        assert!(request.contains("<d:company></d:company>"), "other texts are emptied");
    }
    let no_date: UserFields = [(Attribute::BIRTHDAY, FieldValue::Date(String::new()))].into();
    assert!(!change(&no_date).unwrap().contains("birthday"));
    let no_alias: UserFields = [(Attribute::ALIASES, FieldValue::Texts(Vec::new()))].into();
    assert!(change(&no_alias).unwrap().contains("<d:aliases></d:aliases>"), "the empty set has to be said");
}

#[test]
fn rule_05_what_is_too_long_is_refused_by_the_name_of_the_attribute() {
    let umlauts = "ä".repeat(64);
    assert!(change(&texts(&[(Attribute::TITLE, &umlauts)])).is_ok(), "characters count, not bytes");
    let fields = texts(&[(Attribute::TITLE, &format!("{umlauts}x"))]);
    assert_eq!(change(&fields), Err(Problem::TooLong(64)));
    let change = user::Change { context: CONTEXT, user: UserId(3), fields: &fields, secret: None };
    let refusal = encode(&change, &admin()).unwrap_err();
    assert_eq!(refusal.field, "title");
    assert!(refusal.to_string().contains("64") && !refusal.to_string().contains('ä'));
    let long: UserFields = [(Attribute::ALIASES, FieldValue::Texts(vec!["a".repeat(256)]))].into();
    assert_eq!(self::change(&long), Err(Problem::TooLong(255)));
}

#[test]
fn rule_06_all_flags_are_sent_and_nobody_may_edit_public_folders_as_an_administrator() {
    let rights: Rights = Flag::all().collect();
    let (context, user) = (CONTEXT, UserId(3));
    let requests = [
        encode(&user::ChangeRights { context, user, rights }, &admin()),
        encode(&context::ChangeRights { context, rights }, &master()),
    ];
    for request in requests {
        let request = String::from_utf8(request.unwrap()).unwrap();
        for flag in Flag::all() {
            let expected = flag != Flag::PublicFolderEditable;
            assert_eq!(elements(&request, flag.soap_name()), [expected.to_string()]);
        }
    }
}

#[tokio::test]
async fn rule_10_the_administrator_of_the_context_is_used_where_he_may() {
    let (wire, ox) = ox(|seen| match seen.service() {
        "OXContextService" => Step::Answer(returns("getData", "<id>10</id><name>school</name>")),
        _ => Step::Answer(success(r#"<listAllResponse xmlns="http://soap.admin.openexchange.com"/>"#)),
    })
    .await;
    ox.observe(&Query::Context { context: CONTEXT }).await.unwrap();
    ox.client()
        .call(&oxherd::ox::soap::group::ListAll { context: CONTEXT }, &ox.admin(CONTEXT).unwrap())
        .await
        .unwrap();
    assert!(wire.seen().iter().all(|seen| seen.body.contains("<r:login>oxadmin</r:login>")));
}

#[tokio::test]
async fn rule_10_the_master_is_asked_when_the_administrator_is_unknown_or_refused() {
    let (wire, ox) = ox(|seen| {
        if seen.body.contains("oxadminmaster") {
            Step::Answer(returns("getData", "<id>10</id><name>school</name>"))
        } else {
            fault("InvalidCredentialsException", "Authentication failed")
        }
    })
    .await;
    ox.observe(&Query::Context { context: CONTEXT }).await.unwrap();
    ox.observe(&Query::Context { context: ContextId(11) }).await.unwrap();
    assert_eq!(wire.seen().len(), 3);
}

#[tokio::test]
async fn rule_11_members_come_and_go_one_by_one() {
    let (wire, ox) = ox(|_| Step::Answer(success(""))).await;
    let (context, group, members) = (CONTEXT, GroupId(7), vec![UserRef::Id(UserId(3)), UserRef::Planned]);
    ox.execute(&Call::GroupAdd { context, group, members: members.clone() }, PLANNED).await.unwrap();
    ox.execute(&Call::GroupRemove { context, group, members }, PLANNED).await.unwrap();
    assert_eq!(wire.operations(), ["addMember", "removeMember"]);
    assert!(wire.seen()[0].body.contains("<s:members><d:id>3</d:id></s:members><s:members><d:id>4</d:id></s:members>"));
}

#[tokio::test]
async fn rule_12_a_held_lock_is_busy_and_not_an_outage() {
    let text = "User update conflict: Another process is currently modifying user data. Please try again later.";
    let (_wire, ox) = ox(move |_| fault("StorageException", text)).await;
    let call = Call::UserDelete { context: CONTEXT, user: UserId(3) };
    let class = ox.execute(&call, PLANNED).await.unwrap_err().class();
    assert!(matches!(class, FaultClass::Blocked { pace: Pace::Soon, .. }), "{class:?}");
}

#[tokio::test]
async fn rule_13_a_connection_that_closes_after_a_fault_is_no_outage() {
    let (wire, ox) = ox(|_| fault("NoSuchUserException", "No such user 3 in context 10")).await;
    let call = Call::UserDelete { context: CONTEXT, user: UserId(3) };
    for _ in 0..20 {
        assert_eq!(ox.execute(&call, PLANNED).await.unwrap_err().class(), FaultClass::Object);
    }
    assert_eq!(wire.seen().len(), 20);
}

/// One `return` for each of these users.
fn user_list(operation: &str, ids: impl Iterator<Item = u32>) -> Vec<u8> {
    let users: Vec<String> = ids.map(|id| format!("<n:return><id>{id}</id><name>u{id}</name></n:return>")).collect();
    let users = users.concat();
    success(&format!(
        r#"<n:{operation}Response xmlns="http://dataobjects.soap.admin.openexchange.com/xsd" xmlns:n="http://soap.admin.openexchange.com">{users}</n:{operation}Response>"#
    ))
}

#[tokio::test]
async fn rule_14_users_are_read_in_chunks() {
    let wire = Wire::start(|seen| {
        let asked =
            seen.body.split("<s:users><d:id>").skip(1).map(|rest| rest.split('<').next().unwrap().parse().unwrap());
        Step::Answer(user_list("getMultipleData", asked))
    })
    .await;
    let (client, login) = (wire.client(), admin());
    let mut users = client.users(CONTEXT, &login, (1..=250).map(UserId).collect(), 100);
    let mut found = BTreeSet::new();
    while let Some(user) = users.next().await.unwrap() {
        found.insert(user.id);
    }
    assert_eq!(found, (1..=250).map(UserId).collect());
    assert_eq!(wire.seen().len(), 3);
}

#[tokio::test]
async fn rule_14_a_user_that_went_away_does_not_spoil_its_chunk() {
    let wire = Wire::start(|seen| match seen.operation() {
        "getData" if !seen.body.contains("<s:user><d:id>2<") => {
            let id = if seen.body.contains("<s:user><d:id>1<") { "<id>1</id>" } else { "<id>3</id>" };
            Step::Answer(returns("getData", id))
        }
        _ => fault("NoSuchUserException", "No such user 2 in context 10"),
    })
    .await;
    let (client, login) = (wire.client(), admin());
    let mut users = client.users(CONTEXT, &login, (1..=3).map(UserId).collect(), 100);
    let mut found = Vec::new();
    while let Some(user) = users.next().await.unwrap() {
        found.push(user.id);
    }
    assert_eq!(found, [UserId(1), UserId(3)]);
}

#[tokio::test]
async fn rule_14_numbers_come_in_pages_and_at_once_from_an_old_server() {
    let wire = Wire::start(|seen| {
        let offset: u32 = seen.body.split("<s:offset>").nth(1).unwrap().split('<').next().unwrap().parse().unwrap();
        Step::Answer(user_list("list", (2..=7).skip(offset as usize).take(4)))
    })
    .await;
    let ids = wire.client().user_ids(CONTEXT, &admin(), 4).await.unwrap();
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), users(&[2, 3, 4, 5, 6, 7]));

    let old = Wire::start(|seen| match seen.operation() {
        "list" => fault(
            "",
            "Unmarshalling Error: unexpected element (uri:\"http://soap\", local:\"length\"). Expected elements are x",
        ),
        _ => Step::Answer(user_list("listAll", 2..=3)),
    })
    .await;
    assert_eq!(old.client().user_ids(CONTEXT, &admin(), 4).await.unwrap(), [UserId(2), UserId(3)]);
}

#[tokio::test]
async fn rule_16_a_new_context_is_read_with_its_administrator() {
    let (wire, ox) = ox(|seen| match seen.operation() {
        "create" => Step::Answer(returns("create", "<id>10</id>")),
        _ => fault("InvalidCredentialsException", "Authentication failed"),
    })
    .await;
    let call = Call::ContextCreate {
        context: CONTEXT,
        name: "school".to_owned(),
        quota: -1,
        mappings: Vec::new(),
        admin: samples::context_admin(),
    };
    let fault = ox.execute(&call, PLANNED).await.unwrap_err();
    assert_eq!(fault.category(), Category::ContextBroken);
    assert!(fault.to_string().contains("delete it in OX"));
    assert_eq!(wire.operations(), ["create", "getData"]);
}

#[tokio::test]
async fn rule_17_a_picture_that_ox_cannot_read_is_an_object_error() {
    let picture = |base64: Option<&str>| {
        let (media_type, fingerprint) = ("image/jpeg".to_owned(), String::new());
        let picture = Picture { media_type, fingerprint, sent: None, base64: base64.map(str::to_owned) };
        UserFields::from([(Attribute::IMAGE1, FieldValue::Picture(picture))])
    };
    let request = change(&picture(Some("AAAA"))).unwrap();
    assert!(request.contains("<d:image1>AAAA</d:image1><d:image1ContentType>image/jpeg</d:image1ContentType>"));
    assert_eq!(change(&picture(None)), Err(Problem::WithoutData));
    let text =
        "com.openexchange.imagetransformation.NoSuchImageReader: No image reader available for format image/jpeg";
    let (_wire, ox) = ox(move |_| fault("StorageException", text)).await;
    let call = Call::UserChange { context: CONTEXT, user: UserRef::Planned, fields: picture(Some("AAAA")) };
    let fault = ox.execute(&call, PLANNED).await.unwrap_err();
    assert_eq!((fault.class(), fault.category()), (FaultClass::Object, Category::InvalidPicture));
}
