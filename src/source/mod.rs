//! Event sources: where changes of directory objects come from.
//!
//! A source hands its events to a [`Sink`] and forgets them only after the sink confirmed that they are durable. The sink keeps
//! how far the source was in the same transaction, so that a crash in between loses nothing and repeats nothing.

mod choice;
pub mod directory;
mod listener_file;
mod monitor;
pub mod nubus;
mod spool;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::udm::{Event, ObjectId, ObjectType};

pub use choice::{Source, SourceConfig, SourceError};
pub use listener_file::{ListenerFileError, parse_listener_file};
pub use monitor::{Monitor, StreamReport};
pub use spool::{Spool, SpoolConfig, SpoolError};

/// What a source delivered when it was asked for all that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Deliveries whose events are in the journal now.
    pub accepted: usize,
    /// Deliveries that were put aside.
    pub rejected: usize,
    /// Not zero if there is something that cannot be delivered yet, for instance files to which somebody may still be
    /// writing: drain again.
    pub left: usize,
}

/// Takes events for good: the journal.
pub trait Sink: Send + Sync {
    /// Writes the events and the position of the source in one transaction. Returns only when they are durable.
    ///
    /// Each event comes with its origin, for instance `spool 2026-01-05-08-00-00-000001.json`. `source` names who delivers,
    /// `cursor` how far it is afterwards.
    fn append(
        &self,
        events: Vec<(String, Event)>,
        source: &str,
        cursor: &str,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// How far a source was when it last delivered; none if it never did.
    fn cursor(&self, source: &str) -> impl Future<Output = Result<Option<String>, SinkError>> + Send;

    /// Whether a look at the directory itself brought the object since this time, in milliseconds since 1970: what another
    /// source says of an earlier time may be stale then.
    fn is_newer_known(&self, _object: &ObjectId, _since: i64) -> impl Future<Output = Result<bool, SinkError>> + Send {
        async { Ok(false) }
    }

    /// Whether the object came before with an origin that begins like this.
    fn came_from(&self, _object: &ObjectId, _origin: &str) -> impl Future<Output = Result<bool, SinkError>> + Send {
        async { Ok(false) }
    }
}

/// The directory itself, for what a source leaves open: is this how the object is now?
pub trait Directory: Send + Sync {
    /// The object as it is now; none if the directory has none of that type with that identifier.
    fn object(
        &self,
        kind: ObjectType,
        id: &ObjectId,
    ) -> impl Future<Output = Result<Option<Event>, LookUpError>> + Send;
}

/// The directory did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the directory cannot be asked: {0}")]
pub struct LookUpError(Box<dyn std::error::Error + Send + Sync>);

impl LookUpError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl<S: Sink> Sink for Arc<S> {
    fn append(
        &self,
        events: Vec<(String, Event)>,
        source: &str,
        cursor: &str,
    ) -> impl Future<Output = Result<(), SinkError>> + Send {
        self.as_ref().append(events, source, cursor)
    }

    fn cursor(&self, source: &str) -> impl Future<Output = Result<Option<String>, SinkError>> + Send {
        self.as_ref().cursor(source)
    }

    fn is_newer_known(&self, object: &ObjectId, since: i64) -> impl Future<Output = Result<bool, SinkError>> + Send {
        self.as_ref().is_newer_known(object, since)
    }

    fn came_from(&self, object: &ObjectId, origin: &str) -> impl Future<Output = Result<bool, SinkError>> + Send {
        self.as_ref().came_from(object, origin)
    }
}

/// The sink could not make events durable. They stay with the source, which tries again.
#[derive(Debug, thiserror::Error)]
#[error("the journal does not accept events: {0}")]
pub struct SinkError(Box<dyn std::error::Error + Send + Sync>);

impl SinkError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// What a source is doing. Goes to status and metrics, so that it is always clear why nothing arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It has not looked yet.
    Starting,
    /// It is told of new events at once.
    Watching,
    /// It looks for new events regularly, since it is not told of them.
    Polling {
        /// Why it is not told.
        reason: String,
    },
    /// It is connected, but nothing is handed out yet.
    Waiting {
        /// For what.
        reason: String,
    },
    /// Something is wrong that it cannot repair itself. It goes on as well as it can.
    Failing {
        /// What is wrong and what to do.
        reason: String,
    },
}

impl fmt::Display for SourceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Watching => f.write_str("watching"),
            Self::Polling { reason } => write!(f, "polling: {reason}"),
            Self::Waiting { reason } => write!(f, "waiting {reason}"),
            Self::Failing { reason } => write!(f, "failing: {reason}"),
        }
    }
}

/// How many events a source delivered since it started.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    rejected: AtomicU64,
    drained_at: AtomicI64,
}

impl Counters {
    /// Events that the sink holds.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Deliveries that were no usable event and were put aside.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// When the source last had nothing more to deliver, in milliseconds since 1970; none if that never was. What happened
    /// before and did not arrive has been lost.
    pub fn drained_at(&self) -> Option<i64> {
        Some(self.drained_at.load(Ordering::Relaxed)).filter(|time| *time > 0)
    }

    /// Notes that there was nothing more to deliver at this time, in milliseconds since 1970.
    fn drain(&self, time: i64) {
        self.drained_at.store(time, Ordering::Relaxed);
    }

    fn accept(&self, count: usize) {
        self.accepted.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn reject(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}
