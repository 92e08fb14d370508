use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;

fn limits() -> GuardLimits {
    GuardLimits {
        max_count: 50,
        max_count_per_scope: 25,
        max_percent: 10,
        max_member_percent: 50,
        percent_from: 10,
        window: Duration::from_hours(1),
    }
}

fn scope(context: u32) -> Handle {
    Handle::new("context", context)
}

fn objects(kind: ObjectType, context: u32, weight: u64) -> Loss {
    Loss { of: Population::Objects { kind }, scope: Some(scope(context)), weight, contains: None }
}

fn user(context: u32) -> Loss {
    objects(ObjectType::User, context, 1)
}

fn members(weight: u64, had: u64) -> Loss {
    let object = ObjectId::new("group").unwrap();
    Loss { of: Population::Members { object, had }, scope: None, weight, contains: None }
}

fn asked(seq: i64, losses: Vec<Loss>) -> Asked {
    Asked { seq: Seq(seq), object: ObjectId::new(&format!("o{seq}")).unwrap(), losses }
}

/// Asks as the guard does. Returns the reason if it is held back.
fn ask(ledger: &mut Ledger, limits: &GuardLimits, now: i64, asked: &Asked, population: u64) -> Result<(), String> {
    ledger.forget_before(now - HOUR);
    let decided = ledger.decide(limits, asked, |_| population);
    match decided {
        Ok(()) => ledger.take(now, asked),
        Err(_) => ledger.hold(now, asked),
    }
    decided
}

/// Name, what passed before, population, what is asked for, and the reason if it is held back.
type Row = (&'static str, Vec<Loss>, u64, Vec<Loss>, Option<&'static str>);

#[test]
fn each_limit_holds_back_with_its_reason() {
    use ObjectType::{Context, Group, User};
    let table: &[Row] = &[
        ("one is fine", vec![], 1000, vec![user(10)], None),
        ("the last one that is allowed", vec![user(10); 24], 1000, vec![user(10)], None),
        (
            "one too many in a context",
            vec![user(10); 25],
            1000,
            vec![user(10)],
            Some("26 deletions in context 10 asked for within 1h, 25 allowed"),
        ),
        ("another context is not concerned", vec![user(10); 25], 1000, vec![user(20)], None),
        (
            "one too many in all",
            [vec![user(10); 25], vec![user(20); 25]].concat(),
            1000,
            vec![user(30)],
            Some("51 deletions asked for within 1h, 50 allowed"),
        ),
        (
            "too large a share",
            vec![user(10); 10],
            100,
            vec![user(10)],
            Some("11 of 100 users/user asked to go within 1h, 10 % allowed"),
        ),
        ("so few are never too large a share", vec![user(10); 9], 10, vec![user(10)], None),
        ("types have shares of their own", vec![user(10); 10], 100, vec![objects(Group, 10, 1)], None),
        (
            "a context weighs what is in it",
            vec![],
            3,
            vec![objects(Context, 10, 26)],
            Some("26 deletions in context 10 asked for within 1h, 25 allowed"),
        ),
        ("and counts once as a context", vec![], 3, vec![objects(Context, 10, 25)], None),
        ("half of the members", vec![], 0, vec![members(50, 100)], None),
        (
            "more than half of the members",
            vec![],
            0,
            vec![members(51, 100)],
            Some("51 of 100 members of one object asked to go within 1h, 50 % allowed"),
        ),
        ("so few members are never too many", vec![], 0, vec![members(10, 10)], None),
        (
            "members one after the other",
            vec![members(30, 100)],
            0,
            vec![members(21, 70)],
            Some("51 of 100 members of one object asked to go within 1h, 50 % allowed"),
        ),
        ("members are no deletions", vec![user(10); 50], 1000, vec![members(1, 10)], None),
        (
            "one of two losses is too much",
            vec![user(10); 25],
            1000,
            vec![objects(User, 20, 1), user(10)],
            Some("26 deletions"),
        ),
    ];
    for (name, before, population, losses, expected) in table {
        let mut ledger = Ledger::default();
        for (seq, loss) in (1..).zip(before) {
            ledger.take(0, &asked(seq, vec![loss.clone()]));
        }
        let decided = ask(&mut ledger, &limits(), 1, &asked(1000, losses.clone()), *population);
        match (decided, expected) {
            (Ok(()), None) => {}
            (Err(reason), Some(expected)) if reason.starts_with(expected) => {}
            (decided, expected) => panic!("{name}: {decided:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn nothing_of_a_batch_passes_that_is_too_large() {
    let mut ledger = Ledger::default();
    for seq in 0..26 {
        ledger.waits(Seq(seq), &[user(10)]);
    }
    for seq in 0..26 {
        let decided = ask(&mut ledger, &limits(), seq, &asked(seq, vec![user(10)]), 1000);
        ledger.ended(Seq(seq));
        assert!(decided.is_err(), "{seq}");
    }
    // What is held back in one context leaves the others alone (26 of 100 users would be too large a share), and is no longer asked for when the window is over.
    assert_eq!(ask(&mut ledger, &limits(), 30, &asked(100, vec![user(20)]), 100), Ok(()));
    assert!(ask(&mut ledger, &limits(), HOUR, &asked(101, vec![user(10)]), 1000).is_err());
    assert_eq!(ask(&mut ledger, &limits(), 3 * HOUR, &asked(102, vec![user(10)]), 1000), Ok(()));
}

#[test]
fn a_batch_of_the_allowed_size_passes() {
    let mut ledger = Ledger::default();
    for seq in 0..25 {
        ledger.waits(Seq(seq), &[user(10)]);
    }
    for seq in 0..25 {
        assert_eq!(ask(&mut ledger, &limits(), seq, &asked(seq, vec![user(10)]), 1000), Ok(()), "{seq}");
    }
}

#[test]
fn a_repetition_counts_once_and_what_failed_is_given_back() {
    let mut ledger = Ledger::default();
    let tight = GuardLimits { max_count: 1, ..limits() };
    let (first, second) = (asked(1, vec![user(10)]), asked(2, vec![user(10)]));
    assert_eq!(ask(&mut ledger, &tight, 1, &first, 1000), Ok(()));
    assert_eq!(ask(&mut ledger, &tight, 2, &first, 1000), Ok(()), "the same task again");
    assert!(ask(&mut ledger, &tight, 3, &asked(1, vec![user(10), user(20)]), 1000).is_err(), "it grew");
    assert!(ledger.untake(Seq(1)));
    assert!(!ledger.untake(Seq(1)));
    ledger.released(&asked(1, vec![]).object);
    assert_eq!(ask(&mut ledger, &tight, 4, &second, 1000), Ok(()));
}

#[test]
fn what_is_released_or_forgotten_elsewhere_no_longer_counts() {
    let mut ledger = Ledger::default();
    let tight = GuardLimits { max_count: 1, ..limits() };
    ledger.waits(Seq(1), &[user(10)]);
    ledger.waits(Seq(2), &[user(10)]);
    for seq in [1, 2] {
        assert!(ask(&mut ledger, &tight, 1, &asked(seq, vec![user(10)]), 1000).is_err());
    }
    // The list that the store shows lacks what is not written yet.
    ledger.holds(std::iter::empty());
    assert!(ask(&mut ledger, &tight, 1, &asked(3, vec![user(10)]), 1000).is_err());
    for seq in [1, 2, 3] {
        ledger.ended(Seq(seq));
    }
    ledger.holds(std::iter::empty());
    assert_eq!(ask(&mut ledger, &tight, 1, &asked(4, vec![user(10)]), 1000), Ok(()));
}

/// One step of a random life.
#[derive(Clone, Debug)]
enum Step {
    /// A deletion in a context with a weight arrives, and is asked for at once or waits in the journal.
    Arrive { context: u32, weight: u64, waits: bool },
    /// The oldest that waits is asked for.
    Work,
    /// A task that was let pass is repeated.
    Repeat(usize),
    /// Time passes.
    Wait(i64),
    /// The engine starts again and remembers what the store remembers.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u32..4, 1u64..4, any::<bool>()).prop_map(|(context, weight, waits)| Step::Arrive { context, weight, waits }),
        4 => Just(Step::Work),
        1 => (0usize..50).prop_map(Step::Repeat),
        2 => (1i64..HOUR / 2).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever comes in whatever order, with restarts and repetitions in between: within no window more than the limits pass,
    /// in all, of a context and of a type.
    #[test]
    fn never_more_than_the_limits_within_any_window(steps in prop::collection::vec(step(), 1..200)) {
        let limits = GuardLimits { max_count: 8, max_count_per_scope: 5, max_percent: 10, percent_from: 3, ..limits() };
        let population = 60;
        let (mut ledger, mut now, mut seq) = (Ledger::default(), 0, 0);
        let mut journal: Vec<Asked> = Vec::new();
        let mut passed: Vec<(i64, Asked)> = Vec::new();
        for step in steps {
            let task = match step {
                Step::Arrive { context, weight, waits } => {
                    seq += 1;
                    let task = asked(seq, vec![objects(ObjectType::User, context, weight)]);
                    if waits {
                        ledger.waits(task.seq, &task.losses);
                        journal.push(task);
                        continue;
                    }
                    task
                }
                Step::Work if journal.is_empty() => continue,
                Step::Work => journal.remove(0),
                Step::Repeat(nth) => match passed.get(nth) {
                    Some((at, task)) if now - at < HOUR => {
                        prop_assert_eq!(ledger.decide(&limits, task, |_| population), Ok(()));
                        continue;
                    }
                    _ => continue,
                },
                Step::Wait(time) => {
                    now += time;
                    continue;
                }
                Step::Restart => {
                    let held = ledger.held.entries.clone();
                    ledger = Ledger::default();
                    for task in &journal {
                        ledger.waits(task.seq, &task.losses);
                    }
                    let taken = passed.iter().filter(|(at, _)| *at >= now - HOUR);
                    ledger.remember(
                        taken.map(|(at, task)| Lost { seq: task.seq, at: *at, losses: task.losses.clone() }).collect(),
                    );
                    for (object, (at, losses)) in held {
                        ledger.held.put(object, at, losses);
                    }
                    continue;
                }
            };
            if ask(&mut ledger, &limits, now, &task, population).is_ok() {
                passed.push((now, task.clone()));
            }
            ledger.ended(task.seq);
        }
        for (end, _) in &passed {
            let window = || passed.iter().filter(|(at, _)| *at <= *end && *at > *end - HOUR).map(|(_, task)| task);
            let all: u64 = window().map(|task| weight(&task.losses)).sum();
            prop_assert!(all <= limits.max_count, "{} in all", all);
            for context in 1..4 {
                let inside = window().filter(|task| task.losses[0].scope == Some(scope(context)));
                let count: u64 = inside.map(|task| weight(&task.losses)).sum();
                prop_assert!(count <= limits.max_count_per_scope, "{} in context {}", count, context);
            }
            let share = window().count() as u64;
            prop_assert!(share <= limits.percent_from || share * 100 <= limits.max_percent * population, "{} of {}", share, population);
        }
    }
}
