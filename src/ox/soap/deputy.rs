//! `OXDeputyPermissionsService`, called with the administrator of the context. An extra package: it can be missing.
//!
//! Its interface was never seen; names and order are those of `ox-soap.md` 2.8, and answers are read by local name only.

use std::collections::BTreeMap;

use super::envelope::{Envelope, Ns};
use super::operation::{Operation, describe};
use super::reader::{Answer, Element, Reader, Unreadable};
use crate::ox::model::{ContextId, Deputy, DeputyPermission, ModulePermission, UserId};

/// `grant`. Answers the name of the grant.
pub struct Grant {
    /// In this context.
    pub context: ContextId,
    /// Who grants.
    pub grantor: UserId,
    /// Who becomes deputy.
    pub deputy: UserId,
    /// What he may do.
    pub permission: DeputyPermission,
}

impl Operation for Grant {
    describe!(Write Deputy "grant" -> String);

    fn write(&self, out: &mut Envelope<'_>) {
        out.id("context", self.context);
        out.id("user", self.grantor);
        write_permission(out, self.deputy, &self.permission);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<String, Unreadable> {
        answer.one(|reader, element| Ok(reader.text(element)?.into_owned()))
    }
}

/// `update` of one grant.
pub struct Update<'a> {
    /// In this context.
    pub context: ContextId,
    /// Who grants.
    pub grantor: UserId,
    /// The name of the grant.
    pub grant: &'a str,
    /// Who is deputy.
    pub deputy: UserId,
    /// What he may do.
    pub permission: DeputyPermission,
}

impl Operation for Update<'_> {
    describe!(Write Deputy "update");

    fn write(&self, out: &mut Envelope<'_>) {
        out.id("context", self.context);
        out.id("user", self.grantor);
        out.text(Ns::Operation, "deputyId", self.grant);
        write_permission(out, self.deputy, &self.permission);
        out.auth();
    }
}

/// `revoke` of one grant.
pub struct Revoke<'a> {
    /// In this context.
    pub context: ContextId,
    /// Who granted.
    pub grantor: UserId,
    /// The name of the grant.
    pub grant: &'a str,
}

impl Operation for Revoke<'_> {
    describe!(Write Deputy "revoke");

    fn write(&self, out: &mut Envelope<'_>) {
        out.id("context", self.context);
        out.id("user", self.grantor);
        out.text(Ns::Operation, "deputyId", self.grant);
        out.auth();
    }
}

/// `revokeAll` of one grantor.
pub struct RevokeAll {
    /// In this context.
    pub context: ContextId,
    /// Who granted.
    pub grantor: UserId,
}

impl Operation for RevokeAll {
    describe!(Write Deputy "revokeAll");

    fn write(&self, out: &mut Envelope<'_>) {
        write_user(out, self.context, self.grantor);
    }
}

/// `blockManual`: the user cannot grant deputies himself.
pub struct Block {
    /// In this context.
    pub context: ContextId,
    /// Who.
    pub grantor: UserId,
}

impl Operation for Block {
    describe!(Write Deputy "blockManual");

    fn write(&self, out: &mut Envelope<'_>) {
        write_user(out, self.context, self.grantor);
    }
}

/// `unblockManual`: he can.
pub struct Unblock {
    /// In this context.
    pub context: ContextId,
    /// Who.
    pub grantor: UserId,
}

impl Operation for Unblock {
    describe!(Write Deputy "unblockManual");

    fn write(&self, out: &mut Envelope<'_>) {
        write_user(out, self.context, self.grantor);
    }
}

/// `list`: all deputies of a context, by grantor and deputy.
pub struct List {
    /// In this context.
    pub context: ContextId,
}

impl Operation for List {
    describe!(Read Deputy "list" -> BTreeMap<UserId, BTreeMap<UserId, Deputy>>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.id("context", self.context);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Self::Answer, Unreadable> {
        let mut found: Self::Answer = BTreeMap::new();
        answer.each(|reader, element| {
            let (grantor, user, deputy) = read_deputy(reader, element)?;
            found.entry(grantor).or_default().insert(user, deputy);
            Ok(())
        })?;
        Ok(found)
    }
}

fn write_user(out: &mut Envelope<'_>, context: ContextId, user: UserId) {
    out.id("context", context);
    out.id("user", user);
    out.auth();
}

fn write_permission(out: &mut Envelope<'_>, deputy: UserId, permission: &DeputyPermission) {
    out.node(Ns::Operation, "deputyPermission", |out| {
        out.plain(Ns::Data, "userId", deputy);
        out.plain(Ns::Data, "sendOnBehalfOf", permission.send_on_behalf);
        for (module, rights) in [("mail", permission.mail), ("calendar", permission.calendar)] {
            out.node(Ns::Data, "modulePermissions", |out| {
                out.text(Ns::Data, "moduleId", module);
                out.plain(Ns::Data, "admin", rights.admin);
                out.plain(Ns::Data, "folderPermission", rights.folder);
                out.plain(Ns::Data, "readPermission", rights.read);
                out.plain(Ns::Data, "writePermission", rights.write);
                out.plain(Ns::Data, "deletePermission", rights.delete);
            });
        }
    });
}

fn read_deputy<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<(UserId, UserId, Deputy), Unreadable> {
    let (mut grantor, mut user, mut grant) = (None, None, String::new());
    // A module without any right does not come back.
    let nothing = ModulePermission::default();
    let mut permission = DeputyPermission { send_on_behalf: false, mail: nothing, calendar: nothing };
    reader.children(object, |reader, child| {
        if child.is_nil() {
            return Ok(());
        }
        match child.name() {
            "grantorId" => grantor = Some(UserId(reader.number(child)?)),
            "userId" => user = Some(UserId(reader.number(child)?)),
            "deputyId" => grant = reader.text(child)?.into_owned(),
            "sendOnBehalfOf" => permission.send_on_behalf = reader.flag(child)?,
            "modulePermissions" => match read_module(reader, child)? {
                (module, rights) if module == "mail" => permission.mail = rights,
                (module, rights) if module == "calendar" => permission.calendar = rights,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    })?;
    match (grantor, user) {
        (Some(grantor), Some(user)) => Ok((grantor, user, Deputy { grant, permission })),
        _ => Err(Unreadable::new("a deputy permission has no grantorId or no userId")),
    }
}

fn read_module<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<(String, ModulePermission), Unreadable> {
    let (mut module, mut rights) = (String::new(), ModulePermission::default());
    reader.children(object, |reader, child| {
        if child.is_nil() {
            return Ok(());
        }
        match child.name() {
            "moduleId" => module = reader.text(child)?.into_owned(),
            "admin" => rights.admin = reader.flag(child)?,
            "folderPermission" => rights.folder = reader.number(child)?,
            "readPermission" => rights.read = reader.number(child)?,
            "writePermission" => rights.write = reader.number(child)?,
            "deletePermission" => rights.delete = reader.number(child)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((module, rights))
}
