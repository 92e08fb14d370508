//! `OXGroupService`, called with the administrator of the context. Group calls do not wait for user writes.

use std::collections::BTreeSet;

use super::envelope::{Envelope, Ns};
use super::operation::{Operation, describe};
use super::reader::{Answer, Element, Reader, Unreadable, read_id};
use crate::ox::model::{ContextId, Group, GroupId, UserId};

/// How a group is addressed.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// By number.
    Id(GroupId),
    /// By name, which compares without case.
    Name(&'a str),
}

/// `create`.
pub struct Create<'a> {
    /// In this context.
    pub context: ContextId,
    /// Name.
    pub name: &'a str,
    /// Display name.
    pub display_name: &'a str,
    /// Members.
    pub members: &'a BTreeSet<UserId>,
}

impl Operation for Create<'_> {
    describe!(Write Group "create" -> GroupId);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        write_group(out, None, self.name, self.display_name, self.members);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<GroupId, Unreadable> {
        answer.one_id().map(GroupId)
    }
}

/// `change`. OX replaces the members in any case, so they are always sent (`ox-soap.md` 5.4).
pub struct Change<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which group.
    pub group: GroupId,
    /// Name.
    pub name: &'a str,
    /// Display name.
    pub display_name: &'a str,
    /// Members; without any the group becomes empty.
    pub members: &'a BTreeSet<UserId>,
}

impl Operation for Change<'_> {
    describe!(Write Group "change");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        write_group(out, Some(self.group), self.name, self.display_name, self.members);
        out.auth();
    }
}

/// Whether members come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// `addMember`: refused as a whole if one already is a member.
    In,
    /// `removeMember`: who is no member does not matter.
    Out,
}

/// `addMember` or `removeMember`: 9 ms in a group of 600, where a `change` takes 190 ms.
pub struct MoveMembers<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which group.
    pub group: GroupId,
    /// In or out.
    pub direction: Move,
    /// Who; not empty.
    pub members: &'a BTreeSet<UserId>,
}

impl Operation for MoveMembers<'_> {
    type Answer = ();
    const SERVICE: super::Service = super::Service::Group;
    const KIND: super::Kind = super::Kind::Write;

    fn name(&self) -> &'static str {
        match self.direction {
            Move::In => "addMember",
            Move::Out => "removeMember",
        }
    }

    fn context(&self) -> Option<ContextId> {
        Some(self.context)
    }

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.id("grp", self.group);
        for member in self.members {
            out.id("members", member);
        }
        out.auth();
    }

    fn read(&self, _: &mut Answer<'_>) -> Result<(), Unreadable> {
        Ok(())
    }
}

/// `delete`.
pub struct Delete {
    /// In this context.
    pub context: ContextId,
    /// Which group.
    pub group: GroupId,
}

impl Operation for Delete {
    describe!(Write Group "delete");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.id("grp", self.group);
        out.auth();
    }
}

/// `getData`.
pub struct GetData<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which group.
    pub group: Key<'a>,
}

impl Operation for GetData<'_> {
    describe!(Read Group "getData" -> Group);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        match self.group {
            Key::Id(id) => out.id("grp", id),
            Key::Name(name) => out.node(Ns::Operation, "grp", |out| out.text(Ns::Data, "name", name)),
        }
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Group, Unreadable> {
        answer.one(read_group)
    }
}

/// `getMultipleData`: all or nothing, in the order asked for.
pub struct GetMultipleData<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which groups.
    pub groups: &'a [GroupId],
}

impl Operation for GetMultipleData<'_> {
    describe!(Read Group "getMultipleData" -> Vec<Group>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        for group in self.groups {
            out.id("grps", group);
        }
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<Group>, Unreadable> {
        answer.list(read_group)
    }
}

/// `getMembers`.
pub struct GetMembers {
    /// In this context.
    pub context: ContextId,
    /// Which group.
    pub group: GroupId,
}

impl Operation for GetMembers {
    describe!(Read Group "getMembers" -> BTreeSet<UserId>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.id("grp", self.group);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<BTreeSet<UserId>, Unreadable> {
        Ok(answer.list(|reader, user| read_id(reader, user).map(UserId))?.into_iter().collect())
    }
}

/// `listAll`: all groups with their members; the default group is among them and has all users.
pub struct ListAll {
    /// In this context.
    pub context: ContextId,
}

impl Operation for ListAll {
    describe!(Read Group "listAll" -> Vec<Group>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<Group>, Unreadable> {
        answer.list(read_group)
    }
}

/// `listGroupsForUser`: the groups of a user with all their members.
pub struct ListForUser {
    /// In this context.
    pub context: ContextId,
    /// Which user.
    pub user: UserId,
}

impl Operation for ListForUser {
    describe!(Read Group "listGroupsForUser" -> Vec<Group>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.id("usr", self.user);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<Group>, Unreadable> {
        answer.list(read_group)
    }
}

fn write_group(
    out: &mut Envelope<'_>,
    id: Option<GroupId>,
    name: &str,
    display_name: &str,
    members: &BTreeSet<UserId>,
) {
    out.node(Ns::Operation, "grp", |out| {
        out.text(Ns::Data, "displayname", display_name);
        if let Some(id) = id {
            out.plain(Ns::Data, "id", id);
        }
        for member in members {
            out.plain(Ns::Data, "members", member);
        }
        out.text(Ns::Data, "name", name);
    });
}

fn read_group<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<Group, Unreadable> {
    let mut id = None;
    let (mut name, mut display_name, mut members) = (String::new(), String::new(), BTreeSet::new());
    reader.children(object, |reader, child| {
        match child.field() {
            "id" => id = Some(GroupId(reader.number(child)?)),
            "name" => name = reader.text(child)?.into_owned(),
            "displayname" => display_name = reader.text(child)?.into_owned(),
            "members" => {
                members.insert(UserId(reader.number(child)?));
            }
            _ => {}
        }
        Ok(())
    })?;
    let id = id.ok_or_else(|| Unreadable::new("a group has no id"))?;
    Ok(Group { id, name, display_name, members })
}
