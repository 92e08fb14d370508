//! Which task may run: arrival order where tasks share a name, everything else side by side.
//!
//! Pure data structure without clock or I/O. A task writes some keys and reads others. Tasks that share a key run in
//! arrival order unless both only read it. Each key has a queue; a task is ready when no queue holds it back.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::state::{Footprint, Handle, Seq};
use crate::udm::ObjectId;

/// A name in the form in which the schedule keeps it. Two names that collide only cost some parallelism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// The key of a name.
    pub fn of(name: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The keys of one task, without doubles; no key is in both sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Keys that the task changes.
    pub writes: Vec<Key>,
    /// Keys that it only depends on.
    pub reads: Vec<Key>,
    /// The lane that bounds how many tasks are under way beside each other.
    pub lane: Option<Key>,
}

impl Keys {
    /// The keys of a task for `object` whose footprints before and after are given.
    pub fn new<'a>(object: &ObjectId, footprints: impl IntoIterator<Item = &'a Footprint>) -> Self {
        let mut writes = HashSet::from([Key::of(("object", object))]);
        let mut reads = HashSet::new();
        let mut lane = None;
        for footprint in footprints {
            writes.extend(footprint.handles.iter().chain(&footprint.claims).map(|handle| Key::of(handle.as_str())));
            reads.extend(footprint.refs.iter().map(|handle| Key::of(handle.as_str())));
            lane = footprint.lane.as_ref().map(Handle::as_str).map(Key::of).or(lane);
        }
        reads.retain(|key| !writes.contains(key));
        Self { writes: writes.into_iter().collect(), reads: reads.into_iter().collect(), lane }
    }

    /// Only what the task writes.
    #[must_use]
    pub fn names(self) -> Self {
        Self { reads: Vec::new(), ..self }
    }

    /// These keys and others; the own lane counts.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        for (mine, others) in [(&mut self.writes, &other.writes), (&mut self.reads, &other.reads)] {
            mine.extend(others);
            mine.sort_unstable();
            mine.dedup();
        }
        let Self { writes, reads, .. } = &mut self;
        reads.retain(|key| writes.binary_search(key).is_err());
        Self { lane: self.lane.or(other.lane), ..self }
    }

    fn all(&self) -> impl Iterator<Item = (Key, Mode)> {
        self.writes.iter().map(|key| (*key, Mode::Write)).chain(self.reads.iter().map(|key| (*key, Mode::Read)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Read,
    Write,
}

/// Position in the order of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Order(u64);

#[derive(Debug)]
struct Waiting {
    order: Order,
    seq: Seq,
    mode: Mode,
    granted: bool,
}

/// Who wants a key, in order of admission. Thousands of users read the key of their context, so nothing here may walk the queue
/// on the usual paths. Most keys are wanted once: such a queue must be small.
#[derive(Debug)]
struct Queue {
    entries: VecDeque<Waiting>,
    /// How many of the entries write.
    writers: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self { entries: VecDeque::with_capacity(1), writers: 0 }
    }
}

impl Queue {
    fn push(&mut self, order: Order, seq: Seq, mode: Mode) -> bool {
        let granted = match mode {
            Mode::Write => self.entries.is_empty(),
            Mode::Read => self.writers == 0,
        };
        self.writers += usize::from(mode == Mode::Write);
        self.entries.push_back(Waiting { order, seq, mode, granted });
        granted
    }

    /// Takes a task out. Returns the tasks that get the key now.
    fn remove(&mut self, order: Order) -> Vec<Seq> {
        let Ok(position) = self.entries.binary_search_by_key(&order, |entry| entry.order) else { return Vec::new() };
        let left = self.entries.remove(position).map_or(Mode::Read, |entry| entry.mode);
        self.writers -= usize::from(left == Mode::Write);
        let first_has_it = self.entries.front().is_none_or(|first| first.granted);
        if left == Mode::Read && first_has_it {
            // Only a leaving writer can let others than the first one in.
            return Vec::new();
        }
        self.grant()
    }

    /// Grants the key to the first task, or to all leading readers. Returns those that did not have it yet.
    fn grant(&mut self) -> Vec<Seq> {
        let mut unblocked = Vec::new();
        for (position, entry) in self.entries.iter_mut().enumerate() {
            if entry.mode == Mode::Write && position > 0 {
                break;
            }
            if !entry.granted {
                entry.granted = true;
                unblocked.push(entry.seq);
            }
            if entry.mode == Mode::Write {
                break;
            }
        }
        unblocked
    }

    /// Whether nobody behind this place shares the key with it, unless all only read it.
    fn is_free_behind(&self, order: Order, mode: Mode) -> bool {
        let mut behind = self.entries.iter().rev().take_while(|entry| entry.order > order);
        match mode {
            Mode::Write => behind.next().is_none(),
            Mode::Read => self.writers == 0 || behind.all(|entry| entry.mode == Mode::Read),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Some key is held by an earlier task.
    Blocked,
    /// Nothing holds it back but the limits.
    Ready,
    /// It runs.
    Running,
    /// It has run and holds its keys until its end is written.
    Done,
    /// It failed for the moment and keeps its place until it is released.
    Resting,
}

#[derive(Debug)]
struct Slot {
    order: Order,
    object: ObjectId,
    keys: Keys,
    urgency: Urgency,
    /// Keys that are not granted yet.
    missing: usize,
    phase: Phase,
    /// Its turn when it became ready last; 0 before.
    turn: Turn,
}

#[derive(Debug, Default)]
struct Lane {
    /// Tasks that may start, most urgent first.
    ready: BTreeMap<(Urgency, Turn), Seq>,
    running: usize,
    in_rotation: bool,
    /// Tasks that were admitted and have not ended.
    admitted: usize,
}

/// Place among the ready tasks of a lane: those that became ready earlier have a smaller number.
type Turn = i64;

/// How much a task matters to somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody changed the object just now.
    Fresh,
    /// It is planned again because something else changed: thousands of those may come at once.
    Routine,
}

/// How many tasks may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At the same time.
    pub total: usize,
    /// At the same time in one lane. Two keep a lane busy: one calls while the next one plans.
    pub per_lane: usize,
    /// How many tasks of one lane count against the window.
    pub lane_share: usize,
}

impl Limits {
    /// So many tasks at the same time, with the usual limits of a lane.
    pub const fn side_by_side(total: usize) -> Self {
        Self { total, per_lane: 2, lane_share: 512 }
    }
}

/// Whether a task may have made calls before it was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is new.
    Never,
    /// It was in the journal when the engine started: an engine that was killed may have begun it.
    Perhaps,
}

/// All tasks that were admitted and have not ended.
#[derive(Debug)]
pub struct Schedule {
    limits: Limits,
    queues: HashMap<Key, Queue>,
    slots: HashMap<Seq, Slot>,
    /// The newest task of each object, if it has never begun.
    waiting: HashMap<ObjectId, Seq>,
    lanes: HashMap<Option<Key>, Lane>,
    /// Lanes with something to start, in turn, so that a long lane never starves a short one.
    rotation: VecDeque<Option<Key>>,
    running: usize,
    admissions: u64,
    /// The next places at the front and at the back of what is ready.
    turns: (Turn, Turn),
    load: usize,
    routine: usize,
}

impl Schedule {
    /// An empty schedule.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: HashMap::new(),
            slots: HashMap::new(),
            waiting: HashMap::new(),
            lanes: HashMap::new(),
            rotation: VecDeque::new(),
            running: 0,
            admissions: 0,
            turns: (-1, 1),
            load: 0,
            routine: 0,
        }
    }

    /// Changes how many tasks may run at the same time.
    pub fn limit(&mut self, total: usize) {
        self.limits.total = total;
    }

    /// Admits a task behind all others. Returns an earlier task of the same object whose place it takes: that one has never
    /// begun, and nobody between them can tell the difference.
    ///
    /// A task that has begun must come to its end: a create whose answer was lost is only recognised by trying it again.
    pub fn admit(&mut self, seq: Seq, object: &ObjectId, keys: Keys, begun: Begun, urgency: Urgency) -> Option<Seq> {
        let absorbed = self.waiting.get(object).copied().filter(|earlier| self.may_absorb(*earlier, &keys));
        if let Some(earlier) = absorbed {
            self.leave(earlier);
        }
        self.admissions += 1;
        let order = Order(self.admissions);
        let mut missing = 0;
        for (key, mode) in keys.all() {
            let granted = self.queues.entry(key).or_default().push(order, seq, mode);
            missing += usize::from(!granted);
        }
        let lane = keys.lane;
        let phase = if missing == 0 { Phase::Ready } else { Phase::Blocked };
        self.slots.insert(seq, Slot { order, object: object.clone(), keys, urgency, missing, phase, turn: 0 });
        let entry = self.lanes.entry(lane).or_default();
        entry.admitted += 1;
        self.load += usize::from(lane.is_none() || entry.admitted <= self.limits.lane_share);
        self.routine += usize::from(urgency == Urgency::Routine);
        if begun == Begun::Never {
            self.waiting.insert(object.clone(), seq);
        }
        if phase == Phase::Ready {
            self.make_ready(seq, Place::Back);
        }
        absorbed
    }

    /// Whether no task between `earlier` and the end of the queues shares a key with either, unless all only read it.
    fn may_absorb(&self, earlier: Seq, newer: &Keys) -> bool {
        let Some(slot) = self.slots.get(&earlier) else { return false };
        slot.keys
            .all()
            .chain(newer.all())
            .all(|(key, mode)| self.queues.get(&key).is_none_or(|queue| queue.is_free_behind(slot.order, mode)))
    }

    /// The next task that may start; it counts as running from now on.
    pub fn start(&mut self) -> Option<Seq> {
        if self.running >= self.limits.total {
            return None;
        }
        while let Some(id) = self.rotation.pop_front() {
            let limit = self.lane_limit(id);
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            lane.in_rotation = false;
            if lane.admitted == 0 {
                self.lanes.remove(&id);
                continue;
            }
            if lane.running >= limit {
                continue;
            }
            let Some((_, seq)) = lane.ready.pop_first() else { continue };
            lane.running += 1;
            self.running += 1;
            self.rotate(id);
            if let Some(slot) = self.slots.get_mut(&seq) {
                slot.phase = Phase::Running;
                if self.waiting.get(&slot.object) == Some(&seq) {
                    self.waiting.remove(&slot.object);
                }
            }
            return Some(seq);
        }
        None
    }

    /// A running task did its work. It no longer counts as running, so that its lane goes on while its end is being written,
    /// but it holds back those that share a key until then.
    pub fn done(&mut self, seq: Seq) {
        self.stop_running(seq);
        if let Some(slot) = self.slots.get_mut(&seq) {
            slot.phase = Phase::Done;
        }
    }

    /// A task ended for good: those that it held back may follow.
    pub fn finish(&mut self, seq: Seq) {
        self.stop_running(seq);
        self.leave(seq);
    }

    /// A task that ran failed for the moment. It keeps its place and holds back those behind it, but no longer counts as running.
    pub fn rest(&mut self, seq: Seq) {
        self.stop_running(seq);
        if let Some(slot) = self.slots.get_mut(&seq) {
            slot.phase = Phase::Resting;
        }
    }

    /// A resting task may try again, before others of its lane.
    pub fn release(&mut self, seq: Seq) {
        if let Some(slot) = self.slots.get_mut(&seq).filter(|slot| slot.phase == Phase::Resting) {
            slot.phase = Phase::Ready;
            self.make_ready(seq, Place::Front);
        }
    }

    /// Lets a task run although others may be before it. Returns whether it is known and does not run yet.
    pub fn force(&mut self, seq: Seq) -> bool {
        let Some(slot) = self.slots.get_mut(&seq) else { return false };
        if matches!(slot.phase, Phase::Running | Phase::Done) {
            return false;
        }
        slot.phase = Phase::Running;
        if self.waiting.get(&slot.object) == Some(&seq) {
            self.waiting.remove(&slot.object);
        }
        let lane = self.lanes.entry(slot.keys.lane).or_default();
        lane.ready.remove(&(slot.urgency, slot.turn));
        lane.running += 1;
        self.running += 1;
        true
    }

    /// Tasks that were admitted and have not ended.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The same, but of each lane only its share counts: a lane that stands still must not keep others out.
    pub fn load(&self) -> usize {
        self.load
    }

    /// How many of them are routine.
    pub fn routine(&self) -> usize {
        self.routine
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether a task of the object has not started yet.
    pub fn has_waiting(&self, object: &ObjectId) -> bool {
        self.waiting.contains_key(object)
    }

    /// Tasks that run now.
    pub fn running(&self) -> usize {
        self.running
    }

    fn lane_limit(&self, lane: Option<Key>) -> usize {
        if lane.is_some() { self.limits.per_lane } else { self.limits.total }
    }

    fn stop_running(&mut self, seq: Seq) {
        let Some(slot) = self.slots.get(&seq).filter(|slot| slot.phase == Phase::Running) else { return };
        let id = slot.keys.lane;
        self.running -= 1;
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.running -= 1;
        }
        self.rotate(id);
    }

    /// Puts a lane into the rotation if it has something that may start.
    fn rotate(&mut self, id: Option<Key>) {
        let limit = self.lane_limit(id);
        if let Some(lane) = self.lanes.get_mut(&id)
            && !lane.in_rotation
            && !lane.ready.is_empty()
            && lane.running < limit
        {
            lane.in_rotation = true;
            self.rotation.push_back(id);
        }
    }

    fn make_ready(&mut self, seq: Seq, place: Place) {
        let Some(slot) = self.slots.get_mut(&seq) else { return };
        let turn = match place {
            Place::Back => &mut self.turns.1,
            Place::Front => &mut self.turns.0,
        };
        slot.turn = *turn;
        *turn += if place == Place::Back { 1 } else { -1 };
        let id = slot.keys.lane;
        self.lanes.entry(id).or_default().ready.insert((slot.urgency, slot.turn), seq);
        self.rotate(id);
    }

    /// Takes a task that does not run out of all queues.
    fn leave(&mut self, seq: Seq) {
        let Some(slot) = self.slots.remove(&seq) else { return };
        if self.waiting.get(&slot.object) == Some(&seq) {
            self.waiting.remove(&slot.object);
        }
        let id = slot.keys.lane;
        self.routine -= usize::from(slot.urgency == Urgency::Routine);
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.ready.remove(&(slot.urgency, slot.turn));
            self.load -= usize::from(id.is_none() || lane.admitted <= self.limits.lane_share);
            lane.admitted -= 1;
            if lane.admitted == 0 && !lane.in_rotation {
                self.lanes.remove(&id);
            }
        }
        for (key, _) in slot.keys.all() {
            let Entry::Occupied(mut entry) = self.queues.entry(key) else { continue };
            let unblocked = entry.get_mut().remove(slot.order);
            if entry.get().entries.is_empty() {
                entry.remove();
            }
            for next in unblocked {
                self.granted(next);
            }
        }
    }

    fn granted(&mut self, seq: Seq) {
        let Some(slot) = self.slots.get_mut(&seq) else { return };
        slot.missing -= 1;
        if slot.missing == 0 && slot.phase == Phase::Blocked {
            slot.phase = Phase::Ready;
            self.make_ready(seq, Place::Back);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Front,
    Back,
}

#[cfg(test)]
mod tests;
