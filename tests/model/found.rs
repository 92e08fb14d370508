//! Cases that once failed, cut down to what matters. Some need luck: each runs several times.

use crate::action::{Action, Case, Then};
use crate::check;

fn holds(window: usize, latency: u8, steps: &[(Action, Then)]) {
    let case = Case { steps: steps.to_vec(), window, latency };
    let runtime = crate::runtime();
    for _ in 0..5 {
        runtime.block_on(check::run(&case)).unwrap();
    }
}

fn user(user: usize) -> Action {
    Action::User { user, name: user, mail: user, context: 0, profile: 0 }
}

#[test]
fn an_account_whose_user_is_just_being_deleted() {
    let account = |members| Action::Account { account: 0, mail: 6, members };
    holds(
        64,
        3,
        &[
            (user(2), Then::Next),
            (account(4), Then::Settle),
            (account(4), Then::Next),
            (Action::DeleteUser { user: 2 }, Then::Next),
            (user(2), Then::Next),
        ],
    );
}

#[test]
fn files_that_a_stop_left_in_the_spool() {
    let rename = |name| Action::RenameUser { user: 0, name };
    let pause = |milliseconds| Then::Work(milliseconds);
    holds(
        64,
        1,
        &[
            (user(0), pause(1)),
            (rename(1), pause(2)),
            (Action::User { user: 1, name: 0, mail: 1, context: 0, profile: 0 }, Then::Restart),
            (rename(2), pause(1)),
            (Action::RenameUser { user: 1, name: 1 }, pause(3)),
            (rename(0), Then::Restart),
        ],
    );
}

#[test]
fn objects_to_be_planned_again_in_a_narrow_window() {
    holds(
        2,
        0,
        &[
            (user(0), Then::Next),
            (user(1), Then::Next),
            (Action::Group { group: 0, name: 0, members: 3 }, Then::Settle),
            (Action::Profile { profile: 0, rights: 1 }, Then::Settle),
            (Action::MoveUser { user: 0, context: 0 }, Then::Next),
            (Action::Profile { profile: 0, rights: 5 }, Then::Next),
        ],
    );
}
