//! Services that were never seen: what is written and read is at least consistent with what is documented.

use std::collections::BTreeSet;

use oxherd::ox::model::{
    ContextId, DeputyPermission, GroupId, MailServer, ModulePermission, SharedAccountFields, SharedAccountId,
    SharedPermission, SharedRole, UserId,
};
use oxherd::ox::soap::{Credentials, Login, Operation, decode, deputy, encode, random_password, shared_account};

use super::samples::{CONTEXT, admin, users};

fn body<O: Operation>(operation: &O) -> String {
    let request = String::from_utf8(encode(operation, &admin()).unwrap()).unwrap();
    let (_, rest) = request.split_once("<soapenv:Body>").unwrap();
    let auth = "<s:auth><r:login>oxadmin</r:login><r:password>ctx-secret</r:password></s:auth>";
    rest.split_once("</soapenv:Body>").unwrap().0.replace(auth, "<AUTH/>")
}

fn answer(operation: &str, returns: &str) -> String {
    format!(
        r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><x:{operation}Response xmlns:x="http://some.other" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{returns}</x:{operation}Response></soap:Body></soap:Envelope>"#
    )
}

const EDITOR: ModulePermission = ModulePermission { admin: false, folder: 2, read: 4, write: 4, delete: 0 };

#[test]
fn a_deputy_is_granted_in_element_form() {
    let nothing = ModulePermission::default();
    let permission = DeputyPermission { send_on_behalf: true, mail: EDITOR, calendar: nothing };
    let grant = deputy::Grant { context: CONTEXT, grantor: UserId(3), deputy: UserId(4), permission };
    let module = |name, levels: [u8; 4]| {
        format!(
            "<d:modulePermissions><d:moduleId>{name}</d:moduleId><d:admin>false</d:admin><d:folderPermission>{}</d:folderPermission><d:readPermission>{}</d:readPermission><d:writePermission>{}</d:writePermission><d:deletePermission>{}</d:deletePermission></d:modulePermissions>",
            levels[0], levels[1], levels[2], levels[3]
        )
    };
    let expected = format!(
        "<s:grant><s:context><d:id>10</d:id></s:context><s:user><d:id>3</d:id></s:user><s:deputyPermission><d:userId>4</d:userId><d:sendOnBehalfOf>true</d:sendOnBehalfOf>{}{}</s:deputyPermission><AUTH/></s:grant>",
        module("mail", [2, 4, 4, 0]),
        module("calendar", [0; 4])
    );
    assert_eq!(body(&grant), expected);
    let name = decode(&grant, &admin(), 200, &answer("grant", "<x:return>abc-1</x:return>")).unwrap();
    assert_eq!(name, "abc-1");
}

#[test]
fn deputies_are_listed_by_grantor() {
    let one = |grantor, user, module| {
        format!(
            "<x:return><x:grantorId>{grantor}</x:grantorId><x:userId>{user}</x:userId><x:deputyId>g{user}</x:deputyId><x:contextId>10</x:contextId><x:sendOnBehalfOf>true</x:sendOnBehalfOf><x:modulePermissions><x:moduleId>{module}</x:moduleId><x:folderIds xsi:nil=\"true\"/><x:admin>false</x:admin><x:folderPermission>2</x:folderPermission><x:readPermission>4</x:readPermission><x:writePermission>4</x:writePermission><x:deletePermission>0</x:deletePermission></x:modulePermissions></x:return>"
        )
    };
    let text = answer("list", &(one(3, 4, "mail") + &one(3, 5, "calendar") + &one(6, 3, "tasks")));
    let found = decode(&deputy::List { context: CONTEXT }, &admin(), 200, &text).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[&UserId(3)][&UserId(4)].permission.mail, EDITOR);
    assert_eq!(found[&UserId(3)][&UserId(4)].grant, "g4");
    assert_eq!(found[&UserId(3)][&UserId(5)].permission.calendar, EDITOR);
    assert!(found[&UserId(6)][&UserId(3)].permission.mail.is_empty());
}

#[test]
fn the_other_deputy_calls_name_the_user_by_element() {
    let (context, grantor) = (CONTEXT, UserId(3));
    let head = "<s:context><d:id>10</d:id></s:context><s:user><d:id>3</d:id></s:user>";
    assert_eq!(body(&deputy::RevokeAll { context, grantor }), format!("<s:revokeAll>{head}<AUTH/></s:revokeAll>"));
    assert_eq!(body(&deputy::Block { context, grantor }), format!("<s:blockManual>{head}<AUTH/></s:blockManual>"));
    assert_eq!(
        body(&deputy::Unblock { context, grantor }),
        format!("<s:unblockManual>{head}<AUTH/></s:unblockManual>")
    );
    let revoke = deputy::Revoke { context, grantor, grant: "g4" };
    assert_eq!(body(&revoke), format!("<s:revoke>{head}<s:deputyId>g4</s:deputyId><AUTH/></s:revoke>"));
}

fn office() -> SharedAccountFields {
    let server = |scheme: &str, host: &str, port| MailServer { scheme: scheme.to_owned(), host: host.to_owned(), port };
    SharedAccountFields {
        name: "office".to_owned(),
        display_name: "Office".to_owned(),
        mail: "office@example.org".to_owned(),
        language: "de_DE".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        imap: server("imaps", "imap.example.org", 993),
        smtp: server("smtp", "smtp.example.org", 587),
    }
}

#[test]
fn a_shared_account_reads_back() {
    let secret = random_password().unwrap();
    let change =
        shared_account::Change { context: CONTEXT, account: SharedAccountId(9), fields: &office(), secret: &secret };
    let request = body(&change);
    assert!(request.contains("<d:email1>office@example.org</d:email1>"));
    assert!(request.contains("<d:imapSchema>imaps://</d:imapSchema>"));
    let data = request.split_once("<s:sharedAccountData>").unwrap().1.split_once("</s:sharedAccountData>").unwrap().0;
    let text = answer("getData", &format!("<x:return xmlns:d=\"urn:any\">{data}</x:return>"));
    let get = shared_account::GetData { context: CONTEXT, account: shared_account::Key::Name("office") };
    let found = decode(&get, &admin(), 200, &text).unwrap();
    assert_eq!((found.id, found.fields), (SharedAccountId(9), office()));
}

#[test]
fn permissions_carry_the_administrator_of_their_context() {
    let permission = SharedPermission {
        context: ContextId(11),
        mail: SharedRole::Editor,
        calendar: SharedRole::None,
        capabilities: BTreeSet::from(["sendAs".to_owned()]),
        users: users(&[3]),
        groups: BTreeSet::from([GroupId(7)]),
    };
    let other = Login::context_admin(ContextId(11), Credentials::new("admin11", "secret-11"));
    let account = SharedAccountId(9);
    let permissions = [(permission, other)];
    let set = shared_account::SetPermissions { context: CONTEXT, account, permissions: &permissions };
    let expected = "<s:setSharedAccountPermissions><s:sharedAccountCtx><d:id>10</d:id></s:sharedAccountCtx><s:sharedAccount><d:id>9</d:id></s:sharedAccount><s:sharedAccountPermissions><d:auth><r:login>admin11</r:login><r:password>secret-11</r:password></d:auth><d:ctx><d:id>11</d:id></d:ctx><d:users><d:id>3</d:id></d:users><d:groups><d:id>7</d:id></d:groups><d:mailConfig><d:permissionLevel>editor</d:permissionLevel></d:mailConfig><d:calendarConfig><d:permissionLevel>none</d:permissionLevel></d:calendarConfig><d:capabilities><d:grantedCapability>sendAs</d:grantedCapability></d:capabilities></s:sharedAccountPermissions><AUTH/></s:setSharedAccountPermissions>";
    assert_eq!(body(&set), expected);
    let clear = body(&shared_account::SetPermissions { context: CONTEXT, account, permissions: &[] });
    assert_eq!(clear.matches("<s:sharedAccountPermissions>").count(), 1);
    assert!(!clear.contains("users") && clear.contains("<d:permissionLevel>none</d:permissionLevel>"));
}

#[test]
fn permissions_of_one_kind_are_put_together() {
    let one = |entity, group, role| {
        format!(
            "<x:return><x:contextId>10</x:contextId><x:entity>{entity}</x:entity><x:isGroup>{group}</x:isGroup><x:mailConfig><x:permissionLevel>{role}</x:permissionLevel></x:mailConfig><x:calendarConfig xsi:nil=\"true\"/></x:return>"
        )
    };
    let text = one(3, false, "editor") + &one(7, true, "editor") + &one(4, false, "viewer");
    let list = shared_account::ListPermissions { context: CONTEXT, account: SharedAccountId(9) };
    let found = decode(&list, &admin(), 200, &answer(list.name(), &text)).unwrap();
    assert_eq!(found.len(), 2);
    let editors = found.iter().find(|permission| permission.mail == SharedRole::Editor).unwrap();
    assert_eq!((&editors.users, &editors.groups), (&users(&[3]), &BTreeSet::from([GroupId(7)])));
    let unknown = decode(&list, &admin(), 200, &answer(list.name(), &one(3, false, "emperor"))).unwrap_err();
    assert!(!unknown.to_string().contains("emperor"));
}
