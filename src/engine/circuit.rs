//! The circuit to the target: while it is open, no call is made except one probe at a time.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;

/// A circuit that is open, or not.
#[derive(Debug)]
pub(super) struct Circuit {
    backoff: Backoff,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    reason: String,
    since_ms: i64,
    probes: u32,
    /// When the next probe is due; none while one is under way.
    next: Option<Instant>,
}

impl Circuit {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self { backoff, open: None }
    }

    /// Why it is open and since when, in milliseconds since 1970.
    pub(super) fn open(&self) -> Option<(&str, i64)> {
        self.open.as_ref().map(|open| (open.reason.as_str(), open.since_ms))
    }

    /// A call failed because of the target as a whole. Returns whether that opened the circuit.
    pub(super) fn trip(&mut self, reason: String, now: Instant, now_ms: i64) -> bool {
        if let Some(open) = &mut self.open {
            open.reason = reason;
            return false;
        }
        self.open = Some(Open { reason, since_ms: now_ms, probes: 1, next: Some(now + self.backoff.wait(1)) });
        true
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
    pub(super) fn probed(&mut self, result: Result<(), String>, now: Instant) -> bool {
        match (result, &mut self.open) {
            (Ok(()), open) => {
                *open = None;
                true
            }
            (Err(reason), Some(open)) => {
                open.reason = reason;
                open.probes = open.probes.saturating_add(1);
                // A wait near zero would hammer a target that is down: at least half of the bound.
                let bound = self.backoff.bound(open.probes);
                open.next = Some(now + bound / 2 + self.backoff.wait(open.probes) / 2);
                false
            }
            (Err(_), None) => true,
        }
    }
}

/// Growth of the pauses between probes.
pub(super) const PROBES: Backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_secs(30) };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_once_probes_and_closes() {
        let now = Instant::now();
        let mut circuit = Circuit::new(PROBES);
        assert!(circuit.trip("refused".into(), now, 5));
        assert!(!circuit.trip("still refused".into(), now, 6));
        assert_eq!(circuit.open(), Some(("still refused", 5)));
        assert!(circuit.next_probe().is_some());
        circuit.probing();
        assert_eq!(circuit.next_probe(), None);
        assert!(!circuit.probed(Err("503".into()), now));
        assert_eq!(circuit.open(), Some(("503", 5)));
        assert!(circuit.next_probe().is_some_and(|next| next > now));
        assert!(circuit.probed(Ok(()), now));
        assert_eq!(circuit.open(), None);
    }
}
