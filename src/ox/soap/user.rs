//! `OXUserService`, called with the administrator of the context.

use std::collections::VecDeque;

use secrecy::SecretString;

use super::client::Client;
use super::credentials::Login;
use super::envelope::{Envelope, Ns};
use super::fault::{Category, OxFault};
use super::operation::{Kind, Operation, Service, describe};
use super::reader::{Answer, Reader, Unreadable, read_id};
use super::user_data::{read_rights, read_user, write_rights, write_user};
use crate::ox::model::{ContextId, Guests, ObservedUser, UserFields, UserId};
use crate::ox::rights::Rights;

/// How a user is addressed.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// By number.
    Id(UserId),
    /// By login name, which compares with case.
    Name(&'a str),
}

impl Key<'_> {
    fn write(self, out: &mut Envelope<'_>) {
        out.node(Ns::Operation, "user", |out| match self {
            Self::Id(id) => out.plain(Ns::Data, "id", id),
            Self::Name(name) => out.labelled(Ns::Data, "name", "name", name),
        });
    }
}

/// Creates a user: `createByModuleAccess` with rights; plain `create` without rights or when guests are to be converted.
pub struct Create<'a> {
    /// In this context.
    pub context: ContextId,
    /// The fields.
    pub fields: &'a UserFields,
    /// The rights; without them OX takes those of the context administrator.
    pub rights: Option<Rights>,
    /// What happens to a guest with the same address. Only OX 8.36.36 and newer know the element for it.
    pub guests: Guests,
    /// The password for a field that asks for a generated one.
    pub secret: Option<&'a SecretString>,
}

impl Create<'_> {
    /// Converting a guest and setting rights do not go together in one call.
    fn rights_in_call(&self) -> Option<Rights> {
        self.rights.filter(|_| self.guests == Guests::Refuse)
    }
}

impl Operation for Create<'_> {
    type Answer = UserId;
    const SERVICE: Service = Service::User;
    const KIND: Kind = Kind::Write;

    fn name(&self) -> &'static str {
        if self.rights_in_call().is_some() { "createByModuleAccess" } else { "create" }
    }

    fn context(&self) -> Option<ContextId> {
        Some(self.context)
    }

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.node(Ns::Operation, "usrdata", |out| write_user(out, None, self.fields, self.secret));
        if let Some(rights) = self.rights_in_call() {
            write_rights(out, "access", rights);
        }
        out.auth();
        if self.guests == Guests::Convert {
            out.plain(Ns::Operation, "convertguest", true);
        }
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<UserId, Unreadable> {
        answer.one_id().map(UserId)
    }
}

/// `change`: sets the given fields; all others stay.
pub struct Change<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: UserId,
    /// The fields.
    pub fields: &'a UserFields,
    /// The password for a field that asks for a generated one.
    pub secret: Option<&'a SecretString>,
}

impl Operation for Change<'_> {
    describe!(Write User "change");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.node(Ns::Operation, "usrdata", |out| write_user(out, Some(self.user), self.fields, self.secret));
        out.auth();
    }
}

/// `changeByModuleAccess`.
pub struct ChangeRights {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: UserId,
    /// All its rights.
    pub rights: Rights,
}

impl Operation for ChangeRights {
    describe!(Write User "changeByModuleAccess");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        Key::Id(self.user).write(out);
        write_rights(out, "moduleAccess", self.rights);
        out.auth();
    }
}

/// `changeMailAddressPersonal`: the name in the From header.
pub struct ChangePersonal<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: UserId,
    /// The name.
    pub personal: &'a str,
}

impl Operation for ChangePersonal<'_> {
    describe!(Write User "changeMailAddressPersonal");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        Key::Id(self.user).write(out);
        out.text(Ns::Operation, "personal", self.personal);
        out.auth();
    }
}

/// `delete`. Shared data go to the context administrator.
pub struct Delete {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: UserId,
}

impl Operation for Delete {
    describe!(Write User "delete");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        Key::Id(self.user).write(out);
        out.auth();
    }
}

/// `exists`. By number or login name (with case); answers without a fault, which keeps the connection.
pub struct Exists<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: Key<'a>,
}

impl Operation for Exists<'_> {
    describe!(Read User "exists" -> bool);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        self.user.write(out);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<bool, Unreadable> {
        answer.one(Reader::flag)
    }
}

/// `getData`.
pub struct GetData<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: Key<'a>,
}

impl Operation for GetData<'_> {
    describe!(Read User "getData" -> ObservedUser);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        self.user.write(out);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<ObservedUser, Unreadable> {
        answer.one(read_user)
    }
}

/// `getMultipleData`: all or nothing, in the order asked for. Use chunks of some hundred.
pub struct GetMultipleData<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which users; not empty.
    pub users: &'a [UserId],
}

impl Operation for GetMultipleData<'_> {
    describe!(Read User "getMultipleData" -> Vec<ObservedUser>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        for user in self.users {
            out.id("users", user);
        }
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<ObservedUser>, Unreadable> {
        answer.list(read_user)
    }
}

/// `getModuleAccess`. `publication` comes back true after any user call.
pub struct GetRights {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: UserId,
}

impl Operation for GetRights {
    describe!(Read User "getModuleAccess" -> Rights);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        Key::Id(self.user).write(out);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Rights, Unreadable> {
        answer.one(read_rights)
    }
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many users at most.
    pub length: u32,
    /// How many users before.
    pub offset: u32,
}

/// `list`: numbers of users by login or display name; `*` is a wildcard, guests are left out.
pub struct List<'a> {
    /// In this context.
    pub context: ContextId,
    /// The pattern.
    pub pattern: &'a str,
    /// Which part, sorted by number; 7.10 does not know this and needs none. All if none.
    pub page: Option<Page>,
}

impl Operation for List<'_> {
    describe!(Read User "list" -> Vec<UserId>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.text(Ns::Operation, "search_pattern", self.pattern);
        out.auth();
        out.plain(Ns::Operation, "include_guests", false);
        out.plain(Ns::Operation, "exclude_users", false);
        if let Some(page) = self.page {
            out.plain(Ns::Operation, "length", page.length);
            out.plain(Ns::Operation, "offset", page.offset);
        }
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<UserId>, Unreadable> {
        answer.list(|reader, user| read_id(reader, user).map(UserId))
    }
}

/// `listAll`: numbers of all users with the administrator, without guests. Some 12 kB per user.
pub struct ListAll {
    /// In this context.
    pub context: ContextId,
}

impl Operation for ListAll {
    describe!(Read User "listAll" -> Vec<UserId>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.auth();
        out.plain(Ns::Operation, "include_guests", false);
        out.plain(Ns::Operation, "exclude_users", false);
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<UserId>, Unreadable> {
        answer.list(|reader, user| read_id(reader, user).map(UserId))
    }
}

impl Client {
    /// The numbers of all users of a context with the administrator.
    ///
    /// Asks in pages, so that a large context needs no large memory (each number comes in some 12 kB of XML), and all at
    /// once where the server does not know pages (7.10).
    pub async fn user_ids(&self, context: ContextId, login: &Login, page: u32) -> Result<Vec<UserId>, OxFault> {
        let length = page.max(1);
        let mut ids = Vec::new();
        loop {
            let offset = u32::try_from(ids.len()).unwrap_or(u32::MAX);
            let list = List { context, pattern: "*", page: Some(Page { length, offset }) };
            match self.call(&list, login).await {
                Ok(found) => {
                    let more = found.len() == length as usize;
                    ids.extend(found);
                    if !more {
                        return Ok(ids);
                    }
                }
                Err(fault) if fault.category() == Category::UnknownElement => {
                    return self.call(&ListAll { context }, login).await;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Reads users in chunks and hands them out one by one; one chunk is in memory at a time.
    pub fn users<'a>(&'a self, context: ContextId, login: &'a Login, ids: Vec<UserId>, chunk: usize) -> Users<'a> {
        Users { client: self, context, login, ids, chunk: chunk.max(1), ready: VecDeque::new() }
    }
}

/// Users that are read in chunks.
pub struct Users<'a> {
    client: &'a Client,
    context: ContextId,
    login: &'a Login,
    /// The ones to come, the last first.
    ids: Vec<UserId>,
    chunk: usize,
    ready: VecDeque<ObservedUser>,
}

impl Users<'_> {
    /// The next user, in no promised order; none after the last one.
    ///
    /// A user that was deleted meanwhile makes OX refuse its whole chunk; the chunk is then read one by one without it. After
    /// a failure the next call goes on where this one stopped.
    pub async fn next(&mut self) -> Result<Option<ObservedUser>, OxFault> {
        while self.ready.is_empty() && !self.ids.is_empty() {
            let chunk = self.ids.split_off(self.ids.len().saturating_sub(self.chunk));
            match self.client.call(&GetMultipleData { context: self.context, users: &chunk }, self.login).await {
                Ok(users) => self.ready.extend(users),
                Err(fault) if fault.category() == Category::UserGone => self.one_by_one(&chunk).await?,
                Err(fault) => {
                    self.ids.extend(chunk);
                    return Err(fault);
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    async fn one_by_one(&mut self, chunk: &[UserId]) -> Result<(), OxFault> {
        for (at, id) in chunk.iter().enumerate() {
            let user = GetData { context: self.context, user: Key::Id(*id) };
            match self.client.call(&user, self.login).await {
                Ok(user) => self.ready.push_back(user),
                Err(fault) if fault.category() == Category::UserGone => {}
                Err(fault) => {
                    self.ids.extend(&chunk[at..]);
                    return Err(fault);
                }
            }
        }
        Ok(())
    }
}
