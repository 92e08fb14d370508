//! The executor: whose credentials, in which order, and what a refusal means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use oxherd::engine::{FaultClass, TargetFault};
use oxherd::ox::attribute::Attribute;
use oxherd::ox::execute::{Executor, Planned, Response, Vault, VaultError};
use oxherd::ox::model::{
    Call, ContextId, Effect, Fact, GroupId, Guests, Query, ResourceId, SharedAccountId, UserId, UserRef,
};
use oxherd::ox::rights::Rights;
use oxherd::ox::soap::{Category, Credentials, Master};
use oxherd::state::Handle;
use secrecy::ExposeSecret;

use super::samples::{CONTEXT, anna, context_admin, room, texts, users};
use super::wire::{Seen, Step, Wire, fault, http, returns, success};

/// Credentials in memory; counts what was asked of it.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<ContextId, Credentials>>);

impl Memory {
    fn with_admin() -> Arc<Self> {
        let memory = Self::default();
        memory.0.lock().unwrap().insert(CONTEXT, Credentials::new("oxadmin", "ctx-secret"));
        Arc::new(memory)
    }

    fn password(&self) -> Option<String> {
        self.0.lock().unwrap().get(&CONTEXT).map(|known| known.password.expose_secret().to_owned())
    }
}

impl Vault for Memory {
    fn context_admin(&self, context: ContextId) -> Option<Credentials> {
        self.0.lock().unwrap().get(&context).cloned()
    }

    async fn store_context_admin(&self, context: ContextId, credentials: &Credentials) -> Result<(), VaultError> {
        self.0.lock().unwrap().insert(context, credentials.clone());
        Ok(())
    }

    async fn remove_context_admin(&self, context: ContextId) -> Result<(), VaultError> {
        self.0.lock().unwrap().remove(&context);
        Ok(())
    }
}

type Ox = Executor<Arc<Memory>>;

fn master() -> Arc<Master> {
    Arc::new(Master::new(Credentials::new("oxadminmaster", "secret")))
}

async fn ox(vault: &Arc<Memory>, decide: impl Fn(&Seen) -> Step + Send + Sync + 'static) -> (Wire, Ox) {
    let wire = Wire::start(decide).await;
    let executor = Executor::new(wire.client(), master(), Arc::clone(vault));
    (wire, executor)
}

/// Executes a call against a server that refuses it so, and reacts.
async fn reaction(call: Call, detail: &'static str, text: &'static str) -> Response {
    let (_wire, ox) = ox(&Memory::with_admin(), move |_| fault(detail, text)).await;
    let planned = Planned { user: Some(UserId(3)), shared: Some(SharedAccountId(9)) };
    match ox.execute(&call, planned).await {
        Ok(_) => Response::Done,
        Err(fault) => Ox::react(&call, &fault, planned),
    }
}

fn create_context() -> Call {
    Call::ContextCreate {
        context: CONTEXT,
        name: "school".to_owned(),
        quota: -1,
        mappings: vec!["school.example".to_owned()],
        admin: context_admin(),
    }
}

fn create_user() -> Call {
    Call::UserCreate { context: CONTEXT, fields: anna(), rights: Some(Rights::NONE), guests: Guests::Refuse }
}

fn change_user() -> Call {
    let fields = texts(&[(Attribute::COMPANY, "Muster")]);
    Call::UserChange { context: CONTEXT, user: UserRef::Planned, fields }
}

#[tokio::test]
async fn a_context_gets_a_password_that_is_stored_before_ox_hears_of_it() {
    let vault = Arc::new(Memory::default());
    let seen_by_server = Arc::clone(&vault);
    let (wire, ox) = ox(&vault, move |seen| {
        let stored = seen_by_server.password().expect("stored before the call");
        assert!(seen.body.contains(&format!("password>{stored}</")), "the stored one is used");
        match seen.operation() {
            "create" => Step::Answer(returns("create", "<id>10</id>")),
            _ => Step::Answer(returns("getData", "<id>10</id><name>school</name>")),
        }
    })
    .await;
    assert_eq!(ox.execute(&create_context(), Planned::default()).await.unwrap(), Effect::Done);
    assert_eq!(wire.operations(), ["create", "getData"], "read once with its administrator");
    assert_eq!(vault.password().unwrap().len(), 64);
    assert!(wire.seen()[0].body.contains("<r:login>oxadminmaster</r:login>"));
    assert!(wire.seen()[1].body.contains("<r:login>oxadmin</r:login>"));
}

#[tokio::test]
async fn a_password_from_before_a_crash_is_used_again() {
    let vault = Memory::with_admin();
    let (wire, ox) = ox(&vault, |_| fault("ContextExistsException", "Context 10 already exists!")).await;
    let refused = ox.execute(&create_context(), Planned::default()).await.unwrap_err();
    assert!(wire.seen()[0].body.contains("<d:password>ctx-secret</d:password>"));
    assert_eq!(vault.password().as_deref(), Some("ctx-secret"));
    let asked = Ox::react(&create_context(), &refused, Planned::default());
    assert_eq!(asked, Response::Ask(Query::Context { context: CONTEXT }));
}

#[tokio::test]
async fn a_context_of_somebody_else_leaves_no_credentials() {
    let vault = Arc::new(Memory::default());
    let (_wire, ox) = ox(&vault, |_| fault("ContextExistsException", "Context 10 already exists!")).await;
    assert!(ox.execute(&create_context(), Planned::default()).await.is_err());
    assert_eq!(vault.password(), None);
}

#[tokio::test]
async fn a_lost_answer_keeps_the_credentials() {
    let vault = Arc::new(Memory::default());
    let (wire, ox) = ox(&vault, |_| Step::Close).await;
    let fault = ox.execute(&create_context(), Planned::default()).await.unwrap_err();
    assert_eq!(fault.class(), FaultClass::World);
    assert!(vault.password().is_some());
    assert_eq!(wire.operations(), ["create"]);
}

#[tokio::test]
async fn a_taken_name_is_not_a_taken_number() {
    let answer = reaction(create_context(), "ContextExistsException", "Context school already exists!").await;
    assert_eq!(answer, Response::Fail);
}

#[tokio::test]
async fn a_broken_context_says_so() {
    let (_wire, ox) = ox(&Memory::with_admin(), |seen| match seen.operation() {
        "create" => Step::Answer(returns("create", "<id>10</id>")),
        _ => fault("InvalidCredentialsException", "Authentication failed"),
    })
    .await;
    let fault = ox.execute(&create_context(), Planned::default()).await.unwrap_err();
    assert_eq!((fault.class(), fault.category()), (FaultClass::Object, Category::ContextBroken));
}

#[tokio::test]
async fn a_deleted_context_settles_before_it_is_made_again() {
    let vault = Memory::with_admin();
    let (wire, ox) = ox(&vault, |seen| match seen.operation() {
        "delete" => Step::Answer(success("")),
        "create" => Step::Answer(returns("create", "<id>10</id>")),
        _ => Step::Answer(returns("getData", "<id>10</id><name>school</name>")),
    })
    .await;
    let ox = ox.with_settling_time(Duration::from_millis(300));
    ox.execute(&Call::ContextDelete { context: CONTEXT }, Planned::default()).await.unwrap();
    assert_eq!(vault.password(), None, "the credentials go with the context");
    let started = Instant::now();
    ox.execute(&create_context(), Planned::default()).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(250));
    assert_eq!(wire.operations(), ["delete", "create", "getData"]);
}

#[tokio::test]
async fn deleting_a_context_that_is_gone_is_done() {
    let vault = Memory::with_admin();
    let (_wire, ox) = ox(&vault, |_| fault("NoSuchContextException", "Context 10 does not exist")).await;
    let call = Call::ContextDelete { context: CONTEXT };
    assert_eq!(ox.execute(&call, Planned::default()).await.unwrap(), Effect::Done);
    assert_eq!(vault.password(), None);
}

#[tokio::test]
async fn a_context_without_credentials_is_a_dependency() {
    let (wire, ox) = ox(&Arc::new(Memory::default()), |_| Step::Close).await;
    let fault = ox.execute(&create_user(), Planned::default()).await.unwrap_err();
    assert_eq!(fault.class(), FaultClass::Dependency(Handle::new("context", 10)));
    assert_eq!(fault.category(), Category::NoCredentials);
    assert!(fault.to_string().contains("context 10"));
    assert!(wire.seen().is_empty());
}

#[tokio::test]
async fn a_rotated_master_is_used_without_restart() {
    let wire = Wire::start(|_| Step::Answer(returns("exists", "false"))).await;
    let master = master();
    let ox = Executor::new(wire.client(), Arc::clone(&master), Memory::with_admin());
    ox.probe().await.unwrap();
    master.replace(Credentials::new("oxadminmaster", "rotated"));
    ox.probe().await.unwrap();
    let bodies: Vec<String> = wire.seen().into_iter().map(|seen| seen.body).collect();
    assert!(bodies[0].contains("<r:password>secret<") && bodies[1].contains("<r:password>rotated<"));
}

#[tokio::test]
async fn a_user_gets_a_random_password_in_one_call_with_his_rights() {
    let (wire, ox) = ox(&Memory::with_admin(), |_| Step::Answer(returns("createByModuleAccess", "<id>5</id>"))).await;
    for _ in 0..2 {
        assert_eq!(ox.execute(&create_user(), Planned::default()).await.unwrap(), Effect::Created(5));
    }
    let password = |body: &str| body.split("<d:password>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let seen = wire.seen();
    assert_eq!(password(&seen[0].body).len(), 64);
    assert_ne!(password(&seen[0].body), password(&seen[1].body));
}

#[tokio::test]
async fn a_guest_is_converted_by_a_plain_create() {
    let (wire, ox) = ox(&Memory::with_admin(), |_| Step::Answer(returns("create", "<id>5</id>"))).await;
    let call =
        Call::UserCreate { context: CONTEXT, fields: anna(), rights: Some(Rights::NONE), guests: Guests::Convert };
    assert_eq!(ox.execute(&call, Planned::default()).await.unwrap(), Effect::Created(5));
    let body = &wire.seen()[0].body;
    assert!(body.contains("<s:convertguest>true</s:convertguest>") && !body.contains("<s:access>"));
}

#[tokio::test]
async fn a_plan_that_refers_to_nothing_is_a_mistake() {
    let (wire, ox) = ox(&Memory::with_admin(), |_| Step::Close).await;
    let fault = ox.execute(&change_user(), Planned::default()).await.unwrap_err();
    assert_eq!(fault.class(), FaultClass::Protocol);
    assert!(wire.seen().is_empty());
}

#[tokio::test]
async fn reactions_to_refused_users() {
    let (data, storage, gone) = ("InvalidDataException", "StorageException", "NoSuchUserException");
    let context = CONTEXT;
    let named = Query::UserNamed { context, name: "anna".to_owned() };
    let exists = "User anna already exists in this context";
    assert_eq!(reaction(create_user(), data, exists).await, Response::Ask(named.clone()));
    let text = "Primary mail address \"a@x\" already exists in context 10 (Already assigned to user 4).";
    assert_eq!(reaction(create_user(), data, text).await, Response::Learn(Fact::MailTaken { context }));
    assert_eq!(reaction(create_user(), data, "The displayname is already used").await, Response::Fail);

    let user = UserId(3);
    let text = "No such user 3 in context 10";
    let learned = Response::Learn(Fact::UserGone { context, user });
    assert_eq!(reaction(change_user(), gone, text).await, learned);
    let rights = Call::UserRights { context, user: UserRef::Id(user), rights: Rights::NONE };
    assert_eq!(reaction(rights, gone, text).await, learned);
    let personal = Call::UserPersonal { context, user: UserRef::Planned, personal: String::new() };
    assert_eq!(reaction(personal, gone, text).await, learned);
    assert_eq!(
        reaction(Call::UserDelete { context, user }, gone, "No such user(s) 3 in context 10").await,
        Response::Done
    );
    assert_eq!(reaction(change_user(), gone, "No such user oxadmin in context 10").await, Response::Fail);
    let text = "Quota cannot be changed for user 3 in context 10 since that user has no file storage set.";
    assert_eq!(reaction(change_user(), storage, text).await, Response::Learn(Fact::QuotaFixed { context }));
    let text = "primaryMail, Email1 and defaultSenderAddress must be present in set of aliases.";
    assert_eq!(reaction(change_user(), data, text).await, Response::Learn(Fact::SenderUnknown { context, user }));

    let to = ContextId(11);
    let copy = || Call::UserCopy { user, name: "anna".to_owned(), from: context, to };
    let there = Response::Ask(Query::UserNamed { context: to, name: "anna".to_owned() });
    assert_eq!(reaction(copy(), "UserExistsException", "User anna already exists in context 11").await, there);
    let text = "UCP-0011 Categories=USER_INPUT Message='A user named anna already exists in destination context 11.'";
    assert_eq!(reaction(copy(), storage, text).await, there);
}

#[tokio::test]
async fn a_missing_copy_service_is_learned() {
    let page = "<html><body>No service was found.</body></html>";
    let (_wire, ox) = ox(&Memory::with_admin(), |_| Step::Answer(http("404 Not Found", "text/html", "", page))).await;
    let call = Call::UserCopy { user: UserId(3), name: "anna".to_owned(), from: CONTEXT, to: ContextId(11) };
    let fault = ox.execute(&call, Planned::default()).await.unwrap_err();
    assert_eq!(fault.class(), FaultClass::Object);
    assert_eq!(Ox::react(&call, &fault, Planned::default()), Response::Learn(Fact::CopyUnavailable));
}

#[tokio::test]
async fn reactions_to_refused_groups_and_resources() {
    let (data, context, group, resource) = ("InvalidDataException", CONTEXT, GroupId(7), ResourceId(8));
    let (name, display_name, members) = ("class".to_owned(), "Class".to_owned(), users(&[3]));
    let create = Call::GroupCreate { context, name: name.clone(), display_name, members: members.clone() };
    let asked = Response::Ask(Query::GroupNamed { context, name: name.clone() });
    assert_eq!(reaction(create, data, "Group already exists!").await, asked);
    let change = || Call::GroupChange {
        context,
        group,
        name: "class".to_owned(),
        display_name: "Class".to_owned(),
        members: users(&[3]),
    };
    let gone = Response::Learn(Fact::GroupGone { context, group });
    assert_eq!(reaction(change(), "NoSuchGroupException", "No such group").await, gone);
    assert_eq!(reaction(change(), "NoSuchUserException", "No such user").await, Response::Fail);
    let add = || Call::GroupAdd { context, group, members: vec![UserRef::Planned] };
    let remove = || Call::GroupRemove { context, group, members: vec![UserRef::Planned] };
    let differ = Response::Learn(Fact::MembersDiffer { context, group });
    assert_eq!(reaction(add(), data, "Member already exists in group").await, differ);
    assert_eq!(reaction(add(), "NoSuchUserException", "No such user").await, differ);
    assert_eq!(reaction(remove(), "NoSuchUserException", "No such user").await, differ);
    assert_eq!(reaction(remove(), "NoSuchGroupException", "No such group").await, gone);
    let delete = Call::GroupDelete { context, group };
    assert_eq!(reaction(delete, "NoSuchGroupException", "No such group").await, Response::Done);

    let create = || Call::ResourceCreate { context, fields: room() };
    let asked = Response::Ask(Query::ResourceNamed { context, name: "room-101".to_owned() });
    assert_eq!(reaction(create(), data, "Resource room-101 already exists in this context").await, asked);
    assert_eq!(reaction(create(), data, "Resource with this email address already exists").await, Response::Fail);
    let missing = "Resource with this id does not exist";
    let change = Call::ResourceChange { context, resource, fields: room() };
    let gone = Response::Learn(Fact::ResourceGone { context, resource });
    assert_eq!(reaction(change, "NoSuchResourceException", missing).await, gone);
    let delete = Call::ResourceDelete { context, resource };
    assert_eq!(reaction(delete, "NoSuchResourceException", missing).await, Response::Done);
}

#[tokio::test]
async fn reactions_to_refused_contexts_accounts_and_deputies() {
    let context = CONTEXT;
    let change = Call::ContextChange { context, name: None, quota: Some(1), mappings: None };
    let gone = Response::Learn(Fact::ContextGone { context });
    assert_eq!(reaction(change, "NoSuchContextException", "Context 10 does not exist").await, gone);

    let address = || "office@example.org".to_owned();
    let create = Call::AccountCreate {
        context,
        address: address(),
        name: "Office".to_owned(),
        personal: None,
        login: "office".to_owned(),
        users: users(&[3]),
    };
    let asked = Response::Ask(Query::Accounts { context, address: address() });
    let text = "ACC-0017 Categories=USER_INPUT Message='Duplicate mail account for user 3 in context 10.'";
    assert_eq!(reaction(create, "StorageException", text).await, asked);

    let account = SharedAccountId(9);
    let delete = Call::SharedDelete { context, account, name: "office".to_owned() };
    assert_eq!(reaction(delete, "NoSuchSharedAccountException", "No such shared account 9").await, Response::Done);
    let set = Call::SharedPermissions { context, account: None, permissions: Vec::new() };
    let gone = Response::Learn(Fact::SharedGone { context, account });
    assert_eq!(reaction(set, "NoSuchSharedAccountException", "No such shared account 9").await, gone);
    let convert = Call::SharedConvert { context, user: UserId(3) };
    let gone = Response::Learn(Fact::UserGone { context, user: UserId(3) });
    assert_eq!(reaction(convert, "NoSuchUserException", "No such user 3 in context 10").await, gone);

    let revoke = Call::DeputyRevoke { context, grantor: UserRef::Planned, grant: "g".to_owned(), deputy: UserId(4) };
    let asked = Response::Ask(Query::Deputies { context, grantor: UserId(3) });
    assert_eq!(reaction(revoke, "InvalidDataException2", "No such deputy permission").await, asked);
    let all = Call::DeputyRevokeAll { context, grantor: UserRef::Planned };
    assert_eq!(reaction(all, "", "No such deputy permission").await, Response::Done);
}

#[tokio::test]
async fn what_is_not_there_is_an_answer() {
    let (_wire, ox) = ox(&Memory::with_admin(), |seen| match seen.service() {
        "OXUserService" => fault("NoSuchUserException", "No such user x in context 10"),
        "OXGroupService" => fault("NoSuchGroupException", "No such group"),
        "OXResourceService" => fault("NoSuchResourceException", "No such resource"),
        "OXSharedAccountService" => fault("SomeException", "No such shared account"),
        "OXContextService" => fault("NoSuchContextException", "Context 10 does not exist"),
        _ => Step::Answer(success(r#"<listResponse xmlns="http://soap.admin.openexchange.com"/>"#)),
    })
    .await;
    let (context, name) = (CONTEXT, || "x".to_owned());
    let facts = [
        (Query::Context { context }, Fact::Context { context, found: None }),
        (Query::UserNamed { context, name: name() }, Fact::UserNamed { context, name: name(), found: None }),
        (Query::UserById { context, user: UserId(3) }, Fact::UserById { context, user: UserId(3), found: None }),
        (Query::GroupNamed { context, name: name() }, Fact::GroupNamed { context, name: name(), found: None }),
        (Query::ResourceNamed { context, name: name() }, Fact::ResourceNamed { context, name: name(), found: None }),
        (Query::SharedNamed { context, name: name() }, Fact::SharedNamed { context, name: name(), found: None }),
        (Query::Accounts { context, address: name() }, Fact::Accounts { context, address: name(), found: Vec::new() }),
        (
            Query::Deputies { context, grantor: UserId(3) },
            Fact::Deputies { context, grantor: UserId(3), found: BTreeMap::new() },
        ),
    ];
    for (query, expected) in facts {
        assert_eq!(ox.observe(&query).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_update_that_found_nothing_asks_what_is_there() {
    let (_wire, ox) = ox(&Memory::with_admin(), |_| Step::Answer(returns("update", "false"))).await;
    let call = Call::AccountUpdate {
        context: CONTEXT,
        address: "office@example.org".to_owned(),
        name: "Office".to_owned(),
        personal: None,
        login: "office".to_owned(),
        users: users(&[3]),
    };
    let fault = ox.execute(&call, Planned::default()).await.unwrap_err();
    let asked = Query::Accounts { context: CONTEXT, address: "office@example.org".to_owned() };
    assert_eq!(Ox::react(&call, &fault, Planned::default()), Response::Ask(asked));
}

#[tokio::test]
async fn nobody_is_no_call() {
    let (wire, ox) = ox(&Memory::with_admin(), |_| Step::Close).await;
    let call = Call::AccountDelete { context: CONTEXT, address: "a@x".to_owned(), users: BTreeSet::new() };
    assert_eq!(ox.execute(&call, Planned::default()).await.unwrap(), Effect::Done);
    let call = Call::GroupAdd { context: CONTEXT, group: GroupId(7), members: Vec::new() };
    assert_eq!(ox.execute(&call, Planned::default()).await.unwrap(), Effect::Done);
    assert!(wire.seen().is_empty());
}
