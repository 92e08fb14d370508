//! Small changes of a big group take a short way, see `Known::former`. The harness plans each of them on the long way as well
//! and insists on the same plan; here the changes are as varied as a directory can make them.

use oxherd::engine::Known;
use oxherd::ox::model::{ContextId, Group, GroupId, UserId};
use oxherd::ox::plan::{self, PlanInput, Step};
use oxherd::ox::state::{GroupState, OxState};
use oxherd::udm::ObjectType;
use proptest::prelude::*;
use serde_json::json;

use crate::world::{World, properties, user_dn};

const USERS: usize = 12;

#[derive(Clone, Debug)]
enum Change {
    /// A member more, at this place of the list.
    In(usize, usize),
    /// The member at this place less.
    Out(usize),
    /// The list in another order.
    Turn(usize),
    /// A name twice in the list, in another case.
    Twice(usize),
    /// A user moves to another context.
    Move(usize, u32),
    /// A user is no longer one of OX, or is again.
    Switch(usize),
    /// A user gets another name. Its group hears of it with the next change of members, or does not.
    Rename(usize, bool),
    /// A user is deleted, and the list is as it was.
    Delete(usize),
    /// Another display name of the group.
    Title(u8),
}

fn change() -> impl Strategy<Value = Change> {
    let (user, place) = (0..USERS, 0..USERS);
    prop_oneof![
        6 => (user.clone(), place.clone()).prop_map(|(user, place)| Change::In(user, place)),
        4 => place.clone().prop_map(Change::Out),
        1 => place.clone().prop_map(Change::Turn),
        1 => place.prop_map(Change::Twice),
        1 => (user.clone(), prop_oneof![Just(10), Just(20)]).prop_map(|(user, context)| Change::Move(user, context)),
        1 => user.clone().prop_map(Change::Switch),
        1 => (user.clone(), any::<bool>()).prop_map(|(user, told)| Change::Rename(user, told)),
        1 => user.prop_map(Change::Delete),
        1 => (0..3u8).prop_map(Change::Title),
    ]
}

/// What the directory holds.
struct Directory {
    world: World,
    users: Vec<User>,
    members: Vec<String>,
    title: u8,
}

#[derive(Clone)]
struct User {
    /// Its login name; none if it was deleted.
    name: Option<String>,
    context: u32,
    is_ox: bool,
    renamed: u32,
}

impl Directory {
    fn new() -> Self {
        let user = |number| User { name: Some(format!("u{number}")), context: 10, is_ox: true, renamed: 0 };
        let mut directory = Self {
            world: World::new(),
            users: (0..USERS).map(user).collect(),
            members: (0..8).map(|number| format!("u{number}")).collect(),
            title: 0,
        };
        for number in 0..USERS {
            directory.put(number);
        }
        directory.send();
        directory
    }

    fn put(&mut self, number: usize) {
        let User { name, context, is_ox, .. } = self.users[number].clone();
        let name = name.unwrap();
        self.world.rename(&format!("u{number}"), &name, json!({"oxContext": context, "isOxUser": is_ox}));
    }

    fn send(&mut self) {
        let members: Vec<_> = self.members.iter().map(String::as_str).collect();
        let outcome = self.world.group("all", &members, json!({"name": format!("all{}", self.title)}));
        assert_eq!(outcome.rejection, None);
    }

    fn make(&mut self, change: &Change) {
        match *change {
            Change::In(user, place) => {
                if let Some(name) = self.users[user].name.clone().filter(|name| !self.members.contains(name)) {
                    self.members.insert(place.min(self.members.len()), name);
                }
                self.send();
            }
            Change::Out(place) if place < self.members.len() => {
                self.members.remove(place);
                self.send();
            }
            Change::Turn(by) if !self.members.is_empty() => {
                let by = by % self.members.len();
                self.members.rotate_left(by);
                self.send();
            }
            Change::Twice(place) if place < self.members.len() => {
                let again = self.members[place].to_uppercase();
                self.members.push(again);
                self.send();
                self.members.pop();
                self.send();
            }
            Change::Title(title) => {
                self.title = title;
                self.send();
            }
            Change::Move(user, context) if self.users[user].name.is_some() => {
                self.users[user].context = context;
                self.put(user);
            }
            Change::Switch(user) if self.users[user].name.is_some() => {
                self.users[user].is_ox = !self.users[user].is_ox;
                self.put(user);
            }
            Change::Rename(number, told) if self.users[number].name.is_some() => {
                let user = &mut self.users[number];
                user.renamed += 1;
                let new = format!("u{number}x{}", user.renamed);
                let old = user.name.replace(new.clone()).unwrap();
                self.put(number);
                // The directory renames the member as well, and tells it at once or with the next change of the group.
                for member in self.members.iter_mut().filter(|member| **member == old) {
                    member.clone_from(&new);
                }
                if told {
                    self.send();
                }
            }
            Change::Delete(user) if self.users[user].name.take().is_some() => {
                self.world.delete(&format!("u{user}"));
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_short_way_leads_where_the_long_one_does(changes in prop::collection::vec(change(), 1..12)) {
        let mut directory = Directory::new();
        for change in &changes {
            directory.make(change);
        }
        directory.send();
    }
}

/// The short way is taken: nothing is asked about members that stayed.
#[test]
fn one_change_among_many_members_looks_at_one() {
    let names: Vec<_> = (0..1_000).map(|number| user_dn(&format!("u{number}"))).collect();
    let group = |users: &[String]| properties(json!({"name": "all", "isOxGroup": true, "users": users}));
    let members = (0..999).map(UserId).collect();
    let held = Group { id: GroupId(9), name: "all".into(), display_name: "all".into(), members };
    let state = OxState::Groups(GroupState { groups: [(ContextId(10), held)].into(), ..GroupState::default() });
    let mut known = Known::default();
    known.set_former(group(&names[..999]));
    let (object, dn) = (crate::world::id("g"), crate::world::dn("cn=all,dc=example"));
    let desired = group(&names);
    let input = PlanInput {
        object: &object,
        kind: ObjectType::Group,
        dn: &dn,
        desired: Some(&desired),
        state: &state,
        known: &known,
        facts: &[],
    };
    let Step::Lookup { faces, .. } = plan::plan(&crate::world::settings(), &input).unwrap() else { panic!() };
    assert_eq!(faces, [oxherd::state::Handle::dn(&crate::world::dn(&names[999]))]);
}
