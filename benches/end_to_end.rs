//! The load generator: listener files → controller → simulated OX, each in a process of its own.
//!
//! `cargo bench --bench end_to_end` runs all scenarios; `cargo bench --bench end_to_end -- load` those whose name contains
//! `load`; `-- --list` says which there are. Results are recorded in `docs/performance.md`.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a report for people; a bench that cannot run may panic")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use support::intake;
use support::process::Usage;
use support::world::{Batch, Kind, Measured, World};

/// What has to be reached.
#[derive(Clone, Copy)]
enum Target {
    EventsPerSecond(f64),
    Writes(u64),
    OneSmallCall,
    PeakMegabytes(u64),
}

impl Target {
    fn is_met(self, measured: &Measured) -> bool {
        match self {
            Self::EventsPerSecond(rate) => per_second(measured) >= rate,
            Self::Writes(calls) => measured.calls == calls && measured.writes == calls,
            Self::OneSmallCall => measured.calls == 1 && measured.largest < 2_000,
            Self::PeakMegabytes(most) => measured.controller.peak < most << 20,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EventsPerSecond(rate) => write!(f, "≥ {rate}/s"),
            Self::Writes(calls) => write!(f, "{calls} calls"),
            Self::OneSmallCall => f.write_str("1 call < 2 kB"),
            Self::PeakMegabytes(most) => write!(f, "< {most} MB"),
        }
    }
}

struct Scenario {
    name: &'static str,
    kind: Kind,
    /// Users that must be there before; none: it brings them itself.
    users: u32,
    batch: Batch,
    targets: &'static [Target],
}

const MANY: u32 = 10_000;
const ONE: Kind = Kind { contexts: 1, latency: 0 };
const TWENTY: Kind = Kind { contexts: 20, latency: 0 };
const SLOW_ONE: Kind = Kind { contexts: 1, latency: 20 };
const SLOW_TWENTY: Kind = Kind { contexts: 20, latency: 20 };

use Target::{EventsPerSecond, OneSmallCall, PeakMegabytes, Writes};

/// In this order, since one goes on where the former one of the same kind ended.
const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "load-one-context",
        kind: ONE,
        users: 0,
        batch: Batch::Users(MANY),
        targets: &[EventsPerSecond(1500.0), Writes(10_000), PeakMegabytes(60)],
    },
    Scenario {
        name: "relevant-changes",
        kind: ONE,
        users: MANY,
        batch: Batch::Relevant,
        targets: &[EventsPerSecond(1500.0), Writes(10_000), PeakMegabytes(60)],
    },
    Scenario {
        name: "irrelevant-changes",
        kind: ONE,
        users: MANY,
        batch: Batch::Irrelevant,
        targets: &[EventsPerSecond(1500.0), Writes(0), PeakMegabytes(60)],
    },
    Scenario {
        name: "identical-redelivery",
        kind: ONE,
        users: MANY,
        batch: Batch::Same,
        targets: &[EventsPerSecond(1500.0), Writes(0), PeakMegabytes(60)],
    },
    Scenario { name: "group-of-5000", kind: ONE, users: MANY, batch: Batch::Group(5_000), targets: &[Writes(1)] },
    Scenario { name: "one-member-more", kind: ONE, users: MANY, batch: Batch::Group(5_001), targets: &[OneSmallCall] },
    Scenario {
        name: "load-twenty-contexts",
        kind: TWENTY,
        users: 0,
        batch: Batch::Users(MANY),
        targets: &[EventsPerSecond(1500.0), Writes(10_000), PeakMegabytes(60)],
    },
    Scenario {
        name: "20ms-one-context",
        kind: SLOW_ONE,
        users: 0,
        batch: Batch::Users(300),
        targets: &[EventsPerSecond(45.0), Writes(300)],
    },
    Scenario {
        name: "20ms-twenty-contexts",
        kind: SLOW_TWENTY,
        users: 0,
        batch: Batch::Users(3_000),
        targets: &[EventsPerSecond(600.0), Writes(3_000)],
    },
];
const INTAKE: &str = "intake-alone";

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.iter().any(|argument| argument == "--list") {
        SCENARIOS.iter().map(|scenario| scenario.name).chain([INTAKE]).for_each(|name| println!("{name}"));
        return;
    }
    let chosen = |name: &str| arguments.is_empty() || arguments.iter().any(|part| name.contains(part.as_str()));
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "scenario",
        "events",
        "seconds",
        "events/s",
        "CPU s controller",
        "CPU s simulator",
        "calls",
        "largest request",
        "writes beside",
        "peak MB",
        "target",
        "",
    ]);
    for column in 1..10 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut worlds: BTreeMap<Kind, World> = BTreeMap::new();
    let mut all_met = true;
    for scenario in SCENARIOS.iter().filter(|scenario| chosen(scenario.name)) {
        let world = worlds.entry(scenario.kind).or_insert_with(|| World::new(scenario.kind));
        prepare(world, scenario);
        let measured = world.apply(scenario.batch);
        all_met &= scenario.targets.iter().all(|target| target.is_met(&measured));
        table.add_row(row(scenario.name, &measured, scenario.targets));
        println!("{}: {:.0} events/s", scenario.name, per_second(&measured));
    }
    drop(worlds);
    if chosen(INTAKE) {
        let (time, cpu) = intake::measure(MANY);
        let controller = Usage { cpu, peak: 0 };
        let measured = Measured { events: MANY as usize, time, controller, ..Measured::default() };
        table.add_row(row(INTAKE, &measured, &[]));
    }
    println!("{table}\nload average {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    println!("{}", if all_met { "all targets met" } else { "NOT all targets met" });
}

/// Brings a world to where the scenario starts.
fn prepare(world: &mut World, scenario: &Scenario) {
    if world.users() < scenario.users {
        world.apply(Batch::Users(scenario.users));
    }
    if let Batch::Group(members) = scenario.batch
        && members > 5_000
    {
        world.apply(Batch::Group(members - 1));
    }
}

fn row(name: &str, measured: &Measured, targets: &[Target]) -> Vec<String> {
    let lines = |text: &dyn Fn(&Target) -> String| targets.iter().map(text).collect::<Vec<_>>().join(", ");
    vec![
        name.to_owned(),
        measured.events.to_string(),
        format!("{:.2}", measured.time.as_secs_f64()),
        format!("{:.0}", per_second(measured)),
        format!("{:.2}", measured.controller.cpu),
        format!("{:.2}", measured.simulator.cpu),
        measured.calls.to_string(),
        measured.largest.to_string(),
        measured.beside.to_string(),
        format!("{:.1}", f64::from(u32::try_from(measured.controller.peak >> 10).unwrap_or(u32::MAX)) / 1024.0),
        lines(&|target| target.to_string()),
        lines(&|target| if target.is_met(measured) { "met" } else { "NOT MET" }.to_owned()),
    ]
}

fn per_second(measured: &Measured) -> f64 {
    let events = f64::from(u32::try_from(measured.events).unwrap_or(u32::MAX));
    events / measured.time.max(Duration::from_millis(1)).as_secs_f64()
}
