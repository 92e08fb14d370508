//! `OXContextService`, called with the master administrator, who costs OX 70 ms per call; `getData` also with the
//! administrator of the context, who costs next to nothing.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};

use super::envelope::{Envelope, Ns};
use super::operation::{Kind, Operation, Service, describe};
use super::reader::{Answer, Element, Reader, Unreadable};
use super::user_data::write_rights;
use crate::ox::model::{ContextAccess, ContextAdmin, ContextId, Megabytes, ObservedContext};
use crate::ox::rights::Rights;

/// `create`, with automatic choice of the database schema.
pub struct Create<'a> {
    /// The number.
    pub context: ContextId,
    /// The name.
    pub name: &'a str,
    /// Storage limit.
    pub quota: Megabytes,
    /// Login mappings; OX adds number and name.
    pub mappings: &'a [String],
    /// Its administrator.
    pub admin: &'a ContextAdmin,
    /// The password of the administrator.
    pub password: &'a SecretString,
}

impl Operation for Create<'_> {
    describe!(Write Context "create");

    fn write(&self, out: &mut Envelope<'_>) {
        let change = Change {
            context: self.context,
            name: Some(self.name),
            quota: Some(self.quota),
            mappings: (!self.mappings.is_empty()).then_some(self.mappings),
        };
        change.write_context(out);
        out.node(Ns::Operation, "admin_user", |out| {
            out.text(Ns::Data, "display_name", "OX Admin");
            out.text(Ns::Data, "email1", &self.admin.mail);
            out.text(Ns::Data, "given_name", "OX");
            out.text(Ns::Data, "language", &self.admin.language);
            out.text(Ns::Data, "name", &self.admin.name);
            out.text(Ns::Data, "password", self.password.expose_secret());
            out.text(Ns::Data, "primaryEmail", &self.admin.mail);
            out.text(Ns::Data, "sur_name", "Admin");
            out.text(Ns::Data, "timezone", &self.admin.timezone);
        });
        out.auth();
        out.node(Ns::Operation, "schema_select_strategy", |out| out.text(Ns::Data, "strategy", "automatic"));
    }
}

/// `change`: sets what is given. Mappings are replaced as a whole; number and name stay mapped.
pub struct Change<'a> {
    /// The number.
    pub context: ContextId,
    /// The name.
    pub name: Option<&'a str>,
    /// Storage limit.
    pub quota: Option<Megabytes>,
    /// Login mappings.
    pub mappings: Option<&'a [String]>,
}

impl Change<'_> {
    fn write_context(&self, out: &mut Envelope<'_>) {
        out.node(Ns::Operation, "ctx", |out| {
            out.plain(Ns::Data, "id", self.context);
            match self.mappings {
                // One empty element leaves only number and name.
                Some([]) => out.text(Ns::Data, "loginMappings", ""),
                Some(mappings) => mappings.iter().for_each(|mapping| out.text(Ns::Data, "loginMappings", mapping)),
                None => {}
            }
            if let Some(quota) = self.quota {
                out.plain(Ns::Data, "maxQuota", quota);
            }
            if let Some(name) = self.name {
                out.text(Ns::Data, "name", name);
            }
        });
    }
}

impl Operation for Change<'_> {
    describe!(Write Context "change");

    fn write(&self, out: &mut Envelope<'_>) {
        self.write_context(out);
        out.auth();
    }
}

/// `delete`, with everything in it. OX goes on deleting for a moment after its answer.
pub struct Delete {
    /// The number.
    pub context: ContextId,
}

impl Operation for Delete {
    describe!(Write Context "delete");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.auth();
    }
}

/// `enable` or `disable`.
pub struct Access {
    /// The number.
    pub context: ContextId,
    /// Which of the two.
    pub access: ContextAccess,
}

impl Operation for Access {
    type Answer = ();
    const SERVICE: Service = Service::Context;
    const KIND: Kind = Kind::Write;

    fn name(&self) -> &'static str {
        match self.access {
            ContextAccess::Enabled => "enable",
            ContextAccess::Disabled => "disable",
        }
    }

    fn context(&self) -> Option<ContextId> {
        Some(self.context)
    }

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.auth();
    }

    fn read(&self, _: &mut Answer<'_>) -> Result<(), Unreadable> {
        Ok(())
    }
}

/// `exists`.
pub struct Exists {
    /// The number.
    pub context: ContextId,
}

impl Operation for Exists {
    describe!(Read Context "exists" -> bool);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<bool, Unreadable> {
        answer.one(Reader::flag)
    }
}

/// `getData`, with the master or the administrator of the context.
pub struct GetData {
    /// The number.
    pub context: ContextId,
}

impl Operation for GetData {
    describe!(Read Context "getData" -> ObservedContext);

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<ObservedContext, Unreadable> {
        answer.one(read_context).map(|(_, context)| context)
    }
}

/// `listAll`.
pub struct ListAll;

impl Operation for ListAll {
    type Answer = Vec<(ContextId, ObservedContext)>;
    const SERVICE: Service = Service::Context;
    const KIND: Kind = Kind::Read;

    fn name(&self) -> &'static str {
        "listAll"
    }

    fn context(&self) -> Option<ContextId> {
        None
    }

    fn write(&self, out: &mut Envelope<'_>) {
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Self::Answer, Unreadable> {
        answer.list(read_context)
    }
}

/// `listPage`: a part of the contexts whose name or mappings match.
pub struct ListPage<'a> {
    /// The pattern; `*` is a wildcard.
    pub pattern: &'a str,
    /// How many before.
    pub offset: u32,
    /// How many at most.
    pub length: u32,
}

impl Operation for ListPage<'_> {
    type Answer = Vec<(ContextId, ObservedContext)>;
    const SERVICE: Service = Service::Context;
    const KIND: Kind = Kind::Read;

    fn name(&self) -> &'static str {
        "listPage"
    }

    fn context(&self) -> Option<ContextId> {
        None
    }

    fn write(&self, out: &mut Envelope<'_>) {
        out.text(Ns::Operation, "search_pattern", self.pattern);
        out.plain(Ns::Operation, "offset", self.offset);
        out.plain(Ns::Operation, "length", self.length);
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<Self::Answer, Unreadable> {
        answer.list(read_context)
    }
}

/// `changeModuleAccess`: sets the rights of all users of the context.
pub struct ChangeRights {
    /// The number.
    pub context: ContextId,
    /// The rights.
    pub rights: Rights,
}

impl Operation for ChangeRights {
    describe!(Write Context "changeModuleAccess");

    fn write(&self, out: &mut Envelope<'_>) {
        out.ctx(self.context);
        write_rights(out, "access", self.rights);
        out.auth();
    }
}

fn read_context<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<(ContextId, ObservedContext), Unreadable> {
    let mut id = None;
    // Without limit the quota is nil.
    let mut context = ObservedContext { name: String::new(), quota: -1, mappings: BTreeSet::new() };
    reader.children(object, |reader, child| {
        match child.field() {
            "id" => id = Some(ContextId(reader.number(child)?)),
            "name" => context.name = reader.text(child)?.into_owned(),
            "maxQuota" => context.quota = reader.number(child)?,
            "loginMappings" => {
                context.mappings.insert(reader.text(child)?.into_owned());
            }
            _ => {}
        }
        Ok(())
    })?;
    let id = id.ok_or_else(|| Unreadable::new("a context has no id"))?;
    // Lists name the number among the mappings, `getData` does not.
    context.mappings.remove(&id.to_string());
    Ok((id, context))
}
