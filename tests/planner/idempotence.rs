//! Whatever happens, in whatever order and wherever it is cut off: the last word counts, and then nothing is left to do.
//! As in the engine, a task that was cut off is taken up again before a newer one of the same object.
//!
//! The harness checks the second half itself: it plans the same once more after each success and insists on no calls.

use oxherd::ox::model::{ContextId, FieldValue};
use oxherd::ox::state::OxState;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::World;

/// A text property: absent, empty or one of few values, so that equal values are frequent.
fn text() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), Just(json!("")), Just(json!("one")), Just(json!("two")), Just(json!("ÄÖ ü"))]
}

fn context() -> impl Strategy<Value = u32> {
    prop_oneof![Just(10u32), Just(20), Just(30)]
}

fn subset() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(vec!["anna", "bert", "carl", "dora"], 0..=4)
}

prop_compose! {
    fn user()(
        context in context(),
        texts in proptest::collection::vec(text(), 5),
        phone in proptest::collection::vec("[0-9]{1,3}", 0..3),
        aliases in proptest::sample::subsequence(vec!["p@x.org", "q@x.org", "Q@x.org", "r@x.org"], 0..=4),
        primary in prop_oneof![Just("p@x.org"), Just("P@x.org"), Just("q@x.org")],
        quota in prop_oneof![Just(Value::Null), Just(json!(-1)), Just(json!(5)), Just(json!("7"))],
        birthday in prop_oneof![Just(Value::Null), Just(json!("2000-01-01")), Just(json!("02.02.2002"))],
        access in prop_oneof![Just(json!("premium")), Just(json!("none")), Just(Value::Null), Just(json!("unknown"))],
        is_ox_user in prop::bool::weighted(0.9),
        name in prop_oneof![Just("anna"), Just("berta")],
        deputies in proptest::sample::subsequence(vec!["bert", "carl"], 0..=2),
    ) -> Value {
        let row = |name: &&str| json!([crate::world::user_dn(name), "02440", "00000", "1"]);
        json!({
            "oxContext": context, "oxNote": texts[0], "title": texts[1], "oxDisplayName": texts[2], "displayName": texts[3],
            "organisation": texts[4], "phone": phone, "mailAlternativeAddress": aliases, "mailPrimaryAddress": primary,
            "oxUserQuota": quota, "birthday": birthday, "oxAccess": access, "isOxUser": is_ox_user, "username": name,
            "oxDeputyPermissionGivenTo": deputies.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// How often users are there in all contexts, besides the given ones.
fn users_in_ox(world: &World, name: &[&str]) -> usize {
    world
        .ox
        .contexts
        .values()
        .flat_map(|context| context.users.values())
        .filter(|user| name.contains(&user.name.as_str()))
        .count()
}

/// As many cases as `PROPTEST_CASES` says, or a number that takes few seconds.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn users(steps in proptest::collection::vec((user(), proptest::option::weighted(0.4, (0usize..8, any::<bool>()))), 1..6)) {
        let mut world = World::new();
        world.user("bert", json!({}));
        world.user("carl", json!({"oxContext": 20}));
        for (properties, crash) in &steps {
            world.cut(*crash, |world| world.user("anna", properties.clone()));
        }
        let (last, _) = steps.last().unwrap();
        let outcome = world.user("anna", last.clone());
        prop_assert!(outcome.rejection.is_none(), "{:?}", outcome.rejection);
        let wanted = usize::from(last["isOxUser"] == json!(true));
        prop_assert_eq!(users_in_ox(&world, &["anna", "berta"]), wanted);
        if wanted == 1 {
            let state = world.user_state("anna");
            prop_assert_eq!(state.context, ContextId(u32::try_from(last["oxContext"].as_u64().unwrap()).unwrap()));
            prop_assert_eq!((&state.former, &state.after_copy), (&None, &None));
            prop_assert_eq!(&state.name, last["username"].as_str().unwrap());
            for (attribute, value) in &state.fields {
                prop_assert_eq!(world.in_ox("anna").fields.get(attribute), Some(value), "{} is recorded as sent", attribute);
            }
            for (attribute, value) in &world.in_ox("anna").fields {
                let empty = [FieldValue::Text(String::new()), FieldValue::Number(-1)].contains(value);
                prop_assert!(empty || state.fields.contains_key(attribute), "{} is recorded", attribute);
            }
        }
        world.delete("anna");
        prop_assert_eq!(users_in_ox(&world, &["anna", "berta"]), 0);
    }

    #[test]
    fn groups_and_functional_accounts(
        steps in proptest::collection::vec(
            (subset(), subset(), context(), any::<bool>(), 0usize..4, proptest::option::weighted(0.3, (0usize..4, any::<bool>()))),
            1..6,
        )
    ) {
        let names = ["anna", "bert", "carl", "dora"];
        let mut world = World::new();
        for (members, ox_users, context, is_group, moved, crash) in &steps {
            for name in names {
                let context = if name == names[*moved] { *context } else { 10 };
                world.user(name, json!({"isOxUser": ox_users.contains(&name), "oxContext": context}));
            }
            world.cut(*crash, |world| world.group("sales", members, json!({"isOxGroup": is_group})));
            world.cut(*crash, |world| world.functional("info", members, json!({})));
        }
        let (members, ox_users, context, is_group, moved, _) = steps.last().unwrap();
        let group = world.group("sales", members, json!({"isOxGroup": is_group}));
        let account = world.functional("info", members, json!({}));
        prop_assert!(group.rejection.is_none() && account.rejection.is_none());
        let wanted: Vec<&str> = members.iter().copied().filter(|name| ox_users.contains(name)).collect();
        for number in [10, 20, 30] {
            let here: Vec<_> = wanted
                .iter()
                .filter(|name| number == if **name == names[*moved] { *context } else { 10 })
                .map(|name| world.ox_id(name))
                .collect();
            let held = &world.ox.contexts[&ContextId(number)];
            let members = held.group("sales").map(|group| group.members.iter().copied().collect::<Vec<_>>());
            let mut sorted = here.clone();
            sorted.sort();
            prop_assert_eq!(members, (*is_group && !here.is_empty()).then_some(sorted.clone()));
            let owners: Vec<_> = held.accounts.keys().map(|(user, _)| *user).collect();
            prop_assert_eq!(owners, sorted);
        }
        world.delete("group-sales");
        world.delete("fa-info");
        prop_assert!(world.ox.contexts.values().all(|held| held.accounts.is_empty() && held.group("sales").is_none()));
    }

    #[test]
    fn resources(steps in proptest::collection::vec(
        (context(), text(), text(), proptest::option::weighted(0.4, (0usize..3, any::<bool>()))), 1..6,
    )) {
        let mut world = World::new();
        let put = |world: &mut World, (context, description, display, _): &(u32, Value, Value, _)| {
            world.resource("room", json!({"oxContext": context, "description": description, "displayname": display}))
        };
        for step in &steps {
            world.cut(step.3, |world| put(world, step));
        }
        let outcome = put(&mut world, steps.last().unwrap());
        prop_assert!(outcome.rejection.is_none());
        let all: Vec<_> = world.ox.contexts.iter().flat_map(|(id, held)| held.resources.values().map(move |_| id.0)).collect();
        prop_assert_eq!(all, vec![steps.last().unwrap().0]);
        let OxState::Resource(state) = world.state("res-room") else { panic!() };
        prop_assert_eq!(&world.ox.contexts[&state.context].resources[&state.id], &state.fields);
    }

    #[test]
    fn contexts(steps in proptest::collection::vec(
        (prop_oneof![Just(Value::Null), Just(json!(5)), Just(json!("0"))], prop_oneof![Just("one"), Just("two")],
         proptest::option::weighted(0.4, (0usize..2, any::<bool>()))), 1..6,
    )) {
        let mut world = World::new();
        for (quota, name, crash) in &steps {
            world.cut(*crash, |world| world.context(77, json!({"oxQuota": quota, "name": name})));
        }
        let (quota, name, _) = steps.last().unwrap();
        let outcome = world.context(77, json!({"oxQuota": quota, "name": name}));
        prop_assert!(outcome.rejection.is_none());
        prop_assert_eq!(&world.ox.context(77).name, name);
    }

    #[test]
    fn shared_accounts(steps in proptest::collection::vec(
        (subset(), subset(), text(), prop_oneof![Just("none"), Just("viewer"), Just("author")],
         proptest::option::weighted(0.4, (0usize..3, any::<bool>()))), 1..6,
    )) {
        let mut world = World::new();
        for (members, ox_users, display, role, crash) in &steps {
            for name in ["anna", "bert", "carl", "dora"] {
                world.user(name, json!({"isOxUser": ox_users.contains(&name)}));
            }
            world.permission("p", json!({"mail": role}));
            let pairs: Vec<Value> = members.iter().map(|name| json!([name, "perm-p"])).collect();
            let properties = json!({"users": pairs, "displayName": format!("x{display}")});
            prop_assert!(world.cut(*crash, |world| world.shared("team", properties.clone())).rejection.is_none());
            let OxState::Shared(state) = world.state("shared-team") else { panic!() };
            let (fields, permissions) = &world.ox.contexts[&state.context].shared[&state.id];
            prop_assert_eq!(fields, &state.fields);
            prop_assert_eq!(Some(permissions), state.permissions.as_ref());
            prop_assert_eq!(world.ox.context(10).shared.len(), 1);
        }
    }
}
