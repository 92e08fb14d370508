//! The circuit to the target: while it is open, no call is made except one probe at a time.

use std::time::Duration;

use tokio::time::Instant;

use super::target::Pace;
use crate::transport::Backoff;

/// A circuit that is open, or not.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    reason: String,
    since_ms: i64,
    pace: Pace,
    probes: u32,
    /// When the next probe is due; none while one is under way.
    next: Option<Instant>,
}

impl Circuit {
    /// Why it is open and since when, in milliseconds since 1970.
    pub(super) fn open(&self) -> Option<(&str, i64)> {
        self.open.as_ref().map(|open| (open.reason.as_str(), open.since_ms))
    }

    /// A call failed because of the target as a whole. Returns whether that opened the circuit.
    pub(super) fn trip(&mut self, reason: String, pace: Pace, now: Instant, now_ms: i64) -> bool {
        if let Some(open) = &mut self.open {
            open.reason = reason;
            return false;
        }
        self.open = Some(Open { reason, since_ms: now_ms, pace, probes: 1, next: Some(next(pace, 1, now)) });
        true
    }

    /// Something changed that gives hope, for instance the credentials: the next probe is due at once.
    pub(super) fn hope(&mut self, now: Instant) {
        if let Some(next) = self.open.as_mut().and_then(|open| open.next.as_mut()) {
            *next = now;
        }
    }

    /// When the next probe is due.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.open.as_ref().and_then(|open| open.next)
    }

    /// A probe starts.
    pub(super) fn probing(&mut self) {
        if let Some(open) = &mut self.open {
            open.next = None;
        }
    }

    /// A probe ended. Returns whether the circuit is closed now.
    pub(super) fn probed(&mut self, result: Result<(), (Pace, String)>, now: Instant) -> bool {
        match (result, &mut self.open) {
            (Ok(()), open) => {
                *open = None;
                true
            }
            (Err((pace, reason)), Some(open)) => {
                (open.reason, open.pace) = (reason, pace);
                open.probes = open.probes.saturating_add(1);
                open.next = Some(next(pace, open.probes, now));
                false
            }
            (Err(_), None) => true,
        }
    }
}

fn next(pace: Pace, probe: u32, now: Instant) -> Instant {
    match pace {
        // A wait near zero would hammer a target that is down: at least half of the bound.
        Pace::Soon => now + PROBES.bound(probe) / 2 + PROBES.wait(probe) / 2,
        Pace::Seldom => pace.next(probe, now),
    }
}

/// Growth of the pauses between probes of a target that does not work.
pub(super) const PROBES: Backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_secs(30) };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_once_probes_and_closes() {
        let now = Instant::now();
        let mut circuit = Circuit::default();
        assert!(circuit.trip("refused".into(), Pace::Soon, now, 5));
        assert!(!circuit.trip("still refused".into(), Pace::Soon, now, 6));
        assert_eq!(circuit.open(), Some(("still refused", 5)));
        assert!(circuit.next_probe().is_some());
        circuit.probing();
        assert_eq!(circuit.next_probe(), None);
        assert!(!circuit.probed(Err((Pace::Soon, "503".into())), now));
        assert_eq!(circuit.open(), Some(("503", 5)));
        assert!(circuit.next_probe().is_some_and(|next| next > now));
        assert!(circuit.probed(Ok(()), now));
        assert_eq!(circuit.open(), None);
    }

    #[test]
    fn refused_credentials_are_tried_seldom_until_they_change() {
        let now = Instant::now();
        let mut circuit = Circuit::default();
        circuit.trip("wrong password".into(), Pace::Seldom, now, 5);
        assert!(circuit.next_probe().is_some_and(|next| next >= now + Duration::from_secs(15)));
        circuit.hope(now);
        assert_eq!(circuit.next_probe(), Some(now));
    }
}
