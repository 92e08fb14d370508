//! What can happen in the directory, and how it is delivered. Actions name slots, not objects, so that a shorter case means
//! the same; what the directory would refuse at that moment does nothing.

use proptest::prelude::*;

/// Slots of each type. Few, so that they meet.
pub const USERS: usize = 5;
pub const CONTEXTS: usize = 3;
pub const PROFILES: usize = 2;
pub const GROUPS: usize = 2;
pub const RESOURCES: usize = 2;
pub const ACCOUNTS: usize = 2;
pub const SHARED: usize = 2;
pub const PERMISSIONS: usize = 2;
/// Names for users, groups, resources and shared accounts, each.
pub const NAMES: usize = 6;
/// Mail addresses for everybody.
pub const MAILS: usize = 8;

/// One thing that happens in the directory. Users, groups and so on by slot; `members` are bits.
#[derive(Clone, Debug)]
pub enum Action {
    Context { context: usize, quota: u8 },
    RenameContext { context: usize, name: usize },
    DeleteContext { context: usize },
    Profile { profile: usize, rights: u8 },
    DeleteProfile { profile: usize },
    User { user: usize, name: usize, mail: usize, context: usize, profile: usize },
    RenameUser { user: usize, name: usize },
    MoveUser { user: usize, context: usize },
    RenameAndMoveUser { user: usize, name: usize, context: usize },
    Readdress { user: usize, mail: usize },
    Alias { user: usize, mail: Option<usize> },
    SwapAddresses { one: usize, other: usize },
    SwapNames { one: usize, other: usize },
    EditUser { user: usize, value: u8 },
    GiveProfile { user: usize, profile: usize },
    ToggleUser { user: usize },
    Deputies { user: usize, members: u8 },
    Resend { user: usize },
    DeleteUser { user: usize },
    RecreateUser { user: usize },
    Group { group: usize, name: usize, members: u8 },
    RenameGroup { group: usize, name: usize },
    ToggleGroup { group: usize },
    DeleteGroup { group: usize },
    Account { account: usize, mail: usize, members: u8 },
    ReaddressAccount { account: usize, mail: usize },
    DeleteAccount { account: usize },
    Permission { permission: usize, role: u8 },
    DeletePermission { permission: usize },
    Shared { shared: usize, name: usize, mail: usize, context: usize },
    Grant { shared: usize, members: u8, groups: u8, permission: usize },
    DeleteShared { shared: usize },
    Resource { resource: usize, name: usize, mail: usize, context: usize },
    RenameResource { resource: usize, name: usize },
    MoveResource { resource: usize, context: usize },
    DeleteResource { resource: usize },
}

/// What happens after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: the next one comes at once.
    Next,
    /// The connector works for some milliseconds.
    Work(u8),
    /// Everything comes to rest.
    Settle,
    /// The connector ends in the middle of its work and starts again.
    Restart,
}

/// A whole case.
#[derive(Clone, Debug)]
pub struct Case {
    pub steps: Vec<(Action, Then)>,
    /// How many tasks the engine looks at ahead.
    pub window: usize,
    /// Milliseconds that OX takes for a write.
    pub latency: u8,
}

/// Cases of all kinds.
pub fn case() -> impl Strategy<Value = Case> {
    let step = (action(), then());
    let window = prop_oneof![Just(2usize), Just(7), Just(64)];
    (prop::collection::vec(step, 1..32), window, prop_oneof![3 => Just(0u8), 1 => 1u8..4])
        .prop_map(|(steps, window, latency)| Case { steps, window, latency })
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        20 => Just(Then::Next),
        4 => (1u8..15).prop_map(Then::Work),
        1 => Just(Then::Settle),
        1 => Just(Then::Restart),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![2 => contexts(), 1 => profiles(), 8 => users(), 8 => changes(), 3 => groups(), 3 => accounts(), 3 => shared(), 2 => resources()]
}

fn contexts() -> impl Strategy<Value = Action> {
    let context = 0..CONTEXTS;
    prop_oneof![
        6 => (context.clone(), 0..3u8).prop_map(|(context, quota)| Action::Context { context, quota }),
        1 => (context.clone(), 0..NAMES).prop_map(|(context, name)| Action::RenameContext { context, name }),
        1 => context.prop_map(|context| Action::DeleteContext { context }),
    ]
}

fn profiles() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..PROFILES, 0..8u8).prop_map(|(profile, rights)| Action::Profile { profile, rights }),
        1 => (0..PROFILES).prop_map(|profile| Action::DeleteProfile { profile }),
    ]
}

fn users() -> impl Strategy<Value = Action> {
    let user = 0..USERS;
    prop_oneof![
        8 => (user.clone(), 0..NAMES, 0..MAILS, 0..CONTEXTS, 0..PROFILES)
            .prop_map(|(user, name, mail, context, profile)| Action::User { user, name, mail, context, profile }),
        1 => user.clone().prop_map(|user| Action::DeleteUser { user }),
        1 => user.clone().prop_map(|user| Action::RecreateUser { user }),
        1 => user.prop_map(|user| Action::ToggleUser { user }),
    ]
}

fn changes() -> impl Strategy<Value = Action> {
    let user = 0..USERS;
    prop_oneof![
        3 => (user.clone(), 0..NAMES).prop_map(|(user, name)| Action::RenameUser { user, name }),
        3 => (user.clone(), 0..CONTEXTS).prop_map(|(user, context)| Action::MoveUser { user, context }),
        1 => (user.clone(), 0..NAMES, 0..CONTEXTS)
            .prop_map(|(user, name, context)| Action::RenameAndMoveUser { user, name, context }),
        3 => (user.clone(), 0..MAILS).prop_map(|(user, mail)| Action::Readdress { user, mail }),
        2 => (user.clone(), prop::option::of(0..MAILS)).prop_map(|(user, mail)| Action::Alias { user, mail }),
        2 => (user.clone(), user.clone()).prop_map(|(one, other)| Action::SwapAddresses { one, other }),
        2 => (user.clone(), user.clone()).prop_map(|(one, other)| Action::SwapNames { one, other }),
        1 => (user.clone(), any::<u8>()).prop_map(|(user, value)| Action::EditUser { user, value }),
        2 => (user.clone(), 0..PROFILES).prop_map(|(user, profile)| Action::GiveProfile { user, profile }),
        2 => (user.clone(), 0..32u8).prop_map(|(user, members)| Action::Deputies { user, members }),
        1 => user.prop_map(|user| Action::Resend { user }),
    ]
}

fn groups() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (0..GROUPS, 0..NAMES, 0..32u8)
            .prop_map(|(group, name, members)| Action::Group { group, name, members }),
        1 => (0..GROUPS, 0..NAMES).prop_map(|(group, name)| Action::RenameGroup { group, name }),
        1 => (0..GROUPS).prop_map(|group| Action::ToggleGroup { group }),
        1 => (0..GROUPS).prop_map(|group| Action::DeleteGroup { group }),
    ]
}

fn accounts() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (0..ACCOUNTS, 0..MAILS, 0..32u8)
            .prop_map(|(account, mail, members)| Action::Account { account, mail, members }),
        1 => (0..ACCOUNTS, 0..MAILS).prop_map(|(account, mail)| Action::ReaddressAccount { account, mail }),
        1 => (0..ACCOUNTS).prop_map(|account| Action::DeleteAccount { account }),
    ]
}

fn shared() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..SHARED, 0..NAMES, 0..MAILS, 0..CONTEXTS)
            .prop_map(|(shared, name, mail, context)| Action::Shared { shared, name, mail, context }),
        4 => (0..SHARED, 0..32u8, 0..4u8, 0..PERMISSIONS)
            .prop_map(|(shared, members, groups, permission)| Action::Grant { shared, members, groups, permission }),
        4 => (0..PERMISSIONS, 0..9u8).prop_map(|(permission, role)| Action::Permission { permission, role }),
        1 => (0..PERMISSIONS).prop_map(|permission| Action::DeletePermission { permission }),
        1 => (0..SHARED).prop_map(|shared| Action::DeleteShared { shared }),
    ]
}

fn resources() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..RESOURCES, 0..NAMES, 0..MAILS, 0..CONTEXTS)
            .prop_map(|(resource, name, mail, context)| Action::Resource { resource, name, mail, context }),
        1 => (0..RESOURCES, 0..NAMES).prop_map(|(resource, name)| Action::RenameResource { resource, name }),
        1 => (0..RESOURCES, 0..CONTEXTS).prop_map(|(resource, context)| Action::MoveResource { resource, context }),
        1 => (0..RESOURCES).prop_map(|resource| Action::DeleteResource { resource }),
    ]
}
