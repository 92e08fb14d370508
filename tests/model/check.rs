//! One case: deliver, wait for rest, compare.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use oxherd::simulator::ox::Write;
use oxherd::state::Store;
use serde_json::json;

use crate::action::{Case, Then};
use crate::observed::{differences, observed};
use crate::oracle;
use crate::site::Site;
use crate::world::World;

/// Longer than any case takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs a case; says what is wrong with its end.
pub async fn run(case: &Case) -> Result<(), String> {
    let (window, latency) = (case.window, u64::from(case.latency));
    let mut world = World::empty(|setup| {
        // No certificate is looked at here, and reading those of the system takes longer than a case.
        setup.spec = json!({"ox": {"tls": {"verification": "InsecureSkip"}}});
        setup.tune = Box::new(move |engine| engine.window = window);
        setup.ox.lock_wait_factor = 0.01;
        setup.ox.latency.user_writes = latency;
        setup.ox.latency.other_writes = latency;
    })
    .await;
    world.ox.start_write_log();
    let mut site = Site::new();
    let mut delivered = 0;
    for (action, then) in &case.steps {
        site.act(action);
        if *then == Then::Next {
            continue;
        }
        delivered = deliver(&mut world, &site, delivered);
        match then {
            Then::Next => {}
            Then::Work(milliseconds) => world.work_for(Duration::from_millis(u64::from(*milliseconds))).await,
            Then::Settle => settle(&mut world).await?,
            Then::Restart => {
                world.work_for(Duration::from_millis(3)).await;
                world.restart().await;
            }
        }
    }
    deliver(&mut world, &site, delivered);
    settle(&mut world).await?;
    judge(&world, &site).await
}

/// Waits for rest, but not for ever.
async fn settle(world: &mut World) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, world.settle()).await {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("no rest after {PATIENCE:?}: {:#?}", world.report())),
    }
}

/// Writes the events that are not in the spool yet.
fn deliver(world: &mut World, site: &Site, from: usize) -> usize {
    for event in &site.events[from..] {
        world.file(event.to_string());
    }
    site.events.len()
}

async fn judge(world: &World, site: &Site) -> Result<(), String> {
    let mut faults = differences(&oracle::expected_of(&site.events), &observed(&world.ox.dump()));
    let audit = world.store().audit(None, 10_000).await.unwrap();
    let parked = audit.iter().filter(|row| row.outcome == "Parked");
    // The directory refuses what is wrong, so nothing has to wait for a correction at any time.
    faults.extend(parked.map(|row| format!("{} was parked: {:?}", row.object, row.notes)));
    faults.extend(disorder(&world.ox.writes()));
    if faults.is_empty() {
        return Ok(());
    }
    let mut report = String::from("the end is not as expected:\n");
    for fault in faults {
        let _ = writeln!(report, "  {fault}");
    }
    for row in audit.iter().rev() {
        let _ = writeln!(report, "    {} {} {} {:?} {:?}", row.seq, row.object, row.outcome, row.calls, row.notes);
    }
    for (number, event) in site.events.iter().enumerate() {
        let _ = writeln!(report, "    event {number}: {event}");
    }
    Err(report)
}

/// Writes in which an older event of an object comes after a newer one. Users, resources, shared and functional accounts
/// carry the mark of their event.
fn disorder(writes: &[Write]) -> Vec<String> {
    let mut newest: HashMap<&str, usize> = HashMap::new();
    let mut found = Vec::new();
    for write in writes {
        let parts: Vec<_> = write.request.split('#').collect();
        for pair in parts.windows(2) {
            let [object, number] = pair else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            let newest = newest.entry(object).or_default();
            if number < *newest {
                found.push(format!("{object}: event {number} took effect after {newest} in {}", write.operation));
            }
            *newest = number.max(*newest);
        }
    }
    found
}
