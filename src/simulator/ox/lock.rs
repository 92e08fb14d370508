//! The write lock that user calls take per context (`ox-soap.md` 6.2).
//!
//! It is the main bottleneck of the real server and unfair on purpose: who finds it taken sleeps for whole seconds and
//! tries again, whoever comes meanwhile may overtake.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::simulator::random::Chance;

/// How often a call tries again.
const TRIES: u32 = 5;
/// After this time without a sign of life of its holder the lock is taken over.
const STALE: f64 = 12.0;

/// The lock of a context.
#[derive(Debug, Default)]
pub struct UserLock(Mutex<Option<Holder>>);

#[derive(Clone, Copy, Debug)]
struct Holder {
    /// Tells holders apart, so that nobody releases the lock of his successor.
    number: u64,
    /// Set if the holder has died: the lock is stale from then on.
    stale_from: Option<Instant>,
}

/// The right to write; dropping it releases the lock.
#[derive(Debug)]
pub struct Held<'l> {
    lock: &'l UserLock,
    number: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut holder = self.lock.holder();
        if holder.is_some_and(|holder| holder.number == self.number) {
            *holder = None;
        }
    }
}

impl UserLock {
    /// Waits for the lock as the real server does; `factor` scales its times.
    pub async fn acquire(&self, factor: f64, chance: &Chance) -> Result<Held<'_>, Fault> {
        for attempt in 1..=TRIES {
            if let Some(held) = self.try_acquire(chance) {
                return Ok(held);
            }
            let seconds = (f64::from(attempt) + chance.fraction()) * factor;
            tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default()).await;
        }
        self.try_acquire(chance).ok_or_else(|| {
            Fault::storage(
                "User update conflict: Another process is currently modifying user data. Please try again later.",
            )
        })
    }

    fn try_acquire(&self, chance: &Chance) -> Option<Held<'_>> {
        let mut holder = self.holder();
        let free = holder.is_none_or(|holder| holder.stale_from.is_some_and(|from| from <= Instant::now()));
        free.then(|| {
            let number = chance.number();
            *holder = Some(Holder { number, stale_from: None });
            Held { lock: self, number }
        })
    }

    /// Leaves the lock behind as a holder does that crashed: it is taken over after twelve seconds (scaled).
    pub fn abandon(&self, factor: f64) {
        let stale_from = Duration::try_from_secs_f64(STALE * factor).ok().map(|wait| Instant::now() + wait);
        *self.holder() = Some(Holder { number: 0, stale_from });
    }

    fn holder(&self) -> MutexGuard<'_, Option<Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTOR: f64 = 0.01;

    #[tokio::test]
    async fn a_second_writer_waits_a_whole_step() {
        let (lock, chance) = (UserLock::default(), Chance::new(1));
        let held = lock.acquire(FACTOR, &chance).await.unwrap();
        let start = Instant::now();
        let (second, ()) = tokio::join!(lock.acquire(FACTOR, &chance), async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            drop(held);
        });
        assert!(second.is_ok());
        assert!(start.elapsed() >= Duration::from_millis(10), "released after 1 ms, but the waiter sleeps 10 at least");
    }

    #[tokio::test]
    async fn the_sixth_try_fails() {
        let (lock, chance) = (UserLock::default(), Chance::new(1));
        let _held = lock.acquire(FACTOR, &chance).await.unwrap();
        let fault = lock.acquire(FACTOR, &chance).await.unwrap_err();
        assert!(fault.text.starts_with("User update conflict"));
    }

    #[tokio::test]
    async fn a_crashed_holder_is_taken_over() {
        let (lock, chance) = (UserLock::default(), Chance::new(1));
        lock.abandon(FACTOR);
        let start = Instant::now();
        assert!(lock.acquire(FACTOR, &chance).await.is_ok());
        assert!(start.elapsed() >= Duration::from_millis(120));
    }

    #[tokio::test]
    async fn a_late_release_does_not_free_the_lock_of_the_successor() {
        let (lock, chance) = (UserLock::default(), Chance::new(1));
        let first = lock.acquire(FACTOR, &chance).await.unwrap();
        lock.abandon(0.0);
        let _second = lock.acquire(FACTOR, &chance).await.unwrap();
        drop(first);
        assert!(lock.try_acquire(&chance).is_none());
    }
}
