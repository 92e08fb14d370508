//! `OXSharedAccountService` (OX 8.49 and newer), called with the administrator of the context.
//!
//! Its interface was never seen; names and order are those of `ox-soap.md` 2.9, and answers are read by local name only.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretString};

use super::credentials::Login;
use super::envelope::{Envelope, Ns};
use super::operation::{Operation, describe};
use super::reader::{Answer, Element, Reader, Unreadable};
use crate::ox::model::{
    ContextId, GroupId, MailServer, SharedAccountFields, SharedAccountId, SharedPermission, SharedRole, UserId,
};

/// How a shared account is addressed.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// By number.
    Id(SharedAccountId),
    /// By name.
    Name(&'a str),
}

/// A shared account as OX holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedAccount {
    /// Its number.
    pub id: SharedAccountId,
    /// Its fields.
    pub fields: SharedAccountFields,
}

/// `create`.
pub struct Create<'a> {
    /// In this context.
    pub context: ContextId,
    /// The fields.
    pub fields: &'a SharedAccountFields,
    /// A password: the interface wants one, though nobody can log in with it.
    pub secret: &'a SecretString,
}

impl Operation for Create<'_> {
    describe!(Write SharedAccount "create" -> SharedAccountId);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        write_account(out, None, self.fields, self.secret);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<SharedAccountId, Unreadable> {
        answer.one(|reader, element| Ok(read_account(reader, element)?.id))
    }
}

/// `change`.
pub struct Change<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which account.
    pub account: SharedAccountId,
    /// All its fields.
    pub fields: &'a SharedAccountFields,
    /// A password: the interface wants one, though nobody can log in with it.
    pub secret: &'a SecretString,
}

impl Operation for Change<'_> {
    describe!(Write SharedAccount "change");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        write_account(out, Some(self.account), self.fields, self.secret);
        out.auth();
    }
}

/// `delete`.
pub struct Delete<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which account.
    pub account: SharedAccountId,
    /// Its name.
    pub name: &'a str,
}

impl Operation for Delete<'_> {
    describe!(Write SharedAccount "delete");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.node(Ns::Operation, "sharedAccount", |out| {
            out.plain(Ns::Data, "id", self.account);
            out.text(Ns::Data, "name", self.name);
        });
        out.auth();
    }
}

/// `getData`.
pub struct GetData<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which account.
    pub account: Key<'a>,
}

impl Operation for GetData<'_> {
    describe!(Read SharedAccount "getData" -> SharedAccount);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        match self.account {
            Key::Id(id) => out.id("sharedAccount", id),
            Key::Name(name) => out.node(Ns::Operation, "sharedAccount", |out| out.text(Ns::Data, "name", name)),
        }
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<SharedAccount, Unreadable> {
        answer.one(read_account)
    }
}

/// `list`: all shared accounts of a context. Whether more than number and name is filled is unknown.
pub struct List {
    /// In this context.
    pub context: ContextId,
}

impl Operation for List {
    describe!(Read SharedAccount "list" -> Vec<SharedAccount>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<SharedAccount>, Unreadable> {
        answer.list(read_account)
    }
}

/// `convertUserToSharedAccount`: the number stays.
pub struct Convert {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: UserId,
}

impl Operation for Convert {
    describe!(Write SharedAccount "convertUserToSharedAccount");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.id("user", self.user);
        out.auth();
    }
}

/// `setSharedAccountPermissions`: replaces all permissions of an account.
pub struct SetPermissions<'a> {
    /// The context of the account.
    pub context: ContextId,
    /// Which account.
    pub account: SharedAccountId,
    /// The permissions, each with the administrator of the context of its members.
    pub permissions: &'a [(SharedPermission, Login)],
}

impl Operation for SetPermissions<'_> {
    describe!(Write SharedAccount "setSharedAccountPermissions");

    fn write(&self, out: &mut Envelope<'_>) {
        out.id("sharedAccountCtx", self.context);
        out.id("sharedAccount", self.account);
        for (permission, login) in self.permissions {
            write_permission(out, permission, Some(login));
        }
        if self.permissions.is_empty() {
            // One entry without members and roles clears all; none at all would be no order.
            let nothing = SharedPermission {
                context: self.context,
                mail: SharedRole::None,
                calendar: SharedRole::None,
                capabilities: BTreeSet::new(),
                users: BTreeSet::new(),
                groups: BTreeSet::new(),
            };
            write_permission(out, &nothing, None);
        }
        out.auth();
    }
}

/// `listSharedAccountPermissionsForSharedAccount`, called with the master administrator.
pub struct ListPermissions {
    /// The context of the account.
    pub context: ContextId,
    /// Which account.
    pub account: SharedAccountId,
}

impl Operation for ListPermissions {
    describe!(Read SharedAccount "listSharedAccountPermissionsForSharedAccount" -> Vec<SharedPermission>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.id("sharedAccount", self.account);
        out.auth();
    }

    /// The answer has one entry for each member; equal ones are put together.
    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<SharedPermission>, Unreadable> {
        let mut merged: BTreeMap<_, SharedPermission> = BTreeMap::new();
        answer.each(|reader, element| {
            let one = read_permission(reader, element)?;
            let key = (one.context, one.mail, one.calendar, one.capabilities.clone());
            match merged.get_mut(&key) {
                Some(known) => {
                    known.users.extend(one.users);
                    known.groups.extend(one.groups);
                }
                None => {
                    merged.insert(key, one);
                }
            }
            Ok(())
        })?;
        Ok(merged.into_values().collect())
    }
}

fn write_account(
    out: &mut Envelope<'_>,
    id: Option<SharedAccountId>,
    fields: &SharedAccountFields,
    secret: &SecretString,
) {
    out.node(Ns::Operation, "sharedAccountData", |out| {
        if let Some(id) = id {
            out.plain(Ns::Data, "id", id);
        }
        out.text(Ns::Data, "name", &fields.name);
        out.text(Ns::Data, "display_name", &fields.display_name);
        out.text(Ns::Data, "primaryEmail", &fields.mail);
        out.text(Ns::Data, "email1", &fields.mail);
        out.text(Ns::Data, "password", secret.expose_secret());
        out.text(Ns::Data, "language", &fields.language);
        out.text(Ns::Data, "timezone", &fields.timezone);
        for (prefix, server) in [("imap", &fields.imap), ("smtp", &fields.smtp)] {
            out.text(Ns::Data, &format!("{prefix}Server"), &server.host);
            out.plain(Ns::Data, &format!("{prefix}Port"), server.port);
            out.text(Ns::Data, &format!("{prefix}Schema"), &format!("{}://", server.scheme));
        }
    });
}

fn read_account<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<SharedAccount, Unreadable> {
    let mut id = None;
    let server = |scheme: &str| MailServer { scheme: scheme.to_owned(), host: String::new(), port: 0 };
    let mut fields = SharedAccountFields {
        name: String::new(),
        display_name: String::new(),
        mail: String::new(),
        language: String::new(),
        timezone: String::new(),
        imap: server("imap"),
        smtp: server("smtp"),
    };
    reader.children(object, |reader, child| {
        if child.is_nil() {
            return Ok(());
        }
        let scheme = |text: &str| text.trim_end_matches("://").to_owned();
        match child.name() {
            "id" => id = Some(SharedAccountId(reader.number(child)?)),
            "name" => fields.name = reader.text(child)?.into_owned(),
            "display_name" => fields.display_name = reader.text(child)?.into_owned(),
            "primaryEmail" => fields.mail = reader.text(child)?.into_owned(),
            "language" => fields.language = reader.text(child)?.into_owned(),
            "timezone" => fields.timezone = reader.text(child)?.into_owned(),
            "imapServer" => fields.imap.host = reader.text(child)?.into_owned(),
            "imapPort" => fields.imap.port = reader.number(child)?,
            "imapSchema" => fields.imap.scheme = scheme(&reader.text(child)?),
            "smtpServer" => fields.smtp.host = reader.text(child)?.into_owned(),
            "smtpPort" => fields.smtp.port = reader.number(child)?,
            "smtpSchema" => fields.smtp.scheme = scheme(&reader.text(child)?),
            _ => {}
        }
        Ok(())
    })?;
    let id = id.ok_or_else(|| Unreadable::new("a shared account has no id"))?;
    Ok(SharedAccount { id, fields })
}

/// `login` is none for the administrator who makes the call.
fn write_permission(out: &mut Envelope<'_>, permission: &SharedPermission, login: Option<&Login>) {
    out.node(Ns::Operation, "sharedAccountPermissions", |out| {
        match login {
            Some(login) => out.auth_as(Ns::Data, login),
            None => out.own_auth(Ns::Data),
        }
        let id = |out: &mut Envelope<'_>, name, id: u32| {
            out.node(Ns::Data, name, |out| out.plain(Ns::Data, "id", id));
        };
        id(out, "ctx", permission.context.0);
        permission.users.iter().for_each(|user| id(out, "users", user.0));
        permission.groups.iter().for_each(|group| id(out, "groups", group.0));
        for (part, role) in [("mailConfig", permission.mail), ("calendarConfig", permission.calendar)] {
            out.node(Ns::Data, part, |out| out.text(Ns::Data, "permissionLevel", role.as_ref()));
        }
        out.node(Ns::Data, "capabilities", |out| {
            for capability in &permission.capabilities {
                out.text(Ns::Data, "grantedCapability", capability);
            }
        });
    });
}

fn read_permission<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<SharedPermission, Unreadable> {
    let (mut context, mut entity, mut group) = (None, None, false);
    let (mut mail, mut calendar, mut capabilities) = (SharedRole::None, SharedRole::None, BTreeSet::new());
    reader.children(object, |reader, child| {
        if child.is_nil() {
            return Ok(());
        }
        match child.name() {
            "contextId" => context = Some(ContextId(reader.number(child)?)),
            "entity" => entity = Some(reader.number(child)?),
            "isGroup" => group = reader.flag(child)?,
            "mailConfig" => mail = read_role(reader, child)?,
            "calendarConfig" => calendar = read_role(reader, child)?,
            "capabilities" => reader.children(child, |reader, capability| {
                capabilities.insert(reader.text(capability)?.into_owned());
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    let (Some(context), Some(entity)) = (context, entity) else {
        return Err(Unreadable::new("a permission has no contextId or no entity"));
    };
    let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
    if group {
        groups.insert(GroupId(entity));
    } else {
        users.insert(UserId(entity));
    }
    Ok(SharedPermission { context, mail, calendar, capabilities, users, groups })
}

fn read_role<'x>(reader: &mut Reader<'x>, config: &Element<'x>) -> Result<SharedRole, Unreadable> {
    let mut role = SharedRole::None;
    reader.children(config, |reader, level| {
        if level.name() == "permissionLevel" && !level.is_nil() {
            let text = reader.text(level)?;
            role = text.trim().parse().map_err(|_| Unreadable::new("a permissionLevel is unknown"))?;
        }
        Ok(())
    })?;
    Ok(role)
}
