//! `OXResourceService`, called with the administrator of the context.

use super::envelope::{Envelope, Ns};
use super::operation::{Operation, describe};
use super::reader::{Answer, Element, Reader, Unreadable};
use crate::ox::model::{ContextId, ObservedResource, ResourceFields, ResourceId};

/// How a resource is addressed.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// By number.
    Id(ResourceId),
    /// By name, which compares without case.
    Name(&'a str),
}

/// `create`.
pub struct Create<'a> {
    /// In this context.
    pub context: ContextId,
    /// The fields.
    pub fields: &'a ResourceFields,
}

impl Operation for Create<'_> {
    describe!(Write Resource "create" -> ResourceId);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        write_resource(out, None, self.fields);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<ResourceId, Unreadable> {
        answer.one_id().map(ResourceId)
    }
}

/// `change`.
pub struct Change<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which resource.
    pub resource: ResourceId,
    /// All its fields.
    pub fields: &'a ResourceFields,
}

impl Operation for Change<'_> {
    describe!(Write Resource "change");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        write_resource(out, Some(self.resource), self.fields);
        out.auth();
    }
}

/// `delete`.
pub struct Delete {
    /// In this context.
    pub context: ContextId,
    /// Which resource.
    pub resource: ResourceId,
}

impl Operation for Delete {
    describe!(Write Resource "delete");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.id("res", self.resource);
        out.auth();
    }
}

/// `getData`.
pub struct GetData<'a> {
    /// In this context.
    pub context: ContextId,
    /// Which resource.
    pub resource: Key<'a>,
}

impl Operation for GetData<'_> {
    describe!(Read Resource "getData" -> ObservedResource);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        match self.resource {
            Key::Id(id) => out.id("res", id),
            Key::Name(name) => out.node(Ns::Operation, "res", |out| out.text(Ns::Data, "name", name)),
        }
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<ObservedResource, Unreadable> {
        answer.one(read_resource)
    }
}

/// `listAll`.
pub struct ListAll {
    /// In this context.
    pub context: ContextId,
}

impl Operation for ListAll {
    describe!(Read Resource "listAll" -> Vec<ObservedResource>);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Vec<ObservedResource>, Unreadable> {
        answer.list(read_resource)
    }
}

fn write_resource(out: &mut Envelope<'_>, id: Option<ResourceId>, fields: &ResourceFields) {
    out.node(Ns::Operation, "res", |out| {
        out.plain(Ns::Data, "available", true);
        out.text(Ns::Data, "description", &fields.description);
        out.text(Ns::Data, "displayname", &fields.display_name);
        out.text(Ns::Data, "email", &fields.mail);
        if let Some(id) = id {
            out.plain(Ns::Data, "id", id);
        }
        out.text(Ns::Data, "name", &fields.name);
    });
}

fn read_resource<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<ObservedResource, Unreadable> {
    let mut id = None;
    let mut fields = ResourceFields {
        name: String::new(),
        display_name: String::new(),
        description: String::new(),
        mail: String::new(),
    };
    reader.children(object, |reader, child| {
        match child.field() {
            "id" => id = Some(ResourceId(reader.number(child)?)),
            "name" => fields.name = reader.text(child)?.into_owned(),
            "displayname" => fields.display_name = reader.text(child)?.into_owned(),
            "description" => fields.description = reader.text(child)?.into_owned(),
            "email" => fields.mail = reader.text(child)?.into_owned(),
            _ => {}
        }
        Ok(())
    })?;
    let id = id.ok_or_else(|| Unreadable::new("a resource has no id"))?;
    Ok(ObservedResource { id, fields })
}
