//! Chance with a seed, so that a run can be repeated.

use std::sync::atomic::{AtomicU64, Ordering};

/// A generator that can be shared (`SplitMix64`).
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    /// A generator that gives the same numbers for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Any number.
    pub fn number(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to (not including) 1.
    pub fn fraction(&self) -> f64 {
        let thirty_two_bits = u32::try_from(self.number() >> 32).unwrap_or_default();
        f64::from(thirty_two_bits) / (f64::from(u32::MAX) + 1.0)
    }
}
