//! Who asked for which losses within the window, and whether one more may pass. Pure: no clock, no I/O.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

use crate::state::{Handle, HeldRow, Loss, Lost, Population, Seq, weight};
use crate::udm::{ObjectId, ObjectType};

use super::GuardLimits;

/// A task that asks for losses.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) seq: Seq,
    pub(super) object: ObjectId,
    pub(super) losses: Vec<Loss>,
}

/// What was asked for within the window.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What was let pass, by task.
    taken: Book<Seq>,
    /// What is held back, by object.
    held: Book<ObjectId>,
    /// What waits in the journal, by task.
    waiting: Book<Seq>,
    /// Tasks that are held back but not written yet.
    unwritten: HashMap<Seq, ObjectId>,
}

impl Ledger {
    /// A task waits in the journal.
    pub(super) fn waits(&mut self, seq: Seq, expected: &[Loss]) {
        if !self.taken.entries.contains_key(&seq) {
            self.waiting.put(seq, i64::MAX, expected.to_vec());
        }
    }

    /// The end of a task is written.
    pub(super) fn ended(&mut self, seq: Seq) {
        self.waiting.remove(&seq);
        self.unwritten.remove(&seq);
    }

    /// What was let pass before the engine started.
    pub(super) fn remember(&mut self, taken: Vec<Lost>) {
        for Lost { seq, at, losses } in taken {
            self.waiting.remove(&seq);
            self.taken.put(seq, at, losses);
        }
    }

    /// What is held back now, by the store. What is not written yet is held back as well.
    pub(super) fn holds(&mut self, rows: impl Iterator<Item = HeldRow>) {
        let mut held = Book::default();
        for row in rows {
            held.put(row.object, row.since, row.losses);
        }
        for object in self.unwritten.values() {
            if let Some((at, losses)) = self.held.entries.get(object) {
                held.put(object.clone(), *at, losses.clone());
            }
        }
        self.held = held;
    }

    /// Forgets what was before the window.
    pub(super) fn forget_before(&mut self, time: i64) {
        self.taken.forget_before(time);
        self.held.forget_before(time);
    }

    /// Lets a task pass.
    pub(super) fn take(&mut self, now: i64, asked: &Asked) {
        self.waiting.remove(&asked.seq);
        self.held.remove(&asked.object);
        // A repetition is as old as the first try.
        let at = self.taken.entries.get(&asked.seq).map_or(now, |(at, _)| *at);
        self.taken.put(asked.seq, at, asked.losses.clone());
    }

    /// Holds a task back.
    pub(super) fn hold(&mut self, now: i64, asked: &Asked) {
        self.waiting.remove(&asked.seq);
        self.held.put(asked.object.clone(), now, asked.losses.clone());
        self.unwritten.insert(asked.seq, asked.object.clone());
    }

    /// What was held back of an object is released.
    pub(super) fn released(&mut self, object: &ObjectId) {
        self.held.remove(object);
    }

    /// A task that was let pass took nothing away. Returns whether it was noted.
    pub(super) fn untake(&mut self, seq: Seq) -> bool {
        self.taken.remove(&seq)
    }

    /// Decides whether a task may pass; otherwise says which limit would be exceeded. `population` gives how many objects of a
    /// type there are; it matters for those of which [`Self::is_share`].
    pub(super) fn decide(
        &self,
        limits: &GuardLimits,
        asked: &Asked,
        population: impl Fn(ObjectType) -> u64,
    ) -> Result<(), String> {
        if self.taken.entries.get(&asked.seq).is_some_and(|(_, taken)| weight(taken) >= weight(&asked.losses)) {
            return Ok(());
        }
        let all = self.all_with(asked);
        let window = Window(limits.window);
        for scope in asked.losses.iter().filter_map(|loss| loss.scope.as_ref()) {
            let wanted = all.scopes.get(&Some(scope.clone())).map_or(0, |share| share.weight);
            if wanted > limits.max_count_per_scope {
                let (scope, allowed) = (Readable(scope), limits.max_count_per_scope);
                return Err(format!("{wanted} deletions in {scope} asked for within {window}, {allowed} allowed"));
            }
        }
        // A scope whose own limit holds its deletions back does not use up what is allowed to the others.
        let none = Share::default();
        let shares = all.scopes.iter().map(|(scope, share)| {
            let held_back = scope.is_some() && share.weight > limits.max_count_per_scope;
            if held_back { self.taken.tally.scopes.get(scope).unwrap_or(&none) } else { share }
        });
        let shares: Vec<_> = shares.collect();
        for loss in &asked.losses {
            let (wanted, of, allowed, what) = match &loss.of {
                Population::Objects { kind } => {
                    let wanted = shares.iter().filter_map(|share| share.kinds.get(kind)).sum();
                    (wanted, population(*kind), limits.max_percent, kind.as_str())
                }
                Population::Members { object, had } => {
                    let wanted = all.members.get(object).copied().unwrap_or_default();
                    let earlier = self.taken.tally.members.get(object).copied().unwrap_or_default();
                    (wanted, had + earlier, limits.max_member_percent, "members of one object")
                }
            };
            if wanted > limits.percent_from && wanted.saturating_mul(100) > allowed.saturating_mul(of) {
                return Err(format!("{wanted} of {of} {what} asked to go within {window}, {allowed} % allowed"));
            }
        }
        let objects = asked.losses.iter().any(|loss| matches!(loss.of, Population::Objects { .. }));
        let (wanted, allowed) = (shares.iter().map(|share| share.weight).sum::<u64>(), limits.max_count);
        if objects && wanted > allowed {
            return Err(format!("{wanted} deletions asked for within {window}, {allowed} allowed"));
        }
        Ok(())
    }

    /// Whether so many objects of a type are asked for that their share of all matters.
    pub(super) fn is_share(&self, limits: &GuardLimits, asked: &Asked, kind: ObjectType) -> bool {
        let own = asked.losses.iter().filter(|loss| matches!(loss.of, Population::Objects { kind: k } if k == kind));
        let others = [&self.taken.tally, &self.held.tally, &self.waiting.tally];
        let shares = others.into_iter().flat_map(|tally| tally.scopes.values());
        shares.filter_map(|share| share.kinds.get(&kind)).sum::<u64>() + own.count() as u64 > limits.percent_from
    }

    /// Everything that is asked for, this task included once.
    fn all_with(&self, asked: &Asked) -> Tally {
        let mut all = self.taken.tally.clone();
        all.add(&self.held.tally);
        all.add(&self.waiting.tally);
        let own = [
            self.taken.entries.get(&asked.seq),
            self.waiting.entries.get(&asked.seq),
            self.held.entries.get(&asked.object),
        ];
        for (_, losses) in own.into_iter().flatten() {
            all.subtract(losses);
        }
        all.count(&asked.losses);
        all
    }
}

/// Losses by who asked for them, with their sums.
#[derive(Debug)]
struct Book<K> {
    entries: HashMap<K, (i64, Vec<Loss>)>,
    order: BTreeSet<(i64, K)>,
    tally: Tally,
}

impl<K> Default for Book<K> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: BTreeSet::new(), tally: Tally::default() }
    }
}

impl<K: Clone + Eq + Hash + Ord> Book<K> {
    fn put(&mut self, key: K, at: i64, losses: Vec<Loss>) {
        self.remove(&key);
        self.tally.count(&losses);
        self.order.insert((at, key.clone()));
        self.entries.insert(key, (at, losses));
    }

    fn remove(&mut self, key: &K) -> bool {
        let Some((at, losses)) = self.entries.remove(key) else { return false };
        self.tally.subtract(&losses);
        self.order.remove(&(at, key.clone()));
        true
    }

    fn forget_before(&mut self, time: i64) {
        while let Some((_, key)) = self.order.first().filter(|(at, _)| *at < time).cloned() {
            self.remove(&key);
        }
    }
}

/// Sums of losses.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Objects by the part of the target that loses them.
    scopes: HashMap<Option<Handle>, Share>,
    /// Number of members by the object that loses them.
    members: HashMap<ObjectId, u64>,
}

/// What one part of the target loses.
#[derive(Clone, Debug, Default)]
struct Share {
    weight: u64,
    /// Number of objects by type.
    kinds: HashMap<ObjectType, u64>,
}

impl Tally {
    fn count(&mut self, losses: &[Loss]) {
        for loss in losses {
            match &loss.of {
                Population::Objects { kind } => {
                    let share = self.scopes.entry(loss.scope.clone()).or_default();
                    share.weight += loss.weight;
                    *share.kinds.entry(*kind).or_default() += 1;
                }
                Population::Members { object, .. } => *self.members.entry(object.clone()).or_default() += loss.weight,
            }
        }
    }

    fn subtract(&mut self, losses: &[Loss]) {
        for loss in losses {
            match &loss.of {
                Population::Objects { kind } => {
                    let Some(share) = self.scopes.get_mut(&loss.scope) else { continue };
                    share.weight = share.weight.saturating_sub(loss.weight);
                    lower(&mut share.kinds, kind, 1);
                    if share.kinds.is_empty() {
                        self.scopes.remove(&loss.scope);
                    }
                }
                Population::Members { object, .. } => lower(&mut self.members, object, loss.weight),
            }
        }
    }

    fn add(&mut self, other: &Self) {
        for (scope, theirs) in &other.scopes {
            let share = self.scopes.entry(scope.clone()).or_default();
            share.weight += theirs.weight;
            for (kind, count) in &theirs.kinds {
                *share.kinds.entry(*kind).or_default() += count;
            }
        }
        for (object, count) in &other.members {
            *self.members.entry(object.clone()).or_default() += count;
        }
    }
}

fn lower<K: Clone + Eq + Hash>(counts: &mut HashMap<K, u64>, key: &K, by: u64) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(by);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// A handle as people read it: `context 10`.
struct Readable<'a>(&'a Handle);

impl Display for Readable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.as_str().replacen(':', " ", 1))
    }
}

/// A window as people read it.
struct Window(Duration);

impl Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_secs() {
            seconds if seconds > 0 && seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            seconds if seconds > 0 && seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            _ => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests;
