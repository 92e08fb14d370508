//! `OXSecondaryAccountService` ("functional accounts"), called with the administrator of the context.
//!
//! No request names a group: group 0 means all users of the context, and a deletion for all of them would also delete the
//! primary account of a user with that address, for good (`ox-soap.md` 5.6, 6.5 rule 1).

use std::collections::BTreeSet;

use super::envelope::{Envelope, Ns};
use super::operation::{Operation, describe};
use super::reader::{Answer, Element, Reader, Unreadable};
use crate::ox::model::{ContextId, ObservedAccount, UserId};

/// `create`, with the mail server of the users' own accounts.
pub struct Create<'a> {
    /// In this context.
    pub context: ContextId,
    /// Mail address.
    pub address: &'a str,
    /// Account name.
    pub name: &'a str,
    /// Sender name.
    pub personal: Option<&'a str>,
    /// Login.
    pub login: &'a str,
    /// Whose.
    pub users: &'a BTreeSet<UserId>,
}

impl Operation for Create<'_> {
    describe!(Write SecondaryAccount "create");

    fn write(&self, out: &mut Envelope<'_>) {
        out.node(Ns::Operation, "accountDataOnCreate", |out| {
            out.text(Ns::Data, "login", self.login);
            out.text(Ns::Data, "name", self.name);
            out.text(Ns::Data, "primaryAddress", self.address);
            if let Some(personal) = self.personal {
                out.text(Ns::Data, "personal", personal);
            }
            out.text(Ns::Data, "mailEndpointSource", "primary");
        });
        write_targets(out, self.context, self.users);
    }
}

/// `update` of the accounts with an address. Answers whether there was one.
pub struct Update<'a> {
    /// In this context.
    pub context: ContextId,
    /// Mail address.
    pub address: &'a str,
    /// Account name.
    pub name: &'a str,
    /// Sender name; none clears it.
    pub personal: Option<&'a str>,
    /// Login.
    pub login: &'a str,
    /// Whose.
    pub users: &'a BTreeSet<UserId>,
}

impl Operation for Update<'_> {
    describe!(Write SecondaryAccount "update" -> bool);

    fn write(&self, out: &mut Envelope<'_>) {
        out.text(Ns::Operation, "primaryAddress", self.address);
        out.node(Ns::Operation, "accountDataUpdate", |out| {
            out.text(Ns::Data, "login", self.login);
            out.text(Ns::Data, "name", self.name);
            out.text(Ns::Data, "personal", self.personal.unwrap_or_default());
        });
        write_targets(out, self.context, self.users);
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<bool, Unreadable> {
        answer.one(Reader::flag)
    }
}

/// `delete` of the accounts with an address. Answers whether there was one.
///
/// The caller makes sure that the address is the primary one of none of the users.
pub struct Delete<'a> {
    /// In this context.
    pub context: ContextId,
    /// Mail address.
    pub address: &'a str,
    /// Whose.
    pub users: &'a BTreeSet<UserId>,
}

impl Operation for Delete<'_> {
    describe!(Write SecondaryAccount "delete" -> bool);

    fn write(&self, out: &mut Envelope<'_>) {
        out.text(Ns::Operation, "primaryAddress", self.address);
        write_targets(out, self.context, self.users);
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<bool, Unreadable> {
        answer.one(Reader::flag)
    }
}

/// `list` of the accounts of users, or of all users if none is given; one entry for each user and account.
pub struct List<'a> {
    /// In this context.
    pub context: ContextId,
    /// Whose.
    pub users: &'a BTreeSet<UserId>,
    /// Only those with this address; compares without case.
    pub address: Option<&'a str>,
}

impl Operation for List<'_> {
    describe!(Read SecondaryAccount "list" -> Vec<(String, ObservedAccount)>);

    fn write(&self, out: &mut Envelope<'_>) {
        write_targets(out, self.context, self.users);
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Self::Answer, Unreadable> {
        let wanted = self.address.map(str::to_lowercase);
        let mut accounts = answer.list(read_account)?;
        accounts.retain(|(address, _)| wanted.as_ref().is_none_or(|wanted| *wanted == address.to_lowercase()));
        Ok(accounts)
    }
}

fn write_targets(out: &mut Envelope<'_>, context: ContextId, users: &BTreeSet<UserId>) {
    out.id("context", context);
    for user in users {
        out.id("users", user);
    }
    out.auth();
}

/// Passwords come in clear text; they are not even looked at.
fn read_account<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<(String, ObservedAccount), Unreadable> {
    let mut user = None;
    let (mut address, mut name, mut login, mut personal) = (String::new(), String::new(), String::new(), None);
    reader.children(object, |reader, child| {
        match child.field() {
            "userId" => user = Some(UserId(reader.number(child)?)),
            "primaryAddress" => address = reader.text(child)?.into_owned(),
            "name" => name = reader.text(child)?.into_owned(),
            "login" => login = reader.text(child)?.into_owned(),
            "personal" => personal = Some(reader.text(child)?.into_owned()),
            _ => {}
        }
        Ok(())
    })?;
    let user = user.ok_or_else(|| Unreadable::new("an account has no user"))?;
    Ok((address, ObservedAccount { user, name, personal, login }))
}
