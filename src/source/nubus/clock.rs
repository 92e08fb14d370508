//! Whether a message may have been written before something else happened.
//!
//! The service writes times without a zone, by the clock of its containers. That is usually UTC, but on UCS hosts the local
//! time. What difference that makes is learned from messages that come the moment they are written; until then any zone is
//! possible.

use super::message::Written;

/// No zone is further ahead of UTC.
const FURTHEST: i64 = 14 * 60 * MINUTE;
/// Clocks of different machines differ.
const MARGIN: i64 = 2 * MINUTE;
const MINUTE: i64 = 60_000;
/// Zones differ from UTC by whole quarters of an hour.
const QUARTER: i64 = 15 * MINUTE;

/// How far the clock of the service is ahead of UTC.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    ahead: Option<i64>,
}

impl Clock {
    /// Learns from a message that came at `now`, right after it was written. One that was late after all would make the clock
    /// look slower than it is, so the fastest that was seen counts.
    pub(super) fn learn(&mut self, written: Option<Written>, now: i64) {
        if let Some(Written::Local(local)) = written {
            let ahead = (local - now + QUARTER / 2).div_euclid(QUARTER) * QUARTER;
            self.ahead = Some(self.ahead.map_or(ahead, |known| known.max(ahead)).min(FURTHEST));
        }
    }

    /// The earliest time at which a message may have been written, in milliseconds since 1970.
    pub(super) fn earliest(self, written: Option<Written>) -> i64 {
        match written {
            None => 0,
            Some(Written::At(at)) => at - MARGIN,
            Some(Written::Local(local)) => local - self.ahead.unwrap_or(FURTHEST) - MARGIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_800_000_000_000 / QUARTER * QUARTER;
    const HOUR: i64 = 60 * MINUTE;

    #[test]
    fn until_the_zone_is_known_any_is_possible() {
        let clock = Clock::default();
        assert_eq!(clock.earliest(Some(Written::Local(NOON + 14 * HOUR))), NOON - MARGIN);
        assert_eq!(clock.earliest(Some(Written::At(NOON))), NOON - MARGIN);
        assert_eq!(clock.earliest(None), 0);
    }

    #[test]
    fn the_zone_is_learned_and_a_late_message_does_not_spoil_it() {
        let mut clock = Clock::default();
        clock.learn(Some(Written::Local(NOON + 2 * HOUR - 80)), NOON);
        clock.learn(Some(Written::Local(NOON - 20 * MINUTE)), NOON);
        assert_eq!(clock.earliest(Some(Written::Local(NOON + 2 * HOUR))), NOON - MARGIN);
    }
}
