//! What the recordings cannot show: lock, counters, ordered faults, outages, persistence, later parts of the interface.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod simulator_support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use oxherd::simulator::ox::{FaultAction, FaultRule, OxOptions, OxSimulator};
use serde_json::{Value, json};
use simulator_support::http::{Connection, Response};
use simulator_support::soap::{ADMIN, MASTER, call, call_on, create_context, create_user, ctx, user};

async fn start(options: OxOptions) -> (OxSimulator, SocketAddr) {
    let simulator = OxSimulator::start(options).await.unwrap();
    let address = simulator.address();
    (simulator, address)
}

/// A simulator with context 10.
async fn school(options: OxOptions) -> (OxSimulator, SocketAddr) {
    let (simulator, address) = start(options).await;
    create_context(address, 10).await;
    (simulator, address)
}

async fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> Response {
    let length = body.len().to_string();
    let mut connection = Connection::open(address).await;
    connection.exchange(method, path, &[("Host", "x"), ("Content-Length", &length)], body.as_bytes()).await.unwrap()
}

async fn control(address: SocketAddr, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let response = http(address, method, &format!("/__control/{path}"), &body).await;
    serde_json::from_slice(&response.body).unwrap()
}

async fn exists(address: SocketAddr, name: &str) -> Result<bool, String> {
    let children = format!("{}<s:user><d:name>{name}</d:name></s:user>{ADMIN}", ctx(10));
    Ok(call(address, "OXUserService", "exists", &children).await?.text_of("return") == Some("true"))
}

#[tokio::test]
async fn two_writers_of_one_context_wait_for_each_other_and_others_do_not() {
    let mut options = OxOptions { lock_wait_factor: 0.5, ..OxOptions::default() };
    options.latency.user_writes = 30;
    let (simulator, address) = school(options).await;
    create_context(address, 11).await;
    simulator.control().reset_counters();

    let start = Instant::now();
    let (one, other) = tokio::join!(create_user(address, 10, "anna"), create_user(address, 11, "bert"));
    assert!(one.is_ok() && other.is_ok());
    assert!(start.elapsed() < Duration::from_millis(450), "different contexts go side by side");

    let start = Instant::now();
    let (one, other) = tokio::join!(create_user(address, 10, "cora"), create_user(address, 10, "dora"));
    assert!(one.is_ok() && other.is_ok());
    assert!(start.elapsed() >= Duration::from_millis(500), "the second one sleeps a second (scaled)");
    let counters = simulator.control().counters();
    assert_eq!(counters.max_concurrent_user_writes[&10], 2);
    assert_eq!(counters.max_concurrent_user_writes[&11], 1);
    assert_eq!(counters.calls("OXUserService.create"), 4);

    simulator.control().change_options(|options| options.user_write_lock = false);
    let start = Instant::now();
    let (one, other) = tokio::join!(create_user(address, 10, "emil"), create_user(address, 10, "fritz"));
    assert!(one.is_ok() && other.is_ok());
    assert!(start.elapsed() < Duration::from_millis(450), "without the lock nobody waits");
}

#[tokio::test]
async fn groups_do_not_take_the_lock_and_a_conflict_is_a_storage_exception() {
    let (simulator, address) = school(OxOptions { lock_wait_factor: 0.002, ..OxOptions::default() }).await;
    // A dead holder for longer than all tries together.
    simulator.control().change_options(|options| options.lock_wait_factor = 1.0);
    assert!(simulator.control().abandon_user_lock(10));
    simulator.control().change_options(|options| options.lock_wait_factor = 0.002);
    let fault = create_user(address, 10, "anna").await.unwrap_err();
    assert!(fault.starts_with("User update conflict: Another process"), "{fault}");
    let group = format!("{}<s:grp><d:displayname>7a</d:displayname><d:name>7a</d:name></s:grp>{ADMIN}", ctx(10));
    assert!(call(address, "OXGroupService", "create", &group).await.is_ok());
}

#[tokio::test]
async fn calls_are_counted_by_operation_and_outcome() {
    let (simulator, address) = school(OxOptions::default()).await;
    simulator.control().reset_counters();
    create_user(address, 10, "anna").await.unwrap();
    create_user(address, 10, "anna").await.unwrap_err();
    exists(address, "anna").await.unwrap();
    let counters = simulator.control().counters();
    assert_eq!(counters.total, 3);
    assert_eq!(counters.connections, 3);
    assert_eq!(counters.outcomes("OXUserService.create", "ok"), 1);
    assert_eq!(counters.outcomes("OXUserService.create", "InvalidDataException"), 1);
    let create = &counters.operations["OXUserService.create"];
    assert_eq!(create.bytes_in, 2 * create.largest_request);

    let json = control(address, "GET", "counters", Value::Null).await;
    assert_eq!(json["operations"]["OXUserService.create"]["outcomes"]["ok"], 1);
    control(address, "POST", "reset-counters", Value::Null).await;
    assert_eq!(simulator.control().counters().total, 0);
}

#[tokio::test]
async fn ordered_faults_hit_the_calls_they_are_meant_for() {
    let (simulator, address) = school(OxOptions::default()).await;
    let control = simulator.control();
    let order = |action: FaultAction| {
        control.add_fault(FaultRule::always(action).on("OXUserService", "create").in_context(10).times(1))
    };
    let children = format!("{}<s:usrdata>{}</s:usrdata>{ADMIN}", ctx(10), user("anna"));

    order(FaultAction::ResetBefore);
    let mut connection = Connection::open(address).await;
    assert!(call_on(&mut connection, "OXUserService", "create", &children).await.is_err());
    assert!(!exists(address, "anna").await.unwrap(), "reset before: nothing has happened");

    order(FaultAction::ResetAfter);
    let mut connection = Connection::open(address).await;
    assert!(call_on(&mut connection, "OXUserService", "create", &children).await.is_err());
    assert!(exists(address, "anna").await.unwrap(), "reset after: the user is there");

    order(FaultAction::Unavailable);
    assert_eq!(create_user(address, 10, "bert").await, Err("503".to_owned()));
    let text = "Database is locked or is now being updated, please try again later".to_owned();
    order(FaultAction::SoapFault { name: "DatabaseUpdateException".to_owned(), text: text.clone() });
    assert_eq!(create_user(address, 10, "bert").await, Err(text));
    order(FaultAction::WrongCredentials);
    assert_eq!(create_user(address, 10, "bert").await, Err("Authentication failed".to_owned()));
    order(FaultAction::Delay { milliseconds: 60 });
    let start = Instant::now();
    assert!(create_user(address, 10, "bert").await.is_ok());
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert!(create_user(address, 10, "cora").await.is_ok(), "all orders are used up");
    let counters = control.counters();
    assert_eq!(counters.outcomes("OXUserService.create", "reset"), 2);
    assert_eq!(counters.outcomes("OXUserService.create", "503"), 1);
    assert_eq!(counters.outcomes("OXUserService.create", "DatabaseUpdateException"), 1);
}

#[tokio::test]
async fn faults_can_be_ordered_over_http() {
    let (_simulator, address) = school(OxOptions::default()).await;
    let rule = json!({
        "service": "OXUserService",
        "operation": "exists",
        "count": 2,
        "action": {"kind": "soap-fault", "name": "StorageException", "text": "no"}
    });
    let answer = control(address, "POST", "faults", rule.clone()).await;
    assert_eq!(answer, json!({"ids": [1]}));
    let faults = control(address, "GET", "faults", Value::Null).await;
    assert_eq!(faults[0]["fault"]["action"], rule["action"]);
    assert_eq!(exists(address, "anna").await, Err("no".to_owned()));
    control(address, "DELETE", "faults", Value::Null).await;
    assert_eq!(exists(address, "anna").await, Ok(false));
    let wrong = control(address, "POST", "faults", json!({"action": {"kind": "no-such-fault"}})).await;
    assert!(wrong["error"].is_string());
}

#[tokio::test]
async fn an_outage_resets_calls_and_the_world_outlives_a_stop() {
    let (mut simulator, address) = school(OxOptions::default()).await;
    control(address, "POST", "faults", json!({"action": {"kind": "outage", "seconds": 60}})).await;
    let children = format!("{}<s:user><d:name>oxadmin</d:name></s:user>{ADMIN}", ctx(10));
    let mut connection = Connection::open(address).await;
    assert!(call_on(&mut connection, "OXUserService", "exists", &children).await.is_err());
    simulator.control().clear_faults();
    assert!(exists(address, "oxadmin").await.unwrap());

    let mut connection = Connection::open(address).await;
    simulator.stop().await.unwrap();
    assert!(Connection::try_open(address).await.is_err(), "nobody listens");
    assert!(call_on(&mut connection, "OXUserService", "exists", &children).await.is_err(), "old connections are gone");
    simulator.restart().await.unwrap();
    assert_eq!(simulator.address(), address);
    assert!(exists(address, "oxadmin").await.unwrap());
}

#[tokio::test]
async fn connections_are_refused_for_a_while() {
    let (simulator, address) = school(OxOptions::default()).await;
    simulator.control().add_fault(FaultRule::always(FaultAction::RefuseConnections { seconds: 0.15 }));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(Connection::try_open(address).await.is_err());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(exists(address, "oxadmin").await.unwrap());
}

#[tokio::test]
async fn the_world_survives_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = OxOptions {
        state_file: Some(folder.path().join("ox.json")),
        deputies: true,
        shared_accounts: true,
        ..OxOptions::default()
    };
    let before = {
        let (mut simulator, address) = school(options.clone()).await;
        let anna = create_user(address, 10, "anna").await.unwrap();
        create_user(address, 10, "bert").await.unwrap();
        simulator.control().create_guest(10, "guest@elsewhere.example").unwrap();
        let group = format!(
            "{}<s:grp><d:displayname>7a</d:displayname><d:members>{anna}</d:members><d:name>7a</d:name></s:grp>{ADMIN}",
            ctx(10)
        );
        call(address, "OXGroupService", "create", &group).await.unwrap();
        grant(address, 3, 4, 2).await.unwrap();
        create_shared(address).await.unwrap();
        simulator.stop().await.unwrap();
        simulator.control().dump_with_passwords()
    };
    let (simulator, address) = start(options).await;
    assert_eq!(simulator.control().dump_with_passwords(), before);
    assert!(exists(address, "anna").await.unwrap());
    assert_eq!(create_user(address, 10, "cora").await, Ok(8), "the sequence goes on");
    assert!(simulator.control().dump()["contexts"]["10"]["users"]["3"]["password"].is_null());
}

#[tokio::test]
async fn a_guest_becomes_a_user_only_if_asked_for() {
    let (_simulator, address) = school(OxOptions { convert_guest: true, ..OxOptions::default() }).await;
    let guest = control(address, "POST", "guests", json!({"context": 10, "mail": "anna@school.example"})).await;
    assert_eq!(guest, json!({"id": 3}));
    let taken =
        "Primary mail address \"anna@school.example\" already exists in context 10 (Already assigned to user 3).";
    assert_eq!(create_user(address, 10, "anna").await, Err(taken.to_owned()));
    let create = |convert: bool| {
        let data = user("anna");
        let children =
            format!("{}<s:usrdata>{data}</s:usrdata>{ADMIN}<s:convertguest>{convert}</s:convertguest>", ctx(10));
        async move { call(address, "OXUserService", "create", &children).await }
    };
    assert!(create(false).await.is_err());
    assert_eq!(create(true).await.unwrap().text_of("id"), Some("3"));
    assert!(exists(address, "anna").await.unwrap());
}

#[tokio::test]
async fn features_show_in_the_wsdl() {
    let (simulator, address) = school(OxOptions::default()).await;
    let wsdl = |service: &'static str| http(address, "GET", service, "");
    assert!(!wsdl("/webservices/OXUserService?wsdl").await.text().contains("convertguest"));
    assert_eq!(wsdl("/webservices/OXDeputyPermissionsService?wsdl").await.status, 404);
    assert_eq!(wsdl("/webservices/OXSharedAccountService?wsdl").await.status, 404);
    assert!(!wsdl("/webservices/OXUtilService?wsdl").await.text().contains("getVersion"));

    let on = json!({"convert_guest": true, "deputies": true, "shared_accounts": true, "version": "8.49.0"});
    control(address, "POST", "options", on).await;
    assert!(wsdl("/webservices/OXUserService?wsdl").await.text().contains("convertguest"));
    let deputy = wsdl("/webservices/OXDeputyPermissionsService?wsdl").await;
    assert_eq!(deputy.status, 200);
    let tree = simulator_support::xml::parse(&deputy.text());
    assert_eq!(tree.text_of("definitions"), Some(""));
    assert!(deputy.text().contains("<xs:element name=\"deputyPermission\""));
    assert!(wsdl("/webservices/OXSharedAccountService?wsdl").await.text().contains("setSharedAccountPermissions"));
    let version = call(address, "OXUtilService", "getVersion", MASTER).await.unwrap();
    assert_eq!(version.text_of("return"), Some("8.49.0"));

    simulator.control().change_options(|options| options.user_copy = false);
    assert_eq!(wsdl("/webservices/OXUserCopyService?wsdl").await.status, 404);
}

fn in_context() -> String {
    ctx(10).replace("s:ctx", "s:context")
}

async fn grant(address: SocketAddr, grantor: i64, deputy: i64, level: i64) -> Result<Option<String>, String> {
    let children = format!(
        "{}<s:user><d:id>{grantor}</d:id></s:user><s:deputyPermission><d:userId>{deputy}</d:userId>\
         <d:sendOnBehalfOf>true</d:sendOnBehalfOf><d:modulePermissions><d:moduleId>mail</d:moduleId>\
         <d:folderPermission>{level}</d:folderPermission></d:modulePermissions><d:modulePermissions>\
         <d:moduleId>calendar</d:moduleId><d:folderPermission>0</d:folderPermission></d:modulePermissions>\
         </s:deputyPermission>{ADMIN}",
        in_context()
    );
    let answer = call(address, "OXDeputyPermissionsService", "grant", &children).await?;
    Ok(answer.text_of("return").filter(|id| !id.is_empty()).map(ToOwned::to_owned))
}

#[tokio::test]
async fn deputies_are_granted_changed_and_revoked() {
    let (simulator, address) = school(OxOptions { deputies: true, ..OxOptions::default() }).await;
    for name in ["anna", "bert", "cora"] {
        create_user(address, 10, name).await.unwrap();
    }
    assert_eq!(grant(address, 3, 4, 0).await, Ok(None), "nothing allowed, nothing granted");
    assert!(grant(address, 3, 99, 2).await.is_err());
    let id = grant(address, 3, 4, 2).await.unwrap().unwrap();
    grant(address, 3, 5, 4).await.unwrap().unwrap();

    let list = || async {
        let children = format!("{}{ADMIN}", in_context());
        call(address, "OXDeputyPermissionsService", "list", &children).await.unwrap()
    };
    let all = list().await;
    let returns = all.all("return");
    assert_eq!(returns.len(), 2);
    assert_eq!(returns[0].text_of("deputyId"), Some(id.as_str()));
    assert_eq!(returns[0].text_of("grantorId"), Some("3"));
    assert_eq!(returns[0].all("modulePermissions").len(), 1, "a module with only zeros does not come back");

    let anna = "<s:user><d:id>3</d:id></s:user>";
    let change = format!(
        "{}{anna}<s:deputyId>{id}</s:deputyId><s:deputyPermission><d:userId>4</d:userId><d:modulePermissions>\
         <d:moduleId>mail</d:moduleId><d:readPermission>4</d:readPermission></d:modulePermissions>\
         </s:deputyPermission>{ADMIN}",
        in_context()
    );
    call(address, "OXDeputyPermissionsService", "update", &change).await.unwrap();
    assert_eq!(list().await.all("return")[0].text_of("readPermission"), Some("4"));
    let children = format!("{}{anna}{ADMIN}", in_context());
    call(address, "OXDeputyPermissionsService", "blockManual", &children).await.unwrap();
    assert_eq!(simulator.control().dump()["contexts"]["10"]["deputy_block"], json!([3]));
    call(address, "OXDeputyPermissionsService", "unblockManual", &children).await.unwrap();
    assert_eq!(simulator.control().dump()["contexts"]["10"]["deputy_block"], json!([]));

    let revoke = format!("{}{anna}<s:deputyId>{id}</s:deputyId>{ADMIN}", in_context());
    call(address, "OXDeputyPermissionsService", "revoke", &revoke).await.unwrap();
    assert_eq!(list().await.all("return").len(), 1);
    let delete = format!("{}<s:user><d:id>5</d:id></s:user>{ADMIN}", ctx(10));
    call(address, "OXUserService", "delete", &delete).await.unwrap();
    assert!(list().await.all("return").is_empty(), "deleting the deputy removes the permission");
    grant(address, 3, 4, 2).await.unwrap().unwrap();
    call(address, "OXDeputyPermissionsService", "revokeAll", &children).await.unwrap();
    assert!(list().await.all("return").is_empty());
}

async fn create_shared(address: SocketAddr) -> Result<String, String> {
    let children = format!(
        "{}<s:sharedAccountData><d:name>office</d:name><d:display_name>Office</d:display_name>\
         <d:primaryEmail>office@school.example</d:primaryEmail><d:email1>office@school.example</d:email1>\
         <d:password>unused</d:password><d:language>de_DE</d:language></s:sharedAccountData>{ADMIN}",
        ctx(10)
    );
    let answer = call(address, "OXSharedAccountService", "create", &children).await?;
    Ok(answer.text_of("id").unwrap().to_owned())
}

#[tokio::test]
async fn shared_accounts_have_permissions_of_several_contexts() {
    let (_simulator, address) = school(OxOptions { shared_accounts: true, ..OxOptions::default() }).await;
    create_context(address, 11).await;
    create_user(address, 10, "anna").await.unwrap();
    create_user(address, 11, "bert").await.unwrap();
    let id = create_shared(address).await.unwrap();
    assert!(create_shared(address).await.is_err(), "the name is taken");
    assert!(create_user(address, 10, "cora").await.is_ok());

    let account = format!("<s:sharedAccount><d:id>{id}</d:id></s:sharedAccount>");
    let grant = |context: i64, level: &str| {
        format!(
            "<s:sharedAccountPermissions>{}<d:ctx><d:id>{context}</d:id></d:ctx><d:users><d:id>3</d:id></d:users>\
             <d:mailConfig><d:permissionLevel>{level}</d:permissionLevel></d:mailConfig>\
             <d:capabilities><d:grantedCapability>sendAs</d:grantedCapability></d:capabilities>\
             </s:sharedAccountPermissions>",
            ADMIN.replace("s:auth", "d:auth")
        )
    };
    let owner = "<s:sharedAccountCtx><d:id>10</d:id></s:sharedAccountCtx>";
    let set = format!("{owner}{account}{}{}{ADMIN}", grant(10, "editor"), grant(11, "viewer"));
    call(address, "OXSharedAccountService", "setSharedAccountPermissions", &set).await.unwrap();
    let list = format!("{}{account}{MASTER}", ctx(10));
    let operation = "listSharedAccountPermissionsForSharedAccount";
    let permissions = call(address, "OXSharedAccountService", operation, &list).await.unwrap();
    let returns = permissions.all("return");
    assert_eq!(returns.len(), 2);
    assert_eq!(returns[1].text_of("contextId"), Some("11"));
    assert_eq!(returns[1].text_of("permissionLevel"), Some("viewer"));
    assert_eq!(returns[1].text_of("grantedCapability"), Some("sendAs"));

    let set = format!("{owner}{account}{}{ADMIN}", grant(10, "editor"));
    call(address, "OXSharedAccountService", "setSharedAccountPermissions", &set).await.unwrap();
    let permissions = call(address, "OXSharedAccountService", operation, &list).await.unwrap();
    assert_eq!(permissions.all("return").len(), 1, "all permissions are replaced");

    let convert = format!("{}<s:user><d:id>3</d:id></s:user>{ADMIN}", ctx(10));
    call(address, "OXSharedAccountService", "convertUserToSharedAccount", &convert).await.unwrap();
    assert!(!exists(address, "anna").await.unwrap());
    let get = format!("{}<s:sharedAccount><d:id>3</d:id></s:sharedAccount>{ADMIN}", ctx(10));
    let anna = call(address, "OXSharedAccountService", "getData", &get).await.unwrap();
    assert_eq!(anna.text_of("name"), Some("anna"));
}

#[tokio::test]
async fn a_connection_takes_257_requests() {
    let (_simulator, address) = school(OxOptions::default()).await;
    let children = format!("{}<s:user><d:name>oxadmin</d:name></s:user>{ADMIN}", ctx(10));
    let mut connection = Connection::open(address).await;
    for _ in 0..256 {
        call_on(&mut connection, "OXUserService", "exists", &children).await.unwrap().unwrap();
    }
    assert!(!connection.is_closed().await);
    call_on(&mut connection, "OXUserService", "exists", &children).await.unwrap().unwrap();
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn the_first_picture_of_a_copied_user_goes_astray() {
    let (simulator, address) = school(OxOptions::default()).await;
    create_context(address, 11).await;
    create_user(address, 10, "anna").await.unwrap();
    create_user(address, 11, "bert").await.unwrap();
    let copy = format!(
        "<s:user><d:id>3</d:id></s:user><s:src><d:id>10</d:id></s:src><s:dest><d:id>11</d:id></s:dest>{MASTER}"
    );
    let answer = call(address, "OXUserCopyService", "copyUser", &copy).await.unwrap();
    assert_eq!(answer.text_of("id"), Some("4"));
    let picture = |id: i64| {
        let gif = "R0lGODlhAQABAAAAACw=";
        let data =
            format!("<d:id>{id}</d:id><d:image1>{gif}</d:image1><d:image1ContentType>image/gif</d:image1ContentType>");
        let children = format!("{}<s:usrdata>{data}</s:usrdata>{ADMIN}", ctx(11));
        async move { call(address, "OXUserService", "change", &children).await }
    };
    picture(4).await.unwrap();
    let has_picture =
        |id: &str| simulator.control().dump()["contexts"]["11"]["users"][id]["data"]["image1"].is_string();
    assert!(has_picture("3") && !has_picture("4"), "it lands on the contact with the old number");
    picture(4).await.unwrap();
    assert!(has_picture("4"));
}

#[tokio::test]
async fn latency_is_per_class() {
    let (simulator, address) = school(OxOptions::default()).await;
    simulator.control().change_options(|options| {
        options.latency.reads = 20;
        options.latency.master_calls = 40;
    });
    let start = Instant::now();
    exists(address, "anna").await.unwrap();
    assert!(start.elapsed().as_millis() >= 20);
    let start = Instant::now();
    call(address, "OXContextService", "listAll", MASTER).await.unwrap();
    assert!(start.elapsed().as_millis() >= 60);
}

#[tokio::test]
async fn names_change_only_on_a_server_that_allows_it() {
    let (simulator, address) = school(OxOptions::default()).await;
    create_user(address, 10, "anna").await.unwrap();
    let children = format!("{}<s:usrdata><d:id>3</d:id><d:name>anne</d:name></s:usrdata>{ADMIN}", ctx(10));
    let fault = call(address, "OXUserService", "change", &children).await.unwrap_err();
    assert_eq!(fault, "Changing username is disabled!");
    simulator.control().change_options(|options| options.username_changeable = true);
    call(address, "OXUserService", "change", &children).await.unwrap();
    assert!(exists(address, "anne").await.unwrap() && !exists(address, "anna").await.unwrap());
}

#[tokio::test]
async fn display_names_need_not_be_unique_if_the_server_or_the_context_says_so() {
    let (simulator, address) = school(OxOptions::default()).await;
    create_user(address, 10, "anna").await.unwrap();
    let twin = |name: &str| {
        let data = user(name).replace(&format!("<d:display_name>{name}<"), "<d:display_name>anna<");
        let children = format!("{}<s:usrdata>{data}</s:usrdata>{ADMIN}", ctx(10));
        async move { call(address, "OXUserService", "create", &children).await }
    };
    assert!(twin("bert").await.is_err());
    let attribute = "<d:userAttributes><d:entries><d:key>config</d:key><d:value><d:entries>\
                     <d:key>com.openexchange.user.enforceUniqueDisplayName</d:key><d:value>false</d:value>\
                     </d:entries></d:value></d:entries></d:userAttributes>";
    let change = format!("<s:ctx><d:id>10</d:id>{attribute}</s:ctx>{MASTER}");
    call(address, "OXContextService", "change", &change).await.unwrap();
    assert!(twin("bert").await.is_ok());
    let change = change.replace("false", "true");
    call(address, "OXContextService", "change", &change).await.unwrap();
    assert!(twin("cora").await.is_err());
    let change = change.replace("<d:value>true</d:value>", "<d:value xsi:nil=\"true\"/>");
    call(address, "OXContextService", "change", &change).await.unwrap();
    simulator.control().change_options(|options| options.unique_display_names = false);
    assert!(twin("cora").await.is_ok());
}

#[tokio::test]
async fn big_lists_come_in_pieces_and_pages() {
    let (_simulator, address) = school(OxOptions::default()).await;
    for number in 0..30 {
        create_user(address, 10, &format!("user{number}")).await.unwrap();
    }
    let all = call(address, "OXUserService", "listAll", &format!("{}{ADMIN}", ctx(10))).await.unwrap();
    assert_eq!(all.all("id").len(), 31);
    let page = format!(
        "{}<s:search_pattern>user*</s:search_pattern>{ADMIN}<s:length>10</s:length><s:offset>25</s:offset>",
        ctx(10)
    );
    let page = call(address, "OXUserService", "list", &page).await.unwrap();
    assert_eq!(page.all("id").len(), 5);
}

#[tokio::test]
async fn a_user_on_an_unknown_file_store_cannot_be_deleted() {
    let (_simulator, address) = school(OxOptions::default()).await;
    let data = format!("{}<d:filestoreId>99</d:filestoreId>", user("anna"));
    let children = format!("{}<s:usrdata>{data}</s:usrdata>{ADMIN}", ctx(10));
    call(address, "OXUserService", "create", &children).await.unwrap();
    let delete = format!("{}<s:user><d:id>3</d:id></s:user>{ADMIN}", ctx(10));
    let fault = call(address, "OXUserService", "delete", &delete).await.unwrap_err();
    assert!(fault.starts_with("Filestore does not exist; nested exception is"), "{fault}");
}

#[tokio::test]
async fn the_control_shows_and_changes_what_it_should() {
    let (simulator, address) = school(OxOptions { lock_wait_factor: 0.001, ..OxOptions::default() }).await;
    create_user(address, 10, "anna").await.unwrap();
    let state = control(address, "GET", "state", Value::Null).await;
    assert_eq!(state, simulator.control().dump());
    let anna = &state["contexts"]["10"]["users"]["3"];
    assert_eq!(anna["data"]["primaryEmail"], "anna@school.example");
    assert_eq!(anna["rights"], json!(["contacts", "webmail"]));
    assert_eq!(anna["groups"], json!([1]));
    let with_passwords = control(address, "GET", "state?passwords=true", Value::Null).await;
    assert_eq!(with_passwords["contexts"]["10"]["users"]["3"]["password"], "dummy");

    let options = control(address, "POST", "options", json!({"latency": {"reads": 5}})).await;
    assert_eq!(options["latency"], json!({"reads": 5, "user_writes": 0, "other_writes": 0, "master_calls": 0}));
    assert_eq!(options["lock_wait_factor"], 0.001);
    assert!(control(address, "POST", "options", json!({"no_such_option": 1})).await["error"].is_string());
    assert_eq!(control(address, "POST", "locks", json!({"context": 10})).await, json!({}));
    assert!(control(address, "POST", "guests", json!({"context": 99, "mail": "x"})).await["error"].is_string());
    assert_eq!(http(address, "GET", "/__control/nothing", "").await.status, 404);
}
