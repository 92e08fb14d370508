//! How long to wait before the next try.

use std::time::Duration;

/// Exponential growth with full jitter: the n-th wait is a random time between zero and `first × 2ⁿ⁻¹`, at most `most`.
/// Full jitter spreads many waiting tasks best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub first: Duration,
    /// Upper bound of any wait.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_mins(5) }
    }
}

impl Backoff {
    /// The wait before try `attempt` (1 is the first repetition).
    pub fn wait(self, attempt: u32) -> Duration {
        self.bound(attempt).mul_f64(random_share())
    }

    /// The upper bound of that wait.
    pub fn bound(self, attempt: u32) -> Duration {
        let factor = 2u32.saturating_pow(attempt.saturating_sub(1).min(30));
        self.first.saturating_mul(factor).min(self.most)
    }
}

/// A random number from 0 up to 1.
fn random_share() -> f64 {
    // Without randomness the full wait is still a correct one.
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_limit() {
        let backoff = Backoff::default();
        let bounds: Vec<_> = [1, 2, 3, 9, 10, 4_000_000_000].map(|attempt| backoff.bound(attempt).as_secs()).into();
        assert_eq!(bounds, [1, 2, 4, 256, 300, 300]);
    }

    #[test]
    fn waits_are_spread_below_the_bound() {
        let backoff = Backoff { first: Duration::from_secs(8), most: Duration::from_secs(8) };
        let waits: Vec<_> = (0..64).map(|_| backoff.wait(1)).collect();
        assert!(waits.iter().all(|wait| *wait <= backoff.most));
        assert!(waits.iter().any(|wait| *wait < backoff.most / 2) && waits.iter().any(|wait| *wait > backoff.most / 2));
    }
}
