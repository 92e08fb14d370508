//! Answers of OX, or of whatever answers in its place: read as the answer to every operation that reads something. No answer
//! breaks the client, and no password gets from an answer into a message.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use oxherd::ox::model::{ContextId, UserId};
use oxherd::ox::soap::{
    Credentials, Login, Operation, Service, context, decode, deputy, group, resource, secondary_account, shared_account,
    user, user_copy, util,
};

const PASSWORD: &str = "Pa55w0rd-of-the-admin";

fn read<O: Operation>(operation: &O, status: u16, body: &str) {
    let credentials = Credentials::new("oxadmin", PASSWORD);
    let login = match O::SERVICE {
        Service::UserCopy | Service::Util => Login::master(credentials),
        _ => Login::context_admin(ContextId(10), credentials),
    };
    if let Err(fault) = decode(operation, &login, status, body) {
        let text = fault.to_string();
        assert!(!text.is_empty() && !text.contains(PASSWORD), "{text}");
        let _ = (fault.category(), fault.attribute(), fault.missing_user());
    }
}

fuzz_target!(|body: &str| {
    let status = if body.contains("Fault") { 500 } else { 200 };
    let (context, user) = (ContextId(10), UserId(3));
    read(&context::GetData { context }, status, body);
    read(&context::Exists { context }, status, body);
    read(&context::ListAll, status, body);
    read(&user::GetData { context, user: user::Key::Id(user) }, status, body);
    read(&user::GetMultipleData { context, users: &[user] }, status, body);
    read(&user::GetRights { context, user }, status, body);
    read(&user::List { context, pattern: "*", page: None }, status, body);
    read(&group::GetData { context, group: group::Key::Name("sales") }, status, body);
    read(&resource::GetData { context, resource: resource::Key::Name("room") }, status, body);
    read(&resource::ListAll { context }, status, body);
    read(&secondary_account::List { context, users: &BTreeSet::new(), address: None }, status, body);
    read(&shared_account::GetData { context, account: shared_account::Key::Name("desk") }, status, body);
    read(&shared_account::List { context }, status, body);
    read(&deputy::List { context }, status, body);
    read(&user_copy::Copy { user, name: "anna", from: context, to: ContextId(20) }, status, body);
    read(&util::GetVersion, status, body);
});
