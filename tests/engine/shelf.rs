//! A small target system: a shelf on which every object has a name that nobody else has.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oxherd::engine::{Decision, FaultClass, Input, Kept, Pace, Plan, Reaction, Rejection, Target, TargetFault};
use oxherd::state::{Face, Footprint, Handle, Loss, Population};
use oxherd::udm::{Dn, Event, ObjectId, ObjectType, Properties};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What is on the shelf, and how it behaves.
#[derive(Default)]
pub struct World {
    items: Mutex<BTreeMap<String, Item>>,
    in_lane: Mutex<BTreeMap<String, usize>>,
    most_in_lane: AtomicU64,
    at_once: AtomicU64,
    most_at_once: AtomicU64,
    calls: AtomicU64,
    /// Nothing works.
    pub down: AtomicBool,
    /// So many calls are answered «busy».
    pub busy: AtomicU64,
    /// So many note calls are answered «busy».
    pub busy_notes: AtomicU64,
    /// Boards of the shelf to which nothing can be put, by the first letter of the name.
    pub blocked: Mutex<BTreeMap<String, Pace>>,
    /// So many calls met a blocked board.
    pub refused: AtomicU64,
    /// Each call takes so long.
    pub latency_ms: AtomicU64,
}

#[derive(Clone, Default)]
struct Item {
    name: Option<String>,
    note: Option<String>,
    puts: u64,
}

impl World {
    pub fn names(&self) -> Vec<(String, String)> {
        let items = self.items.lock().unwrap();
        items.iter().filter_map(|(object, item)| Some((object.clone(), item.name.clone()?))).collect()
    }

    /// How many are missing of so many.
    pub fn gone(&self, all: u64) -> u64 {
        all - self.names().len() as u64
    }

    pub fn note(&self, object: &str) -> Option<String> {
        self.items.lock().unwrap().get(object)?.note.clone()
    }

    pub fn puts(&self, object: &str) -> u64 {
        self.items.lock().unwrap()[object].puts
    }

    pub fn most_puts(&self) -> u64 {
        self.items.lock().unwrap().values().map(|item| item.puts).max().unwrap_or(0)
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn most_in_lane(&self) -> u64 {
        self.most_in_lane.load(Ordering::SeqCst)
    }

    pub fn most_at_once(&self) -> u64 {
        self.most_at_once.load(Ordering::SeqCst)
    }
}

pub struct Shelf {
    world: Arc<World>,
}

impl Shelf {
    pub fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

#[derive(Clone, Debug, Serialize)]
pub enum Call {
    Put { object: String, name: String },
    Note { object: String, note: String },
    Remove { object: String },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OnShelf {
    name: Option<String>,
    note: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
pub struct Fault(FaultClass);

impl TargetFault for Fault {
    fn class(&self) -> FaultClass {
        self.0.clone()
    }
}

fn one() -> Loss {
    Loss { of: Population::Objects { kind: ObjectType::User }, scope: None, weight: 1, contains: None }
}

impl Target for Shelf {
    type Call = Call;
    type Effect = ();
    type Query = ();
    type Fact = ();
    type State = OnShelf;
    type Fault = Fault;

    fn revision(&self) -> String {
        "1".into()
    }

    fn reduce(&self, event: Event) -> Event {
        event
    }

    fn footprint(
        &self,
        object: &ObjectId,
        _: ObjectType,
        _: &Dn,
        desired: Option<&Properties>,
        state: &OnShelf,
    ) -> Footprint {
        let wanted = desired.and_then(|d| d.text("name").unwrap());
        let names = wanted.iter().chain(&state.name).map(|name| Handle::new("name", name)).collect();
        let needs = desired.map(|d| d.texts("needs").unwrap()).unwrap_or_default();
        Footprint {
            handles: vec![Handle::object(object)],
            claims: names,
            refs: needs.iter().map(|need| Handle::new("id", need)).collect(),
            lane: wanted.map(|name| Handle::new("lane", &name[..1])),
        }
    }

    fn plan(&self, input: &Input<'_, Self>) -> Result<Decision<Self>, Rejection> {
        let object = input.object.to_string();
        let mut calls = Vec::new();
        match input.desired {
            None => calls.extend(input.state.name.as_ref().map(|_| Call::Remove { object })),
            Some(desired) => {
                let name = desired.text("name")?.ok_or_else(|| Rejection::invalid("no name"))?;
                let needs: Vec<_> = desired.texts("needs")?.iter().map(|need| Handle::new("id", need)).collect();
                let mut notes = Vec::new();
                for need in &needs {
                    match input.known.face(need) {
                        None => {
                            let (properties, referrers) = (vec![], vec![]);
                            return Ok(Decision::Lookup { faces: needs, properties, referrers });
                        }
                        Some(None) => return Err(Rejection::waiting("something is missing", vec![need.clone()])),
                        Some(Some(found)) => notes.push(found.face["name"].as_str().unwrap_or_default().to_owned()),
                    }
                }
                if input.state.name.as_ref() != Some(&name) {
                    calls.push(Call::Put { object: object.clone(), name });
                }
                let note = notes.join(",");
                if !note.is_empty() && input.state.note.as_ref() != Some(&note) {
                    calls.push(Call::Note { object, note });
                }
            }
        }
        let base = input.state.clone();
        Ok(Decision::Do(Plan { base, calls, skipped: None, warnings: vec![], attributes: vec![] }))
    }

    fn losses(&self, _: &ObjectId, _: ObjectType, _: Option<&Properties>, _: &OnShelf, calls: &[Call]) -> Vec<Loss> {
        let removals = calls.iter().filter(|call| matches!(call, Call::Remove { .. }));
        removals.map(|_| one()).collect()
    }

    fn at_stake(&self, _: ObjectType, footprint: &Footprint) -> Vec<Loss> {
        footprint.claims.first().map(|_| one()).into_iter().collect()
    }

    fn kept<'s>(&self, _: &'s mut OnShelf) -> Option<&'s mut Kept> {
        None
    }

    fn advance(&self, state: &mut OnShelf, call: &Call, (): &()) {
        match call.clone() {
            Call::Put { name, .. } => state.name = Some(name),
            Call::Note { note, .. } => state.note = Some(note),
            Call::Remove { .. } => *state = OnShelf::default(),
        }
    }

    fn face(&self, _: ObjectType, _: &Properties, state: &OnShelf) -> Face {
        json!({ "name": state.name })
    }

    fn imagine(&self, _: &Call, _: u32) {}

    fn lane(&self, call: &Call) -> Option<Handle> {
        match call {
            Call::Put { name, .. } => Some(Handle::new("lane", &name[..1])),
            Call::Note { .. } | Call::Remove { .. } => None,
        }
    }

    fn call_gate(&self, call: &Call) -> Option<Handle> {
        match call {
            Call::Put { name, .. } => Some(Handle::new("board", &name[..1])),
            Call::Note { .. } | Call::Remove { .. } => None,
        }
    }

    fn query_gate(&self, (): &()) -> Option<Handle> {
        None
    }

    fn call_name(&self, call: &Call) -> &'static str {
        match call {
            Call::Put { .. } => "Put",
            Call::Note { .. } => "Note",
            Call::Remove { .. } => "Remove",
        }
    }

    async fn execute(&self, call: &Call, _: &OnShelf) -> Result<(), Fault> {
        let world = &self.world;
        if world.down.load(Ordering::SeqCst) {
            return Err(Fault(FaultClass::World));
        }
        world.calls.fetch_add(1, Ordering::SeqCst);
        let lane = self.lane(call).map(|lane| lane.to_string());
        let at_once = world.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        world.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        if let Some(lane) = &lane {
            let mut lanes = world.in_lane.lock().unwrap();
            let inside = lanes.entry(lane.clone()).or_default();
            *inside += 1;
            world.most_in_lane.fetch_max(*inside as u64, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(world.latency_ms.load(Ordering::SeqCst))).await;
        if let Some(lane) = &lane {
            *world.in_lane.lock().unwrap().get_mut(lane).unwrap() -= 1;
        }
        world.at_once.fetch_sub(1, Ordering::SeqCst);
        let refuse =
            |counter: &AtomicU64| counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if refuse(&world.busy).is_ok() || (matches!(call, Call::Note { .. }) && refuse(&world.busy_notes).is_ok()) {
            return Err(Fault(FaultClass::Busy));
        }
        if let Call::Put { name, .. } = call
            && let Some(pace) = world.blocked.lock().unwrap().get(&name[..1])
        {
            world.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Fault(FaultClass::Blocked { gate: Handle::new("board", &name[..1]), pace: *pace }));
        }
        let mut items = world.items.lock().unwrap();
        match call.clone() {
            Call::Put { object, name } => {
                let taken = items.iter().any(|(other, item)| *other != object && item.name.as_ref() == Some(&name));
                if taken || name == "forbidden" {
                    return Err(Fault(FaultClass::Object));
                }
                let item = items.entry(object).or_default();
                item.name = Some(name);
                item.puts += 1;
            }
            Call::Note { object, note } => items.entry(object).or_default().note = Some(note),
            Call::Remove { object } => {
                items.remove(&object);
            }
        }
        Ok(())
    }

    async fn observe(&self, (): &()) -> Result<(), Fault> {
        Ok(())
    }

    fn react(&self, _: &Call, _: &Fault, _: &OnShelf) -> Reaction<Self> {
        Reaction::Fail
    }

    async fn probe(&self) -> Result<(), Fault> {
        if self.world.down.load(Ordering::SeqCst) { Err(Fault(FaultClass::World)) } else { Ok(()) }
    }
}
