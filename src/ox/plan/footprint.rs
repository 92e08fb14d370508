//! Footprints: the names that an object holds and depends on. They order tasks and say who is planned again.

use super::shared_account::pairs;
use super::{ContextId, Dn, ObjectId, ObjectType, OxState, Properties, Settings, context_number, handles};
use crate::ox::attribute::Attribute;
use crate::ox::model::{FieldValue, ResourceFields, SharedAccountFields, UserFields};
use crate::ox::settings::Identifier;
use crate::ox::state::UserState;
use crate::state::{Footprint, Handle};

/// The names that an object holds and depends on, with these desired properties and this state. Properties that cannot be
/// read count as not set: planning reports them.
pub fn footprint(
    settings: &Settings,
    object: &ObjectId,
    kind: ObjectType,
    dn: &Dn,
    desired: Option<&Properties>,
    state: &OxState,
) -> Footprint {
    let mut print = Print { settings, object, footprint: Footprint::default() };
    print.footprint.handles.extend([Handle::object(object), Handle::dn(dn)]);
    print.holds(state);
    if let Some(desired) = desired {
        match kind {
            ObjectType::Context => print.context(desired),
            ObjectType::AccessProfile => print.profile(desired),
            ObjectType::User => print.user(desired, state),
            ObjectType::Group => print.group(desired),
            ObjectType::FunctionalAccount => print.functional_account(desired),
            ObjectType::SharedAccountPermission => {}
            ObjectType::SharedAccount => print.shared_account(desired),
            ObjectType::Resource => print.resource(desired, state),
        }
    }
    let mut footprint = print.footprint;
    for handles in [&mut footprint.handles, &mut footprint.claims, &mut footprint.refs] {
        handles.sort();
        handles.dedup();
    }
    footprint
}

struct Print<'a> {
    settings: &'a Settings,
    object: &'a ObjectId,
    footprint: Footprint,
}

impl Print<'_> {
    fn handle(&mut self, handle: Handle) {
        self.footprint.handles.push(handle);
    }

    /// Claims a mail address, in its context and for those whose context is not known yet.
    fn claim_mail(&mut self, context: ContextId, address: &str) {
        self.claim(handles::mail(Some(context), address));
        self.claim(handles::mail(None, address));
    }

    fn claim(&mut self, handle: Handle) {
        self.footprint.claims.push(handle);
    }

    fn depend(&mut self, handle: Handle) {
        self.footprint.refs.push(handle);
    }

    fn name(&self, identifier: &Identifier, desired: &Properties) -> Option<String> {
        identifier.name(self.object, desired).ok().flatten()
    }

    /// What follows from the state alone: the names that the object still holds in OX.
    fn holds(&mut self, state: &OxState) {
        match state {
            OxState::Nothing => {}
            OxState::Context(held) => self.handle(handles::context(held.id)),
            OxState::User(user) => self.user_state(user),
            OxState::Groups(held) => {
                for (context, group) in &held.groups {
                    self.handle(handles::group(*context, group.id));
                    self.claim(handles::group_name(Some(*context), &group.name));
                    self.claim(handles::group_name(None, &group.name));
                }
            }
            OxState::Accounts(held) => {
                for (context, held) in &held.accounts {
                    self.handle(handles::account(*context, &held.address));
                    self.claim_mail(*context, &held.address);
                }
            }
            OxState::Shared(held) => {
                self.handle(handles::shared(held.context, held.id));
                if let Some(fields) = &held.fields {
                    self.shared_fields(held.context, fields);
                }
            }
            OxState::Resource(held) => {
                self.handle(handles::resource(held.context, held.id));
                self.resource_fields(held.context, &held.fields);
            }
        }
    }

    fn user_state(&mut self, user: &UserState) {
        let context = user.context;
        self.handle(handles::user(context, user.id));
        if let Some(former) = user.former {
            self.handle(handles::user(former.context, former.id));
            self.claim(handles::user_name(former.context, &user.name));
        }
        if let Some(primary) = user.text(Attribute::PRIMARY_EMAIL) {
            self.handle(handles::primary(context, primary));
        }
        self.claim(handles::user_name(context, &user.name));
        self.fields(context, &user.fields);
        self.footprint.lane = Some(handles::user_lane(context));
    }

    /// Claims addresses and display name.
    fn fields(&mut self, context: ContextId, fields: &UserFields) {
        for attribute in [Attribute::EMAIL1, Attribute::PRIMARY_EMAIL, Attribute::ALIASES] {
            match fields.get(&attribute) {
                Some(FieldValue::Text(address)) => self.claim_mail(context, address),
                Some(FieldValue::Texts(addresses)) => {
                    for address in addresses {
                        self.claim_mail(context, address);
                    }
                }
                _ => {}
            }
        }
        if let Some(FieldValue::Text(name)) = fields.get(&Attribute::DISPLAY_NAME) {
            self.claim(handles::display(context, name));
        }
    }

    fn user(&mut self, desired: &Properties, state: &OxState) {
        if !desired.flag("isOxUser").unwrap_or_default() {
            return;
        }
        let held = match state {
            OxState::User(held) => Some(held.context),
            _ => None,
        };
        let Some(context) = context_number(desired, "oxContext").ok().flatten().or(held) else { return };
        self.depend(handles::context(context));
        if let Ok(Some(profile)) = desired.text("oxAccess") {
            self.depend(handles::profile(&profile));
        }
        if self.settings.features.deputies.is_on() {
            let rows = desired.rows("oxDeputyPermissionGivenTo").unwrap_or_default();
            for dn in rows.iter().filter_map(|row| row.first()?.parse::<Dn>().ok()) {
                self.depend(Handle::dn(&dn));
            }
        }
        if let Some(name) = self.name(&self.settings.identifiers.user, desired) {
            self.claim(handles::user_name(context, &name));
        }
        let mapping = &self.settings.mapping;
        for attribute in [Attribute::EMAIL1, Attribute::ALIASES] {
            let addresses = mapping.property_of(attribute).and_then(|property| desired.texts(property).ok());
            for address in addresses.unwrap_or_default() {
                self.claim_mail(context, &address);
            }
        }
        let display = ["oxDisplayName", "displayName"].iter().find_map(|property| desired.text(property).ok()?);
        if let Some(display) = display {
            self.claim(handles::display(context, &display));
        }
        self.footprint.lane = Some(handles::user_lane(context));
    }

    fn context(&mut self, desired: &Properties) {
        if let Ok(Some(context)) = context_number(desired, "contextid") {
            self.handle(handles::context(context));
        }
    }

    fn profile(&mut self, desired: &Properties) {
        if let Ok(Some(name)) = desired.text("name") {
            self.handle(handles::profile(&name));
        }
    }

    fn members(&mut self, desired: &Properties) {
        for dn in desired.texts("users").unwrap_or_default().iter().filter_map(|text| text.parse::<Dn>().ok()) {
            self.depend(Handle::dn(&dn));
        }
    }

    fn group(&mut self, desired: &Properties) {
        if desired.flag("isOxGroup").unwrap_or_default() {
            self.members(desired);
            if let Some(name) = self.name(&self.settings.identifiers.group, desired) {
                self.claim(handles::group_name(None, &name));
            }
        }
    }

    fn functional_account(&mut self, desired: &Properties) {
        self.members(desired);
        if let Ok(Some(address)) = desired.text("mailPrimaryAddress") {
            self.claim(handles::mail(None, &address));
        }
    }

    fn shared_account(&mut self, desired: &Properties) {
        for property in ["users", "groups"] {
            for (member, permission) in pairs(desired, property).unwrap_or_default() {
                self.depend(Handle::object(&member));
                self.depend(Handle::object(&permission));
            }
        }
        let Ok(Some(context)) = context_number(desired, "oxContext") else { return };
        self.depend(handles::context(context));
        if let Some(name) = self.name(&self.settings.identifiers.shared_account, desired) {
            self.claim(handles::shared_name(context, &name));
        }
        if let Ok(Some(address)) = desired.text("mailPrimaryAddress") {
            self.claim_mail(context, &address);
        }
    }

    fn shared_fields(&mut self, context: ContextId, fields: &SharedAccountFields) {
        self.claim(handles::shared_name(context, &fields.name));
        self.claim_mail(context, &fields.mail);
    }

    fn resource(&mut self, desired: &Properties, state: &OxState) {
        let held = match state {
            OxState::Resource(held) => held.context,
            _ => self.settings.default_context,
        };
        let context = context_number(desired, "oxContext").ok().flatten().unwrap_or(held);
        self.depend(handles::context(context));
        if let Ok(Some(name)) = desired.text("name") {
            self.claim(handles::resource_name(context, &name));
        }
        if let Ok(Some(address)) = desired.text("resourceMailAddress") {
            self.claim_mail(context, &address);
        }
    }

    fn resource_fields(&mut self, context: ContextId, fields: &ResourceFields) {
        self.claim(handles::resource_name(context, &fields.name));
        self.claim_mail(context, &fields.mail);
    }
}
