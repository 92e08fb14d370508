//! The world around the planner: a store of records and an ideal OX, driven as the engine does it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use oxherd::engine::{Known, Rejection};
use oxherd::ox::attribute::Attribute;
use oxherd::ox::mapping::Mapping;
use oxherd::ox::model::{Call, ContextId, FieldValue, MailServer, Query, UserId};
use oxherd::ox::plan::{self, OxPlan, PlanInput, Step};
use oxherd::ox::settings::{Adopt, Feature, Features, Identifiers, Settings};
use oxherd::ox::state::{OxState, UserState};
use oxherd::ox::template::{AccountTemplate, LoginTemplate};
use oxherd::state::{Footprint, Found, Handle};
use oxherd::udm::{Change, Dn, Event, ObjectId, ObjectType, Properties};
use serde_json::{Value, json};

use crate::ox::{Ox, User};

pub fn settings() -> Settings {
    let server = |scheme: &str, port| MailServer { scheme: scheme.into(), host: "mail.example.org".into(), port };
    Settings {
        default_context: ContextId(10),
        language: "de_DE".into(),
        timezone: "Europe/Berlin".into(),
        domain: "example.org".into(),
        imap: server("imaps", 993),
        smtp: server("smtp", 587),
        imap_login: LoginTemplate::parse("{}").unwrap(),
        functional_account_login: AccountTemplate::parse(""),
        identifiers: Identifiers::default(),
        features: Features {
            deputies: Feature::On,
            shared_accounts: Feature::On,
            convert_guest: Feature::On,
            user_copy: Feature::On,
        },
        adopt: Adopt::ByName,
        mapping: Mapping::default(),
    }
}

pub fn properties(value: Value) -> Properties {
    serde_json::from_value(value).unwrap()
}

pub fn dn(text: &str) -> Dn {
    text.parse().unwrap()
}

pub fn user_dn(name: &str) -> String {
    format!("uid={name},cn=users,dc=example")
}

pub fn id(text: &str) -> ObjectId {
    ObjectId::new(text).unwrap()
}

#[derive(Clone)]
struct Record {
    kind: ObjectType,
    dn: Dn,
    desired: Option<Properties>,
    state: OxState,
    face: Value,
    footprint: Footprint,
    /// It was planned to its end, and nothing that it refers to has changed since.
    settled: bool,
}

/// What happened to one object.
#[derive(Debug, Default)]
pub struct Outcome {
    pub calls: Vec<Call>,
    pub asked: Vec<Query>,
    pub skipped: Option<String>,
    pub warnings: Vec<String>,
    pub attributes: Vec<String>,
    pub rejection: Option<Rejection>,
    /// What happened to the objects that depend on it, by name of object.
    pub ripple: BTreeMap<String, Vec<Call>>,
}

impl Outcome {
    pub fn names(&self) -> Vec<&'static str> {
        self.calls.iter().map(Call::name).collect()
    }

    /// The fields of the only user create or change.
    pub fn fields(&self) -> Value {
        let mut fields = self.calls.iter().filter_map(|call| match call {
            Call::UserCreate { fields, .. } | Call::UserChange { fields, .. } => Some(fields),
            _ => None,
        });
        let found = fields.next().expect("a user create or change");
        assert!(fields.next().is_none(), "only one user create or change");
        Value::Object(found.iter().map(|(attribute, value)| (attribute.to_string(), plain(value))).collect())
    }

    pub fn json(&self) -> Value {
        serde_json::to_value(&self.calls).unwrap()
    }

    pub fn refused(&self) -> &str {
        &self.rejection.as_ref().unwrap_or_else(|| panic!("not refused: {self:?}")).message
    }

    /// Names of the calls that were made for a dependent object.
    pub fn rippled(&self, name: &str) -> Vec<&'static str> {
        self.ripple.get(name).map(|calls| calls.iter().map(Call::name).collect()).unwrap_or_default()
    }
}

pub fn plain(value: &FieldValue) -> Value {
    match value {
        FieldValue::Text(text) | FieldValue::Date(text) => json!(text),
        FieldValue::Texts(texts) => json!(texts),
        FieldValue::Number(number) => json!(number),
        FieldValue::Flag(flag) => json!(flag),
        FieldValue::Picture(picture) => json!(picture.fingerprint),
        FieldValue::GeneratedSecret => json!("<secret>"),
    }
}

pub struct World {
    pub settings: Settings,
    pub ox: Ox,
    records: BTreeMap<ObjectId, Record>,
    waiting: BTreeMap<ObjectId, (Event, Vec<Handle>)>,
    /// The handles whose dependants have to be planned again after the last work on an object.
    touched: BTreeMap<ObjectId, BTreeSet<Handle>>,
    /// Makes the n-th call from now fail as if the process had died just before (`false`) or just after it (`true`).
    pub crash: Option<(usize, bool)>,
    /// The durable intentions of each object.
    intentions: RefCell<BTreeMap<ObjectId, Vec<Handle>>>,
}

impl World {
    /// A world with the contexts 10, 20 and 30 and the profile `premium`.
    pub fn new() -> Self {
        let mut world = Self::empty(settings());
        for context in [10, 20, 30] {
            world.context(context, json!({}));
        }
        world.profile("premium", json!({"webmail": true, "contacts": true, "calendar": "TRUE", "usm": "FALSE"}));
        world
    }

    pub fn empty(settings: Settings) -> Self {
        let (records, waiting, touched) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { settings, ox: Ox::default(), records, waiting, touched, crash: None, intentions: RefCell::default() }
    }

    pub fn context(&mut self, number: u32, overrides: Value) -> Outcome {
        let base = json!({"name": format!("context{number}"), "contextid": number});
        self.put(
            ObjectType::Context,
            &format!("ctx-{number}"),
            &format!("cn=context{number},dc=example"),
            base,
            overrides,
        )
    }

    pub fn profile(&mut self, name: &str, rights: Value) -> Outcome {
        let base = json!({"name": name, "displayName": name});
        self.put(
            ObjectType::AccessProfile,
            &format!("profile-{name}"),
            &format!("cn=profile{},dc=example", self.records.len()),
            base,
            rights,
        )
    }

    /// A user with the usual properties; `null` in the overrides takes one away.
    pub fn user(&mut self, name: &str, overrides: Value) -> Outcome {
        self.put(ObjectType::User, name, &user_dn(name), user_properties(name), overrides)
    }

    /// A user that keeps its identity under a new name.
    pub fn rename(&mut self, name: &str, new_name: &str, overrides: Value) -> Outcome {
        let mut base = user_properties(name);
        base["username"] = json!(new_name);
        self.put(ObjectType::User, name, &user_dn(new_name), base, overrides)
    }

    pub fn group(&mut self, name: &str, members: &[&str], overrides: Value) -> Outcome {
        let users: Vec<String> = members.iter().map(|name| user_dn(name)).collect();
        let base = json!({"name": name, "isOxGroup": "OK", "users": users});
        self.put(
            ObjectType::Group,
            &format!("group-{name}"),
            &format!("cn={name},cn=groups,dc=example"),
            base,
            overrides,
        )
    }

    pub fn functional(&mut self, name: &str, members: &[&str], overrides: Value) -> Outcome {
        let users: Vec<String> = members.iter().map(|name| user_dn(name)).collect();
        let base = json!({"name": name, "mailPrimaryAddress": format!("{name}@example.org"), "users": users});
        self.put(
            ObjectType::FunctionalAccount,
            &format!("fa-{name}"),
            &format!("cn={name},cn=fa,dc=example"),
            base,
            overrides,
        )
    }

    pub fn shared(&mut self, name: &str, overrides: Value) -> Outcome {
        let base = json!({"name": name, "displayName": name, "oxContext": 10, "mailPrimaryAddress": format!("{name}@example.org")});
        self.put(
            ObjectType::SharedAccount,
            &format!("shared-{name}"),
            &format!("cn={name},cn=sa,dc=example"),
            base,
            overrides,
        )
    }

    pub fn permission(&mut self, name: &str, overrides: Value) -> Outcome {
        let base = json!({"name": name, "displayName": name});
        let dn = format!("cn={name},cn=perm,dc=example");
        self.put(ObjectType::SharedAccountPermission, &format!("perm-{name}"), &dn, base, overrides)
    }

    pub fn resource(&mut self, name: &str, overrides: Value) -> Outcome {
        let base = json!({"name": name, "displayname": name, "resourceMailAddress": format!("{name}@example.org")});
        self.put(ObjectType::Resource, &format!("res-{name}"), &format!("cn={name},cn=res,dc=example"), base, overrides)
    }

    pub fn put(&mut self, kind: ObjectType, object: &str, at: &str, mut base: Value, overrides: Value) -> Outcome {
        for (name, value) in overrides.as_object().unwrap() {
            base[name] = value.clone();
        }
        self.apply(Event { object: id(object), kind, dn: dn(at), change: Change::Present(properties(base)) })
    }

    pub fn delete(&mut self, object: &str) -> Outcome {
        let object = id(object);
        let record = self.records.get(&object).unwrap_or_else(|| panic!("{object} has no record"));
        let (kind, dn) = (record.kind, record.dn.clone());
        self.apply(Event { object, kind, dn, change: Change::Deleted })
    }

    /// Loses the record of an object; what OX holds of it stays.
    pub fn forget(&mut self, object: &str) {
        self.records.remove(&id(object)).unwrap_or_else(|| panic!("{object} has no record"));
    }

    /// Plans an object again from its record.
    pub fn replan(&mut self, object: &str) -> Outcome {
        let object = id(object);
        let record = self.records[&object].clone();
        let change = record.desired.map_or(Change::Deleted, Change::Present);
        self.take(&Event { object, kind: record.kind, dn: record.dn, change })
    }

    pub fn state(&self, object: &str) -> &OxState {
        &self.records[&id(object)].state
    }

    pub fn set_state(&mut self, object: &str, state: OxState) {
        self.records.get_mut(&id(object)).unwrap().state = state;
    }

    pub fn footprint(&self, object: &str) -> &Footprint {
        &self.records[&id(object)].footprint
    }

    pub fn face(&self, object: &str) -> &Value {
        &self.records[&id(object)].face
    }

    pub fn is_waiting(&self, object: &str) -> bool {
        self.waiting.contains_key(&id(object))
    }

    pub fn user_state(&self, object: &str) -> &UserState {
        match self.state(object) {
            OxState::User(user) => user,
            other => panic!("{object} is {other:?}"),
        }
    }

    pub fn ox_id(&self, object: &str) -> UserId {
        self.user_state(object).id
    }

    /// The user in OX with the number that the record says.
    pub fn in_ox(&self, object: &str) -> &User {
        let state = self.user_state(object);
        &self.ox.contexts[&state.context].users[&state.id]
    }

    pub fn value(&self, object: &str, attribute: &str) -> Value {
        let attribute: Attribute = attribute.parse().unwrap();
        self.in_ox(object).fields.get(&attribute).map_or(Value::Null, plain)
    }

    /// Does something that is cut off at a call, then does it again.
    pub fn cut(&mut self, crash: Option<(usize, bool)>, mut work: impl FnMut(&mut Self) -> Outcome) -> Outcome {
        self.crash = crash;
        let outcome = work(self);
        if self.crash.take().is_some() { work(self) } else { outcome }
    }

    /// Works on an event as the engine does, then plans its dependants again, and at last checks that nothing is left to do.
    pub fn apply(&mut self, event: Event) -> Outcome {
        let event = plan::reduce(&self.settings, event);
        self.take(&event)
    }

    fn take(&mut self, event: &Event) -> Outcome {
        let mut outcome = self.work(event);
        let crashed = self.crash.is_some_and(|(left, _)| left == 0);
        if crashed {
            self.records.values_mut().for_each(|record| record.settled = false);
        }
        if outcome.rejection.is_none() && !crashed {
            self.assert_settled(event);
        }
        if !crashed {
            self.ripple(&event.object, &mut outcome);
        }
        outcome
    }

    fn ripple(&mut self, object: &ObjectId, outcome: &mut Outcome) {
        let mut queue = vec![object.clone()];
        let mut done = BTreeSet::from([object.clone()]);
        while let Some(changed) = queue.pop() {
            let touched = self.touched.remove(&changed).unwrap_or_default();
            for record in self.records.values_mut() {
                record.settled &= !record.footprint.refs.iter().any(|handle| touched.contains(handle));
            }
            let dependants: Vec<Event> = self
                .records
                .iter()
                .filter(|(other, record)| {
                    !done.contains(other) && record.footprint.refs.iter().any(|handle| touched.contains(handle))
                })
                .map(|(other, record)| Event {
                    object: other.clone(),
                    kind: record.kind,
                    dn: record.dn.clone(),
                    change: record.desired.clone().map_or(Change::Deleted, Change::Present),
                })
                .collect();
            let parked: Vec<Event> = self
                .waiting
                .iter()
                .filter(|(other, (_, waits))| {
                    !done.contains(other) && waits.iter().any(|handle| touched.contains(handle))
                })
                .map(|(_, (event, _))| event.clone())
                .collect();
            for event in dependants.into_iter().chain(parked) {
                let followed = self.work(&event);
                if followed.rejection.is_none() {
                    self.assert_settled(&event);
                }
                outcome.ripple.entry(event.object.to_string()).or_default().extend(followed.calls);
                done.insert(event.object.clone());
                queue.push(event.object.clone());
            }
        }
    }

    fn work(&mut self, event: &Event) -> Outcome {
        let mut outcome = Outcome::default();
        let before = self.records.get(&event.object).cloned();
        let mut state = before.as_ref().map(|record| record.state.clone()).unwrap_or_default();
        let result = self.drive(event, &mut state, &mut outcome);
        let failed = result.is_err();
        if !matches!(result, Err(None)) {
            self.intentions.get_mut().remove(&event.object);
        }
        match result {
            Ok(()) => {
                self.waiting.remove(&event.object);
            }
            Err(None) => {}
            Err(Some(rejection)) => {
                self.waiting.insert(event.object.clone(), (event.clone(), rejection.waits_for.clone()));
                outcome.rejection = Some(rejection);
            }
        }
        let desired = event.desired();
        let kept = if failed { before.as_ref().and_then(|record| record.desired.clone()) } else { desired.cloned() };
        let footprint = plan::footprint(&self.settings, &event.object, event.kind, &event.dn, kept.as_ref(), &state);
        let face = kept.as_ref().map_or(Value::Null, |desired| plan::face(&self.settings, event.kind, desired, &state));
        let mut touched = BTreeSet::new();
        let changed = before.as_ref().is_none_or(|before| {
            before.face != face || before.footprint.handles != footprint.handles || desired.is_none()
        });
        if changed {
            touched.extend(footprint.handles.iter().cloned());
            touched.extend(before.iter().flat_map(|before| before.footprint.handles.iter().cloned()));
        }
        self.touched.insert(event.object.clone(), touched);
        let empty = state == OxState::Nothing;
        if (desired.is_none() && empty) || (failed && before.is_none() && empty) {
            self.records.remove(&event.object);
        } else {
            // Stored as JSON, so it must read back.
            let json = serde_json::to_value(&state).unwrap();
            assert_eq!(serde_json::from_value::<OxState>(json).unwrap(), state);
            let (kind, dn) = (event.kind, event.dn.clone());
            let settled = !failed;
            self.records
                .insert(event.object.clone(), Record { kind, dn, desired: kept, state, face, footprint, settled });
        }
        outcome
    }

    /// Plans and executes until there is nothing left. `Err(None)` is a crash.
    fn drive(&mut self, event: &Event, state: &mut OxState, outcome: &mut Outcome) -> Result<(), Option<Rejection>> {
        let mut facts = Vec::new();
        'again: for _ in 0..20 {
            let plan = self.plan(event, state, &mut facts, &mut outcome.asked).map_err(Some)?;
            *state = plan.base;
            outcome.skipped = plan.skipped;
            outcome.warnings.extend(plan.warnings);
            outcome.attributes = plan.attributes;
            for call in plan.calls {
                if self.crash == Some((0, false)) {
                    return Err(None);
                }
                match self.ox.execute(&call) {
                    Ok(effect) => {
                        if self.crash == Some((0, true)) {
                            return Err(None);
                        }
                        if let Some((left, _)) = &mut self.crash {
                            *left -= 1;
                        }
                        state.advance(&call, &effect);
                        outcome.calls.push(call);
                    }
                    Err(fact) => {
                        facts.push(fact);
                        continue 'again;
                    }
                }
            }
            return Ok(());
        }
        panic!("planning never ends: {facts:?}");
    }

    fn plan(
        &self,
        event: &Event,
        state: &OxState,
        facts: &mut Vec<oxherd::ox::model::Fact>,
        asked: &mut Vec<Query>,
    ) -> Result<OxPlan, Rejection> {
        let former = self.records.get(&event.object).filter(|record| record.settled && facts.is_empty());
        let short = former.and_then(|record| record.desired.clone()).map(|former| {
            let mut known = Known::default();
            known.set_former(former);
            self.plan_knowing(known, event, state, &mut Vec::new(), &mut Vec::new())
        });
        let plan = self.plan_knowing(Known::default(), event, state, facts, asked);
        if let Some(short) = short {
            assert_eq!(short, plan, "what is known of the last plan saves work and changes nothing");
        }
        plan
    }

    fn plan_knowing(
        &self,
        mut known: Known,
        event: &Event,
        state: &OxState,
        facts: &mut Vec<oxherd::ox::model::Fact>,
        asked: &mut Vec<Query>,
    ) -> Result<OxPlan, Rejection> {
        for _ in 0..30 {
            let input = PlanInput {
                object: &event.object,
                kind: event.kind,
                dn: &event.dn,
                desired: event.desired(),
                state,
                known: &known,
                facts,
            };
            match plan::plan(&self.settings, &input)? {
                Step::Do(plan) => return Ok(plan),
                Step::Ask(query) => {
                    facts.push(self.ox.answer(&query));
                    asked.push(query);
                }
                Step::Recall => {
                    assert_eq!(known.intentions(), None, "recalled once");
                    known.set_intentions(self.intentions.borrow().get(&event.object).cloned().unwrap_or_default());
                }
                Step::Intend(name) => {
                    self.intentions.borrow_mut().entry(event.object.clone()).or_default().push(name.clone());
                    known.intend(name);
                }
                Step::Lookup { faces, properties, referrers } => {
                    assert!(!(faces.is_empty() && properties.is_empty() && referrers.is_empty()));
                    for handle in faces {
                        let found = self.holder(&handle);
                        known.set_face(handle, found);
                    }
                    for object in properties {
                        let found = self.records.get(&object).and_then(|record| record.desired.clone());
                        known.set_properties(object, found.unwrap_or_default());
                    }
                    for handle in referrers {
                        let found = self.records.iter().filter(|(_, record)| record.footprint.refs.contains(&handle));
                        let found = found.map(|(object, record)| found_of(&handle, object, record)).collect();
                        known.set_referrers(handle, found);
                    }
                }
            }
        }
        panic!("planning never ends");
    }

    fn holder(&self, handle: &Handle) -> Option<Found> {
        let found = self.records.iter().find(|(_, record)| record.footprint.handles.contains(handle));
        found.map(|(object, record)| found_of(handle, object, record))
    }

    /// Planning the same again must give nothing: no calls, no questions, no warning that was given before.
    fn assert_settled(&mut self, event: &Event) {
        let state = self.records.get(&event.object).map(|record| record.state.clone()).unwrap_or_default();
        let (mut facts, mut asked) = (Vec::new(), Vec::new());
        let plan = self.plan(event, &state, &mut facts, &mut asked).expect("still plannable");
        assert_eq!(plan.calls, [], "planning again");
        assert_eq!(asked, [], "planning again");
        // What OX refuses is noted with the next plan after a create, together with a warning.
        assert!(plan.base == state || !plan.warnings.is_empty(), "planning again: {:?} {state:?}", plan.base);
        assert!(plan.attributes.is_empty(), "{:?}", plan.attributes);
    }
}

fn found_of(handle: &Handle, object: &ObjectId, record: &Record) -> Found {
    Found { handle: handle.clone(), object: object.clone(), kind: record.kind, face: record.face.clone() }
}

pub fn user_properties(name: &str) -> Value {
    let mut family = name.to_owned();
    family[..1].make_ascii_uppercase();
    json!({
        "username": name, "firstname": "Given", "lastname": family, "mailPrimaryAddress": format!("{name}@example.org"),
        "isOxUser": "OK", "oxContext": 10, "oxAccess": "premium", "oxDisplayName": format!("Given {family}"),
        "univentionObjectIdentifier": name, "password": "never kept",
    })
}
