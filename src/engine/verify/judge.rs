//! Asks the planner whether anything is to be done.

use crate::engine::inventory::Inventory;
use crate::engine::perform::look_up;
use crate::engine::target::{Decision, Input, Known};
use crate::state::{Record, Store};

use super::Stop;

/// How often planning may ask for more.
const ROUNDS: usize = 24;

/// What the planner would do.
pub(super) enum Judgement {
    /// Nothing.
    Right,
    /// Calls.
    Drifted { attributes: Vec<String>, calls: Vec<String> },
    /// It refuses the object as it is, which would be parked.
    Refused,
}

/// Plans an object from a state. Asks the target if the plan needs it, and changes nothing.
pub(super) async fn judge<T: Inventory, S: Store>(
    target: &T,
    store: &S,
    record: &Record,
    state: &T::State,
) -> Result<Judgement, Stop> {
    let (mut known, mut facts) = (Known::default(), Vec::new());
    for _ in 0..ROUNDS {
        let decision = target.plan(&Input {
            object: &record.object,
            kind: record.kind,
            dn: &record.dn,
            desired: Some(&record.desired),
            state,
            known: &known,
            facts: &facts,
        });
        match decision {
            Err(_) => return Ok(Judgement::Refused),
            Ok(Decision::Lookup { faces, properties, referrers }) => {
                look_up(store, &mut known, faces, &properties, referrers).await?;
            }
            Ok(Decision::Ask(query)) => {
                facts.push(target.observe(&query).await.map_err(|error| Stop::fault(&error))?);
            }
            Ok(Decision::Recall) => known.set_intentions(store.intentions(&record.object).await?),
            Ok(Decision::Intend(name)) => known.intend(name),
            Ok(Decision::Do(plan)) if plan.calls.is_empty() => return Ok(Judgement::Right),
            Ok(Decision::Do(plan)) => {
                let calls = plan.calls.iter().map(|call| target.call_name(call).to_owned()).collect();
                return Ok(Judgement::Drifted { attributes: plan.attributes, calls });
            }
        }
    }
    Ok(Judgement::Refused)
}
