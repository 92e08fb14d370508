//! Arrival order per shared key, parallel everywhere else.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits::side_by_side(64);

fn object(n: u32) -> ObjectId {
    ObjectId::new(&format!("object-{n}")).unwrap()
}

fn keys(object: &ObjectId, writes: &[&str], reads: &[&str], lane: Option<&str>) -> Keys {
    let handle = |name: &&str| Handle::new("key", name);
    let footprint = Footprint {
        handles: writes.iter().map(handle).collect(),
        claims: vec![],
        refs: reads.iter().map(handle).collect(),
        lane: lane.map(|lane| Handle::new("lane", lane)),
    };
    Keys::new(object, [&footprint])
}

fn admit(schedule: &mut Schedule, seq: i64, id: u32, writes: &[&str], reads: &[&str]) -> Option<Seq> {
    let id = object(id);
    schedule.admit(Seq(seq), &id, keys(&id, writes, reads, None), Begun::Never, Urgency::Fresh)
}

fn start_all(schedule: &mut Schedule) -> Vec<i64> {
    std::iter::from_fn(|| schedule.start()).map(|seq| seq.0).collect()
}

#[test]
fn strangers_run_side_by_side() {
    let mut schedule = Schedule::new(LIMITS);
    admit(&mut schedule, 1, 1, &["a"], &[]);
    admit(&mut schedule, 2, 2, &["b"], &[]);
    assert_eq!(start_all(&mut schedule), [1, 2]);
}

#[test]
fn a_name_passes_on_in_arrival_order() {
    // a→b, b→c, c→a: a rename chain in one batch.
    let mut schedule = Schedule::new(LIMITS);
    admit(&mut schedule, 1, 1, &["a", "b"], &[]);
    admit(&mut schedule, 2, 2, &["b", "c"], &[]);
    admit(&mut schedule, 3, 3, &["c", "a"], &[]);
    for expected in 1..=3 {
        assert_eq!(start_all(&mut schedule), [expected]);
        schedule.finish(Seq(expected));
    }
    assert!(schedule.is_empty());
}

#[test]
fn a_lane_goes_on_while_an_end_is_written_but_the_keys_are_held() {
    let limits = Limits { per_lane: 1, ..Limits::side_by_side(64) };
    let mut schedule = Schedule::new(limits);
    for (seq, id) in [(1, 1), (2, 2), (3, 1)] {
        let id = object(id);
        schedule.admit(Seq(seq), &id, keys(&id, &[], &[], Some("lane")), Begun::Never, Urgency::Fresh);
        if seq == 1 {
            assert_eq!(start_all(&mut schedule), [1]);
        }
    }
    assert!(start_all(&mut schedule).is_empty());
    schedule.done(Seq(1));
    assert_eq!(start_all(&mut schedule), [2], "the lane is free, but the first object is not yet");
    schedule.done(Seq(2));
    assert_eq!((start_all(&mut schedule), schedule.running()), (vec![], 0));
    schedule.finish(Seq(1));
    assert_eq!(start_all(&mut schedule), [3]);
}

#[test]
fn readers_share_and_wait_for_writers() {
    let mut schedule = Schedule::new(LIMITS);
    admit(&mut schedule, 1, 1, &["context"], &[]);
    admit(&mut schedule, 2, 2, &[], &["context"]);
    admit(&mut schedule, 3, 3, &[], &["context"]);
    admit(&mut schedule, 4, 4, &["context"], &[]);
    assert_eq!(start_all(&mut schedule), [1]);
    schedule.finish(Seq(1));
    assert_eq!(start_all(&mut schedule), [2, 3]);
    schedule.finish(Seq(3));
    assert!(start_all(&mut schedule).is_empty());
    schedule.finish(Seq(2));
    assert_eq!(start_all(&mut schedule), [4]);
}

#[test]
fn a_newer_task_takes_the_place_of_a_waiting_one() {
    let mut schedule = Schedule::new(LIMITS);
    assert_eq!(admit(&mut schedule, 1, 1, &["x"], &["context"]), None);
    assert_eq!(admit(&mut schedule, 2, 2, &["y"], &["context"]), None);
    assert_eq!(admit(&mut schedule, 3, 1, &["x"], &["context"]), Some(Seq(1)));
    assert_eq!(start_all(&mut schedule), [2, 3]);
}

#[test]
fn a_running_task_is_not_absorbed() {
    let mut schedule = Schedule::new(LIMITS);
    admit(&mut schedule, 1, 1, &["x"], &[]);
    assert_eq!(start_all(&mut schedule), [1]);
    assert_eq!(admit(&mut schedule, 2, 1, &["x"], &[]), None);
    assert!(start_all(&mut schedule).is_empty());
    schedule.finish(Seq(1));
    assert_eq!(start_all(&mut schedule), [2]);
}

#[test]
fn nothing_is_absorbed_across_a_task_that_shares_a_key() {
    // Somebody takes over the name between the two tasks: both must run.
    let mut schedule = Schedule::new(LIMITS);
    admit(&mut schedule, 1, 1, &["a", "b"], &[]);
    admit(&mut schedule, 2, 2, &["a"], &[]);
    assert_eq!(admit(&mut schedule, 3, 1, &["b", "c"], &[]), None);
    assert_eq!(start_all(&mut schedule), [1]);
}

#[test]
fn a_resting_task_holds_back_only_those_behind_it() {
    let mut schedule = Schedule::new(LIMITS);
    admit(&mut schedule, 1, 1, &["a"], &[]);
    admit(&mut schedule, 2, 2, &["a"], &[]);
    admit(&mut schedule, 3, 3, &["z"], &[]);
    assert_eq!(start_all(&mut schedule), [1, 3]);
    schedule.rest(Seq(1));
    assert_eq!(schedule.running(), 1);
    assert!(start_all(&mut schedule).is_empty());
    schedule.release(Seq(1));
    assert_eq!(start_all(&mut schedule), [1]);
    schedule.finish(Seq(1));
    assert_eq!(start_all(&mut schedule), [2]);
}

#[test]
fn a_task_that_may_have_begun_is_never_absorbed() {
    // It rests after a call whose answer was lost: only trying it again shows what the call did.
    let mut schedule = Schedule::new(LIMITS);
    admit(&mut schedule, 1, 1, &["a"], &[]);
    assert_eq!(start_all(&mut schedule), [1]);
    schedule.rest(Seq(1));
    assert_eq!(admit(&mut schedule, 2, 1, &["a"], &[]), None);
    assert!(start_all(&mut schedule).is_empty());
    schedule.release(Seq(1));
    assert_eq!(start_all(&mut schedule), [1]);
    schedule.finish(Seq(1));
    assert_eq!(start_all(&mut schedule), [2]);
    // So does one that an engine which was killed left in the journal.
    let id = object(7);
    schedule.admit(Seq(3), &id, keys(&id, &[], &[], None), Begun::Perhaps, Urgency::Fresh);
    assert_eq!(schedule.admit(Seq(4), &id, keys(&id, &[], &[], None), Begun::Never, Urgency::Fresh), None);
}

#[test]
fn a_long_lane_does_not_starve_a_short_one() {
    let mut schedule = Schedule::new(Limits::side_by_side(4));
    for n in 1..=20 {
        let id = object(n);
        schedule.admit(Seq(i64::from(n)), &id, keys(&id, &[], &[], Some("crowded")), Begun::Never, Urgency::Fresh);
    }
    let id = object(99);
    schedule.admit(Seq(99), &id, keys(&id, &[], &[], Some("quiet")), Begun::Never, Urgency::Fresh);
    assert_eq!(start_all(&mut schedule), [1, 99, 2]);
    schedule.finish(Seq(1));
    assert_eq!(start_all(&mut schedule), [3]);
}

proptest! {
    /// Whatever the interleaving: every task that was not absorbed runs once, those that share a key in arrival order, and
    /// never two writers of a key at a time.
    #[test]
    fn order_holds_for_any_interleaving(
        tasks in prop::collection::vec(
            (0u32..6, prop::collection::vec(0u8..5, 0..3), prop::collection::vec(0u8..5, 0..3), prop::option::of(0u8..2)),
            1..40,
        ),
        choices in prop::collection::vec(any::<u8>(), 400),
    ) {
        let mut schedule = Schedule::new(Limits::side_by_side(5));
        let mut choices = choices.into_iter().cycle();
        let mut pending = tasks.iter().enumerate();
        let mut specs: HashMap<i64, Keys> = HashMap::new();
        let mut absorbed = HashSet::new();
        let mut started: Vec<i64> = Vec::new();
        let mut running: Vec<i64> = Vec::new();
        let mut resting: Vec<i64> = Vec::new();
        let mut admitted = 0;
        loop {
            match choices.next().unwrap() % 4 {
                0 | 1 => {
                    if let Some((index, (id, writes, reads, lane))) = pending.next() {
                        let seq = i64::try_from(index).unwrap() + 1;
                        let id = object(*id);
                        let name = |n: &u8| n.to_string();
                        let (writes, reads): (Vec<_>, Vec<_>) =
                            (writes.iter().map(name).collect(), reads.iter().map(name).collect());
                        let writes: Vec<_> = writes.iter().map(String::as_str).collect();
                        let reads: Vec<_> = reads.iter().map(String::as_str).collect();
                        let keys = keys(&id, &writes, &reads, lane.map(|l| if l == 0 { "l0" } else { "l1" }));
                        specs.insert(seq, keys.clone());
                        if let Some(earlier) = schedule.admit(Seq(seq), &id, keys, Begun::Never, Urgency::Fresh) {
                            prop_assert!(!running.contains(&earlier.0));
                            resting.retain(|seq| *seq != earlier.0);
                            absorbed.insert(earlier.0);
                        }
                        admitted += 1;
                    }
                }
                2 => {
                    if let Some(seq) = schedule.start() {
                        for other in running.iter().chain(&resting) {
                            prop_assert!(!conflict(&specs[other], &specs[&seq.0]), "{} beside {}", other, seq);
                        }
                        running.push(seq.0);
                        started.push(seq.0);
                    }
                }
                _ => {
                    let pick = choices.next().unwrap() as usize;
                    if !running.is_empty() {
                        let seq = running.remove(pick % running.len());
                        if pick.is_multiple_of(5) {
                            schedule.rest(Seq(seq));
                            resting.push(seq);
                        } else {
                            schedule.finish(Seq(seq));
                        }
                    } else if let Some(seq) = resting.pop() {
                        schedule.release(Seq(seq));
                    }
                }
            }
            if admitted == tasks.len() && schedule.is_empty() {
                break;
            }
        }
        let mut last_run: HashMap<i64, usize> = HashMap::new();
        for (position, seq) in started.iter().enumerate() {
            last_run.insert(*seq, position);
        }
        let last = i64::try_from(tasks.len()).unwrap();
        for a in 1..=last {
            prop_assert!(absorbed.contains(&a) || last_run.contains_key(&a), "task {} never ran", a);
            for b in a + 1..=last {
                if let (Some(ran_a), Some(ran_b)) = (last_run.get(&a), last_run.get(&b))
                    && conflict(&specs[&a], &specs[&b])
                    && !absorbed.contains(&a)
                {
                    prop_assert!(ran_a < ran_b, "{} ran before {}", b, a);
                }
            }
        }
    }
}

fn conflict(a: &Keys, b: &Keys) -> bool {
    let shares = |x: &[Key], y: &[Key]| x.iter().any(|key| y.contains(key));
    shares(&a.writes, &b.writes) || shares(&a.writes, &b.reads) || shares(&a.reads, &b.writes)
}
