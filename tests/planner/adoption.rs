//! Adopt policies: none, one, many, owned by another object.

use oxherd::engine::RejectionCategory;
use oxherd::ox::settings::Adopt;
use serde_json::{Value, json};

use crate::world::{Outcome, World};

const POLICIES: [(Adopt, &str); 3] =
    [(Adopt::Never, "is Never"), (Adopt::ById, "is MatchById"), (Adopt::ByName, "is MatchByName")];

fn world(policy: Adopt) -> World {
    let mut world = World::new();
    world.settings.adopt = policy;
    world.user("berta", json!({}));
    world
}

/// Makes one thing of a type.
type Make = fn(&mut World, Value) -> Outcome;

/// Each type that is found by name: identifier, what makes one, and what changes one that was taken over.
const THINGS: [(&str, Make, &str); 4] = [
    ("anna", |world, overrides| world.user("anna", overrides), "UserCreate"),
    ("group-g", |world, overrides| world.group("g", &["berta"], overrides), "GroupCreate"),
    ("res-r", |world, overrides| world.resource("r", overrides), "ResourceCreate"),
    ("shared-s", |world, overrides| world.shared("s", overrides), "SharedCreate"),
];

#[test]
fn none_it_is_created_and_only_where_the_name_does_not_decide_a_question_comes_first() {
    for (policy, _) in POLICIES {
        for (object, make, create) in THINGS {
            let mut world = world(policy);
            let outcome = make(&mut world, json!({}));
            assert_eq!(outcome.names()[0], create);
            assert_eq!(outcome.asked.len(), usize::from(policy != Adopt::ByName), "{policy:?} {object}");
        }
    }
}

#[test]
fn one_it_is_taken_over_by_name_only() {
    for (policy, text) in POLICIES {
        for (object, make, create) in THINGS {
            let mut world = world(policy);
            make(&mut world, json!({}));
            world.forget(object);
            let before = world.ox.clone();
            let outcome = make(&mut world, json!({}));
            if policy == Adopt::ByName {
                assert!(outcome.rejection.is_none() && !outcome.names().contains(&create), "{object}: {outcome:?}");
            } else {
                assert_eq!(outcome.rejection.as_ref().unwrap().category, RejectionCategory::Conflict);
                assert!(outcome.refused().contains(text) && outcome.refused().contains("MatchByName"), "{outcome:?}");
                assert_eq!(world.ox, before, "not touched");
            }
        }
    }
}

#[test]
fn owned_by_another_object_it_is_a_conflict_under_each_policy() {
    for (policy, _) in POLICIES {
        let mut world = world(policy);
        world.user("anna", json!({}));
        let outcome = world.user("other", json!({"username": "anna"}));
        assert!(outcome.refused().contains("already used in OX context 10 by another object"), "{outcome:?}");
    }
}

#[test]
fn a_crash_around_any_call_of_a_create_is_recognised() {
    for (policy, _) in POLICIES {
        for (object, make, _) in THINGS {
            for (calls, after) in [(0, false), (0, true)] {
                let (mut cut, mut straight) = (world(policy), world(policy));
                let outcome = cut.cut(Some((calls, after)), |world| make(world, json!({})));
                assert!(outcome.rejection.is_none(), "{policy:?} {object} {after}: {outcome:?}");
                make(&mut straight, json!({}));
                // What may be done with an account that was found is made sure of: nobody may do anything.
                for (_, permissions) in cut.ox.context(10).shared.values_mut() {
                    permissions.retain(|permission| !permission.users.is_empty());
                }
                assert_eq!(cut.ox, straight.ox, "{policy:?} {object} {after}");
            }
        }
    }
}

#[test]
fn a_crash_in_a_move_is_recognised() {
    for (policy, _) in POLICIES {
        for calls in 0..5 {
            for after in [false, true] {
                let mut world = world(policy);
                world.user("anna", json!({}));
                let moved = |world: &mut World| world.rename("anna", "anne", json!({"oxContext": 20}));
                let outcome = world.cut(Some((calls, after)), moved);
                assert!(outcome.rejection.is_none(), "{policy:?} {calls} {after}: {outcome:?}");
                assert!(world.ox.context(20).user("anne").is_some());
                assert!(world.ox.context(20).user("anna").is_none() && world.ox.context(10).user("anna").is_none());
            }
        }
    }
}

#[test]
fn a_context_is_known_by_its_number_and_under_never_only_if_it_is_ours() {
    for (policy, _) in POLICIES {
        let mut world = world(policy);
        world.context(40, json!({}));
        world.forget("ctx-40");
        let outcome = world.context(40, json!({}));
        assert_eq!(outcome.rejection.is_some(), policy == Adopt::Never, "{outcome:?}");
        let cut = world.cut(Some((0, true)), |world| world.context(50, json!({})));
        assert!(cut.rejection.is_none(), "{cut:?}");
    }
}
