//! How long planning takes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use oxherd::engine::Known;
use oxherd::ox::handles;
use oxherd::ox::mapping::Mapping;
use oxherd::ox::model::{ContextId, Effect, Group, GroupId, MailServer, UserId};
use oxherd::ox::plan::{self, OxPlan, PlanInput, Step};
use oxherd::ox::settings::{Adopt, Feature, Features, Identifiers, Settings};
use oxherd::ox::state::{GroupState, OxState};
use oxherd::ox::template::{AccountTemplate, LoginTemplate};
use oxherd::state::{Found, Handle};
use oxherd::udm::{Dn, ObjectId, ObjectType, Properties};
use serde_json::{Value, json};

struct Case {
    settings: Settings,
    object: ObjectId,
    dn: Dn,
    known: Known,
}

impl Case {
    fn new() -> Self {
        let server = |scheme: &str, port| MailServer { scheme: scheme.into(), host: "mail.example.org".into(), port };
        let settings = Settings {
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
        };
        let mut known = Known::default();
        let mut learn = |handle: Handle, kind, face: Value| {
            let object = ObjectId::new(handle.as_str()).unwrap();
            known.set_face(handle.clone(), Some(Found { handle, object, kind, face }));
        };
        learn(handles::context(ContextId(10)), ObjectType::Context, json!({"admin": "oxadmin"}));
        learn(handles::profile("premium"), ObjectType::AccessProfile, json!({"rights": ["webmail", "contacts"]}));
        let dn = "uid=anna,cn=users,dc=example".parse().unwrap();
        Self { settings, object: ObjectId::new("anna").unwrap(), dn, known }
    }

    fn plan(&self, desired: &Properties, state: &OxState) -> OxPlan {
        let input = PlanInput {
            object: &self.object,
            kind: ObjectType::User,
            dn: &self.dn,
            desired: Some(desired),
            state,
            known: &self.known,
            facts: &[],
        };
        match plan::plan(&self.settings, &input).unwrap() {
            Step::Do(plan) => plan,
            other => panic!("{other:?}"),
        }
    }
}

fn anna(title: &str) -> Properties {
    let mut properties = json!({
        "username": "anna", "firstname": "Anna", "lastname": "Example", "mailPrimaryAddress": "anna@example.org",
        "isOxUser": "OK", "oxContext": 10, "oxAccess": "premium", "oxDisplayName": "Anna Example", "title": title,
        "mailAlternativeAddress": ["a@example.org", "b@example.org"], "phone": ["1", "2"], "birthday": "1984-02-29",
        "street": "Street 1", "city": "Bremen", "postcode": "28195", "organisation": "Example", "oxNote": "Note",
    });
    for field in 1..=20 {
        properties[format!("oxUserfield{field:02}")] = json!(format!("value {field}"));
    }
    serde_json::from_value(properties).unwrap()
}

fn benches(criterion: &mut Criterion) {
    let case = Case::new();
    let (before, after) = (anna("Dr."), anna("Prof."));
    let created = case.plan(&before, &OxState::Nothing);
    let mut state = created.base;
    state.advance(&created.calls[0], &Effect::Created(3));
    assert_eq!(case.plan(&after, &state).calls.len(), 1);
    assert_eq!(case.plan(&before, &state).calls.len(), 0);

    criterion.bench_function("user create", |b| b.iter(|| case.plan(black_box(&before), &OxState::Nothing)));
    criterion.bench_function("user change", |b| b.iter(|| case.plan(black_box(&after), &state)));
    criterion.bench_function("user unchanged", |b| b.iter(|| case.plan(black_box(&before), &state)));
    criterion.bench_function("user footprint", |b| {
        b.iter(|| {
            plan::footprint(&case.settings, &case.object, ObjectType::User, &case.dn, Some(black_box(&after)), &state)
        });
    });
}

/// One more member in a group of 50,000: as usual, where only the difference is looked at, and as it is planned when something
/// else may have changed.
fn big_group(criterion: &mut Criterion) {
    const MEMBERS: u32 = 50_000;
    let mut case = Case::new();
    let context = ContextId(10);
    let mut users = Vec::new();
    for number in 0..=MEMBERS {
        let name = format!("uid=user{number:07},cn=users,dc=bench,dc=example");
        let handle = Handle::dn(&name.parse().unwrap());
        let object = ObjectId::new(handle.as_str()).unwrap();
        let face = json!({"context": 10, "id": number, "version": "0123456789abcdef"});
        case.known.set_face(handle.clone(), Some(Found { handle, object, kind: ObjectType::User, face }));
        users.push(name);
    }
    let group = |users: &[String]| -> Properties {
        serde_json::from_value(json!({"name": "all", "isOxGroup": true, "users": users})).unwrap()
    };
    let (former, desired) = (group(&users[..users.len() - 1]), group(&users));
    let names = users
        .iter()
        .enumerate()
        .map(|(number, name)| (name.parse::<Dn>().unwrap(), (context, UserId(u32::try_from(number).unwrap()))));
    let names: Vec<_> = names.take(users.len() - 1).collect();
    let members = (0..MEMBERS).map(UserId).collect();
    let held = Group { id: GroupId(9), name: "all".into(), display_name: "all".into(), members };
    let names = names.iter().map(|(name, user)| (name, *user)).collect();
    let state = OxState::Groups(GroupState { groups: [(context, held)].into(), names });
    let plan = |known: &Known| {
        let input = PlanInput {
            object: &case.object,
            kind: ObjectType::Group,
            dn: &case.dn,
            desired: Some(&desired),
            state: &state,
            known,
            facts: &[],
        };
        match plan::plan(&case.settings, &input).unwrap() {
            Step::Do(plan) => assert_eq!(plan.calls.len(), 1),
            other => panic!("{other:?}"),
        }
    };
    let mut group = criterion.benchmark_group("one more member of 50000");
    group.sample_size(20);
    group.bench_function("everything is looked at", |b| b.iter(|| plan(black_box(&case.known))));
    let mut known = case.known.clone();
    known.set_former(former);
    group.bench_function("only that may have changed", |b| b.iter(|| plan(black_box(&known))));
    group.bench_function("footprint", |b| {
        b.iter(|| {
            plan::footprint(
                &case.settings,
                &case.object,
                ObjectType::Group,
                &case.dn,
                Some(black_box(&desired)),
                &state,
            )
        });
    });
    group.finish();
}

criterion_group!(plans, benches, big_group);
criterion_main!(plans);
