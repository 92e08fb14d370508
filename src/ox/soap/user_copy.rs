//! `OXUserCopyService`, called with the master administrator. An extra package: it can be missing.

use super::envelope::{Envelope, Ns};
use super::operation::{Kind, Operation, Service};
use super::reader::{Answer, Unreadable};
use crate::ox::model::{ContextId, UserId};

/// `copyUser`: the source user stays, the copy is in no group and its quota is 0 (`ox-soap.md` 5.7).
pub struct Copy<'a> {
    /// Which user.
    pub user: UserId,
    /// Its login name; sent, so that OX notices early that the name is taken.
    pub name: &'a str,
    /// Where it is.
    pub from: ContextId,
    /// Where the copy goes.
    pub to: ContextId,
}

impl Operation for Copy<'_> {
    type Answer = UserId;
    const SERVICE: Service = Service::UserCopy;
    const KIND: Kind = Kind::Write;

    fn name(&self) -> &'static str {
        "copyUser"
    }

    fn context(&self) -> Option<ContextId> {
        Some(self.to)
    }

    fn write(&self, out: &mut Envelope<'_>) {
        out.node(Ns::Operation, "user", |out| {
            out.plain(Ns::Data, "id", self.user);
            out.text(Ns::Data, "name", self.name);
        });
        out.id("src", self.from);
        out.id("dest", self.to);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<UserId, Unreadable> {
        answer.one_id().map(UserId)
    }
}
