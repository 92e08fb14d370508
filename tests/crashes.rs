//! The real program is killed more than 300 times, at random and between all durable steps, and ends as if nothing had been.
//!
//! Each site is a directory with two deliveries (a first load, then a day of changes over all object types), a simulated OX
//! that lives on, and the program that is started, dies, and is started again until it comes to rest. In the end OX and the
//! state must be those of a site that nobody disturbed, every create must have happened as often as there, nothing may be
//! parked, and the last state of each object again must cost no call.
//!
//! Needs the cargo feature `failure-points`: `cargo test --all-features --test crashes`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "support/directory.rs"]
mod directory;
#[path = "support/observed.rs"]
mod observed;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/site.rs"]
mod site;
#[path = "crashes/story.rs"]
mod story;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use oxherd::failure_points::FailurePoint;
use site::{Death, Run, Site};
use strum::IntoEnumIterator;

/// Sites beside each other.
const TRACKS: usize = 2;
/// At which passages of each place the program dies.
const PASSAGES: [u32; 6] = [1, 2, 3, 5, 9, 17];
/// How often it is killed from outside.
const RANDOM: usize = 210;
/// How often a death may be missed altogether: not every life comes by every place.
const MISSES: u32 = 20;

/// What is still to be done, and what was done.
struct Plan {
    deaths: VecDeque<(Death, u32)>,
    kills: usize,
    places: BTreeSet<&'static str>,
}

impl Plan {
    fn new() -> Self {
        // Neighbours are far apart in the program, so that a life always gets somewhere.
        let places =
            PASSAGES.iter().rev().flat_map(|passage| FailurePoint::iter().map(|place| Death::At(place, *passage)));
        let mut deaths: VecDeque<_> = places.map(|death| (death, 0)).collect();
        let step = RANDOM / deaths.len() + 1;
        let mut all = VecDeque::new();
        let mut random = 0;
        while let Some(death) = deaths.pop_front() {
            all.push_back(death);
            for _ in 0..step.min(RANDOM - random) {
                all.push_back((Death::Sudden { milliseconds: 40 + (random as u64 * 37) % 260 }, 0));
                random += 1;
            }
        }
        Self { deaths: all, kills: 0, places: BTreeSet::new() }
    }

    fn note(&mut self, death: Death, missed: u32, run: &Run) {
        match (run, death) {
            (Run::Killed, Death::At(place, _)) => {
                self.kills += 1;
                self.places.insert(place.into());
            }
            (Run::Killed, Death::Sudden { .. } | Death::Told { .. }) => self.kills += 1,
            // It is not passed that often in this life: the next one dies earlier.
            (Run::Rested(_), Death::At(place, passage)) if passage > 1 => {
                self.deaths.push_back((Death::At(place, passage / 2), missed));
            }
            (Run::Rested(_), _) if missed < MISSES => self.deaths.push_back((death, missed + 1)),
            (Run::Rested(_), _) => {}
        }
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap()
}

/// Lets the program die on its way until it comes to rest in spite of it.
async fn live_and_die(site: &Site, plan: &Mutex<Plan>) {
    loop {
        let next = lock(plan).deaths.pop_front();
        let Some((death, missed)) = next else {
            site.run(None).await;
            return;
        };
        let run = site.run(Some(death)).await;
        lock(plan).note(death, missed, &run);
        if let Run::Rested(_) = run {
            return;
        }
    }
}

/// Everything that is compared in the end.
#[derive(Debug, PartialEq)]
struct End {
    ox: serde_json::Value,
    state: serde_json::Value,
    creates: BTreeMap<String, usize>,
}

async fn end_of(site: &Site) -> End {
    let differences = observed::differences(&oracle::expected_of(&site.delivered()), &observed::observed(&site.ox()));
    assert!(differences.is_empty(), "OX is not as the directory says:\n{}", differences.join("\n"));
    let end = End { ox: observed::observed(&site.ox()), state: site.state().await, creates: site.creates() };
    // Nothing of what the state says is wrong or missing: otherwise this would make calls.
    site.deliver_last_states();
    assert_eq!(site.run(None).await, Run::Rested(0), "the same again costs nothing");
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_it_ends_as_if_nothing_had_been() {
    let undisturbed = Site::new().await;
    for delivery in story::deliveries() {
        undisturbed.deliver(&delivery);
        assert!(matches!(undisturbed.run(None).await, Run::Rested(calls) if calls > 0));
    }
    let undisturbed = Arc::new(end_of(&undisturbed).await);

    let plan = Arc::new(Mutex::new(Plan::new()));
    let tracks: Vec<_> = (0..TRACKS)
        .map(|_| {
            let (plan, undisturbed) = (Arc::clone(&plan), Arc::clone(&undisturbed));
            tokio::spawn(async move {
                let mut sites = 0;
                while !lock(&plan).deaths.is_empty() {
                    let site = Site::new().await;
                    for delivery in story::deliveries() {
                        site.deliver(&delivery);
                        live_and_die(&site, &plan).await;
                    }
                    let end = end_of(&site).await;
                    // Of a user that was found in OX after a crash, more is known than was ever sent.
                    let known_too =
                        |line: &String| line.contains("/state/user/fields/") && line.contains("expected null");
                    let mut differences = [
                        observed::differences(&undisturbed.ox, &end.ox),
                        observed::differences(&undisturbed.state, &end.state),
                    ]
                    .concat();
                    differences.retain(|line| !known_too(line));
                    assert!(differences.is_empty(), "not as undisturbed:\n{}", differences.join("\n"));
                    assert_eq!(end.creates, undisturbed.creates, "creates that took effect");
                    sites += 1;
                }
                sites
            })
        })
        .collect();
    let mut sites = 0;
    for track in tracks {
        sites += track.await.unwrap();
    }
    let plan = lock(&plan);
    let every: BTreeSet<&'static str> = FailurePoint::iter().map(Into::into).collect();
    let never: Vec<_> = every.difference(&plan.places).collect();
    assert!(never.is_empty(), "nobody died at {never:?}");
    assert!(plan.kills >= 300, "only {} kills at {sites} sites", plan.kills);
}
