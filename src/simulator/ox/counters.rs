//! What the clients did.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Counts of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperationCounters {
    /// Calls.
    pub calls: u64,
    /// Calls by outcome: `ok`, the name of an exception, `soap:Client`, `reset`, `503`.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Sum of the request bodies in bytes.
    pub bytes_in: u64,
    /// Largest request body in bytes.
    pub largest_request: u64,
}

/// How busy the user writes of a context were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LaneTime {
    /// Microseconds in which at least one user write was under way.
    pub busy_us: u64,
    /// Microseconds from the begin of the first one to the end of the last one.
    pub span_us: u64,
}

/// All counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Calls in all.
    pub total: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Sum of all request bodies in bytes.
    pub bytes_in: u64,
    /// Counts by `Service.operation`; a request without a known operation counts as `Service.?`.
    pub operations: BTreeMap<String, OperationCounters>,
    /// The most user writes seen at the same time, by context. More than one means that a client made itself wait.
    pub max_concurrent_user_writes: BTreeMap<i64, u64>,
    /// How busy the user writes were, by context.
    pub user_write_time: BTreeMap<i64, LaneTime>,
}

impl Counters {
    /// The calls of an operation, given as `Service.operation`.
    pub fn calls(&self, operation: &str) -> u64 {
        self.operations.get(operation).map_or(0, |counters| counters.calls)
    }

    /// The calls of an operation with an outcome.
    pub fn outcomes(&self, operation: &str, outcome: &str) -> u64 {
        self.operations.get(operation).and_then(|counters| counters.outcomes.get(outcome)).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Inner {
    connections: u64,
    operations: HashMap<(&'static str, &'static str), OperationCounters>,
    user_writes: HashMap<i64, Lane>,
}

/// The user writes of a context.
#[derive(Debug)]
struct Lane {
    now: u64,
    most: u64,
    busy: Duration,
    first: Instant,
    /// When the first of those began that are under way.
    since: Instant,
    last: Instant,
}

impl Lane {
    fn new(at: Instant) -> Self {
        Self { now: 0, most: 0, busy: Duration::ZERO, first: at, since: at, last: at }
    }

    fn time(&self) -> LaneTime {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        LaneTime { busy_us: micros(self.busy), span_us: micros(self.last - self.first) }
    }
}

/// The counters of a running server.
#[derive(Debug, Default)]
pub struct Register(Mutex<Inner>);

impl Register {
    /// Counts a call.
    pub fn count(&self, service: &'static str, operation: &'static str, outcome: &'static str, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut inner = self.inner();
        let counters = inner.operations.entry((service, operation)).or_default();
        counters.calls += 1;
        *counters.outcomes.entry(outcome).or_default() += 1;
        counters.bytes_in += bytes;
        counters.largest_request = counters.largest_request.max(bytes);
    }

    /// Counts a connection.
    pub fn count_connection(&self) {
        self.inner().connections += 1;
    }

    /// Notes that a user write is under way in a context, until the answer is dropped.
    pub fn user_write(&self, context: i64) -> UnderWay<'_> {
        let mut inner = self.inner();
        let at = Instant::now();
        let lane = inner.user_writes.entry(context).or_insert_with(|| Lane::new(at));
        if lane.now == 0 {
            lane.since = at;
        }
        lane.now += 1;
        lane.most = lane.most.max(lane.now);
        UnderWay { register: self, context }
    }

    /// The counts so far.
    pub fn snapshot(&self) -> Counters {
        let inner = self.inner();
        let operations: BTreeMap<String, OperationCounters> = inner
            .operations
            .iter()
            .map(|((service, operation), counters)| (format!("{service}.{operation}"), counters.clone()))
            .collect();
        Counters {
            total: operations.values().map(|counters| counters.calls).sum(),
            connections: inner.connections,
            bytes_in: operations.values().map(|counters| counters.bytes_in).sum(),
            operations,
            max_concurrent_user_writes: inner.user_writes.iter().map(|(id, lane)| (*id, lane.most)).collect(),
            user_write_time: inner.user_writes.iter().map(|(id, lane)| (*id, lane.time())).collect(),
        }
    }

    /// Starts anew; calls under way stay known.
    pub fn reset(&self) {
        let mut inner = self.inner();
        inner.connections = 0;
        inner.operations.clear();
        let at = Instant::now();
        inner.user_writes.retain(|_, lane| {
            *lane = Lane { now: lane.now, most: lane.now, ..Lane::new(at) };
            lane.now > 0
        });
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A user write under way.
#[derive(Debug)]
pub struct UnderWay<'r> {
    register: &'r Register,
    context: i64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(lane) = self.register.inner().user_writes.get_mut(&self.context) {
            lane.now = lane.now.saturating_sub(1);
            if lane.now == 0 {
                lane.last = Instant::now();
                lane.busy += lane.last - lane.since;
            }
        }
    }
}
