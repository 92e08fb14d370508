//! How much is asked of the target at once: a rate, and a number of tasks side by side that follows how well it copes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A call that takes so many times as long as it does when all is well …
const SLOWER: u32 = 3;
/// … and at least so much longer is a sign of overload.
const MARGIN: Duration = Duration::from_millis(50);
/// What remains of the concurrency when the target is overloaded.
const CUT: f64 = 0.7;
/// Weight of the latest call in the running mean.
const WEIGHT: u32 = 8;
/// By this part of itself the fastest time seen rises with each call, so that a lasting change becomes the new normal.
const FADING: u32 = 512;

/// How long calls of one kind take.
#[derive(Clone, Copy, Debug)]
struct Latency {
    fastest: Duration,
    mean: Duration,
}

impl Latency {
    fn take(&mut self, elapsed: Duration) {
        self.fastest = elapsed.min(self.fastest + self.fastest / FADING);
        self.mean = (self.mean * (WEIGHT - 1) + elapsed) / WEIGHT;
    }

    fn is_slow(self) -> bool {
        self.mean > (self.fastest * SLOWER).max(self.fastest + MARGIN)
    }
}

#[derive(Debug)]
struct State {
    limit: f64,
    latencies: HashMap<&'static str, Latency>,
    /// Calls that ended since the last cut.
    since_cut: f64,
    /// When the next call may start.
    next: Instant,
}

/// Limits calls per second and adapts the number of tasks that run side by side: down at once when calls take much longer
/// than usual or the target says that it is overloaded, up again by one for each round of calls that went well.
#[derive(Debug)]
pub(super) struct Throttle {
    most: f64,
    spacing: Option<Duration>,
    state: Mutex<State>,
}

impl Throttle {
    /// At most so many tasks side by side, and calls a second.
    pub(super) fn new(most: usize, per_second: Option<u32>) -> Self {
        let most = u32::try_from(most).map_or(f64::from(u32::MAX), f64::from);
        let state = State { limit: most, latencies: HashMap::new(), since_cut: 0.0, next: Instant::now() };
        Self { most, spacing: per_second.map(|rate| Duration::from_secs(1) / rate.max(1)), state: Mutex::new(state) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until another call may start.
    pub(super) async fn turn(&self) {
        if let Some(start) = self.reserve(Instant::now()) {
            tokio::time::sleep_until(start).await;
        }
    }

    /// Takes the next free start of a call; none if any time will do.
    fn reserve(&self, now: Instant) -> Option<Instant> {
        let spacing = self.spacing?;
        let mut state = self.lock();
        let start = state.next.max(now);
        state.next = start + spacing;
        Some(start)
    }

    /// A call was answered after this time.
    pub(super) fn answered(&self, call: &'static str, elapsed: Duration) {
        let mut state = self.lock();
        let latency = state.latencies.entry(call).or_insert(Latency { fastest: elapsed, mean: elapsed });
        latency.take(elapsed);
        let slow = latency.is_slow();
        state.since_cut += 1.0;
        if slow {
            cut(&mut state);
        } else {
            state.limit = (state.limit + 1.0 / state.limit).min(self.most);
        }
    }

    /// The target is overloaded.
    pub(super) fn overloaded(&self) {
        let mut state = self.lock();
        state.since_cut += 1.0;
        cut(&mut state);
    }

    /// How many tasks may run side by side now.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 1 and a usize")]
    pub(super) fn limit(&self) -> usize {
        self.lock().limit as usize
    }
}

/// Once for each round of calls: those that were under way tell of the time before the cut.
fn cut(state: &mut State) {
    if state.since_cut >= state.limit {
        state.limit = (state.limit * CUT).max(1.0);
        state.since_cut = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn calls(throttle: &Throttle, count: usize, took: Duration) {
        for _ in 0..count {
            throttle.answered("Call", took);
        }
    }

    #[test]
    fn slow_answers_lower_the_limit_and_good_ones_raise_it_again() {
        let throttle = Throttle::new(24, None);
        calls(&throttle, 100, 20 * MS);
        assert_eq!(throttle.limit(), 24);
        calls(&throttle, 200, 400 * MS);
        assert!(throttle.limit() <= 4, "limit {}", throttle.limit());
        calls(&throttle, 1_000, 20 * MS);
        assert_eq!(throttle.limit(), 24);
    }

    #[test]
    fn small_differences_are_none() {
        let throttle = Throttle::new(24, None);
        calls(&throttle, 100, MS);
        calls(&throttle, 100, 30 * MS);
        assert_eq!(throttle.limit(), 24);
    }

    #[test]
    fn a_lasting_change_becomes_the_new_normal() {
        let throttle = Throttle::new(24, None);
        calls(&throttle, 100, 50 * MS);
        calls(&throttle, 5_000, 200 * MS);
        assert_eq!(throttle.limit(), 24);
    }

    #[test]
    fn one_overload_is_one_cut_and_there_is_always_one() {
        let throttle = Throttle::new(20, None);
        calls(&throttle, 20, MS);
        for _ in 0..10 {
            throttle.overloaded();
        }
        assert_eq!(throttle.limit(), 14);
        for _ in 0..1_000 {
            throttle.overloaded();
        }
        assert_eq!(throttle.limit(), 1);
    }

    #[test]
    fn calls_start_at_the_given_rate() {
        let throttle = Throttle::new(24, Some(10));
        let now = Instant::now() + Duration::from_secs(1);
        let starts: Vec<_> = (0..4).filter_map(|_| throttle.reserve(now)).map(|start| start - now).collect();
        assert_eq!(starts, [0, 100, 200, 300].map(Duration::from_millis));
        assert_eq!(Throttle::new(24, None).reserve(now), None);
    }
}
