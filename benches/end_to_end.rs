//! The load generator: listener files → controller → simulated OX, each in a process of its own.
//!
//! `cargo bench --bench end_to_end` runs the quick scenarios; `cargo bench --bench end_to_end -- load` all whose name contains
//! `load`, the long ones as well; `-- --list` says which there are. Results are recorded in `docs/performance.md`.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a report for people; a bench that cannot run may panic")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use support::process::Usage;
use support::world::{Batch, Kind, Measured, World};
use support::{bulk, intake, nubus};

/// What has to be reached.
#[derive(Clone, Copy)]
enum Target {
    EventsPerSecond(f64),
    Seconds(f64),
    Writes(u64),
    OneSmallCall,
    PeakMegabytes(u64),
    LaneBusy(f64),
}

impl Target {
    fn is_met(self, measured: &Measured) -> bool {
        match self {
            Self::EventsPerSecond(rate) => per_second(measured) >= rate,
            Self::Seconds(most) => measured.time.as_secs_f64() <= most,
            Self::Writes(calls) => measured.calls == calls && measured.writes == calls,
            Self::OneSmallCall => measured.calls == 1 && measured.largest < 2_000,
            Self::PeakMegabytes(most) => measured.controller.peak <= most << 20,
            Self::LaneBusy(percent) => measured.busy.is_some_and(|busy| busy >= percent),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EventsPerSecond(rate) => write!(f, "≥ {rate}/s"),
            Self::Seconds(most) => write!(f, "≤ {most:.1} s"),
            Self::Writes(calls) => write!(f, "{calls} calls"),
            Self::OneSmallCall => f.write_str("1 call < 2 kB"),
            Self::PeakMegabytes(most) => write!(f, "≤ {most} MB"),
            Self::LaneBusy(percent) => write!(f, "lanes ≥ {percent} % busy"),
        }
    }
}

/// What has to be there before.
#[derive(Clone, Copy)]
enum Before {
    /// Nothing.
    Nothing,
    /// So many users.
    Users(u32),
    /// So many users, all but a thousand of them made up.
    MadeUp(u32),
    /// So many users, and teams of twenty.
    Teams(u32, u32),
    /// So many users, and a group with so many of them.
    Group(u32, u32),
}

/// Whether a scenario runs when none is asked for.
#[derive(Clone, Copy, PartialEq)]
enum Length {
    Quick,
    Long,
}

struct Scenario {
    name: &'static str,
    length: Length,
    kind: Kind,
    before: Before,
    batch: Batch,
    targets: &'static [Target],
}

const MANY: u32 = 10_000;
const ONE: Kind = Kind { contexts: 1, latency: 0, number: 0 };
const TWENTY: Kind = Kind { contexts: 20, latency: 0, number: 0 };
const LARGE: Kind = Kind { contexts: 1, latency: 0, number: 1 };
const MADE_UP: Kind = Kind { contexts: 1, latency: 0, number: 2 };
const SLOW_ONE: Kind = Kind { contexts: 1, latency: 20, number: 0 };
const SLOW_TWENTY: Kind = Kind { contexts: 20, latency: 20, number: 0 };

use Before::{Group, MadeUp, Nothing, Teams, Users};
use Length::{Long, Quick};
use Target::{EventsPerSecond, LaneBusy, OneSmallCall, PeakMegabytes, Seconds, Writes};

const MEMORY: Target = PeakMegabytes(200);

/// In this order, since one goes on where the former one of the same kind ended.
const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "load-one-context",
        length: Quick,
        kind: ONE,
        before: Nothing,
        batch: Batch::Users(MANY),
        targets: &[EventsPerSecond(1500.0), Writes(10_000), MEMORY],
    },
    Scenario {
        name: "relevant-changes",
        length: Quick,
        kind: ONE,
        before: Users(MANY),
        batch: Batch::Relevant,
        targets: &[EventsPerSecond(1500.0), Writes(10_000), MEMORY],
    },
    Scenario {
        name: "irrelevant-changes",
        length: Quick,
        kind: ONE,
        before: Users(MANY),
        batch: Batch::Irrelevant(MANY),
        targets: &[EventsPerSecond(4000.0), Writes(0), MEMORY],
    },
    Scenario {
        name: "identical-redelivery",
        length: Quick,
        kind: ONE,
        before: Users(MANY),
        batch: Batch::Same,
        targets: &[EventsPerSecond(4000.0), Writes(0), MEMORY],
    },
    Scenario {
        name: "group-of-5000",
        length: Quick,
        kind: ONE,
        before: Users(MANY),
        batch: Batch::Group(5_000),
        targets: &[Writes(1), MEMORY],
    },
    Scenario {
        name: "one-member-more-than-5000",
        length: Quick,
        kind: ONE,
        before: Group(MANY, 5_000),
        batch: Batch::Group(5_001),
        targets: &[OneSmallCall, MEMORY],
    },
    Scenario {
        name: "load-twenty-contexts",
        length: Quick,
        kind: TWENTY,
        before: Nothing,
        batch: Batch::Users(MANY),
        targets: &[EventsPerSecond(1500.0), Writes(10_000), MEMORY],
    },
    Scenario {
        name: "relevant-twenty-contexts",
        length: Quick,
        kind: TWENTY,
        before: Users(MANY),
        batch: Batch::Relevant,
        targets: &[EventsPerSecond(1500.0), Writes(10_000), MEMORY],
    },
    Scenario {
        name: "usual-day",
        length: Quick,
        kind: TWENTY,
        before: Teams(MANY, 400),
        batch: Batch::Mixed(20_000),
        targets: &[EventsPerSecond(4000.0), MEMORY],
    },
    Scenario {
        name: "20ms-one-context",
        length: Quick,
        kind: SLOW_ONE,
        before: Nothing,
        batch: Batch::Users(300),
        targets: &[EventsPerSecond(45.0), Writes(300)],
    },
    Scenario {
        name: "20ms-twenty-contexts",
        length: Quick,
        kind: SLOW_TWENTY,
        before: Nothing,
        batch: Batch::Users(3_000),
        targets: &[EventsPerSecond(600.0), Writes(3_000)],
    },
    Scenario {
        name: "lane-of-one-context",
        length: Long,
        kind: SLOW_ONE,
        before: Users(1_600),
        batch: Batch::Relevant,
        targets: &[LaneBusy(95.0), Writes(1_600)],
    },
    Scenario {
        name: "lanes-of-twenty-contexts",
        length: Long,
        kind: SLOW_TWENTY,
        before: Users(32_000),
        batch: Batch::Relevant,
        targets: &[LaneBusy(90.0), Writes(32_000), MEMORY],
    },
    Scenario {
        name: "large-load-50000",
        length: Long,
        kind: LARGE,
        before: Nothing,
        batch: Batch::Users(50_000),
        targets: &[Writes(50_000), MEMORY],
    },
    Scenario {
        name: "large-group-50000",
        length: Long,
        kind: LARGE,
        before: Users(50_000),
        batch: Batch::Group(49_999),
        targets: &[Writes(1)],
    },
    Scenario {
        name: "large-group-one-member-more",
        length: Long,
        kind: LARGE,
        before: Group(50_000, 49_999),
        batch: Batch::Group(50_000),
        targets: &[OneSmallCall],
    },
    Scenario {
        name: "large-profile-50000",
        length: Long,
        kind: LARGE,
        before: Users(50_000),
        batch: Batch::Profile(100),
        targets: &[MEMORY],
    },
    Scenario {
        name: "resync-100000",
        length: Long,
        kind: MADE_UP,
        before: MadeUp(100_000),
        batch: Batch::Same,
        targets: &[Seconds(60.0), Writes(0), MEMORY],
    },
    Scenario {
        name: "million-start-1000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 10 },
        before: MadeUp(1_000),
        batch: Batch::Nothing,
        targets: &[Seconds(2.0), MEMORY],
    },
    Scenario {
        name: "million-irrelevant-1000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 10 },
        before: MadeUp(1_000),
        batch: Batch::Irrelevant(MANY),
        targets: &[EventsPerSecond(4000.0), Writes(0), MEMORY],
    },
    Scenario {
        name: "million-new-1000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 10 },
        before: MadeUp(1_000),
        batch: Batch::New(5_000),
        targets: &[Writes(5_000), MEMORY],
    },
    Scenario {
        name: "million-start-10000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 11 },
        before: MadeUp(10_000),
        batch: Batch::Nothing,
        targets: &[Seconds(2.0), MEMORY],
    },
    Scenario {
        name: "million-irrelevant-10000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 11 },
        before: MadeUp(10_000),
        batch: Batch::Irrelevant(MANY),
        targets: &[EventsPerSecond(4000.0), Writes(0), MEMORY],
    },
    Scenario {
        name: "million-new-10000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 11 },
        before: MadeUp(10_000),
        batch: Batch::New(5_000),
        targets: &[Writes(5_000), MEMORY],
    },
    Scenario {
        name: "million-start-100000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 12 },
        before: MadeUp(100_000),
        batch: Batch::Nothing,
        targets: &[Seconds(2.0), MEMORY],
    },
    Scenario {
        name: "million-irrelevant-100000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 12 },
        before: MadeUp(100_000),
        batch: Batch::Irrelevant(MANY),
        targets: &[EventsPerSecond(4000.0), Writes(0), MEMORY],
    },
    Scenario {
        name: "million-new-100000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 12 },
        before: MadeUp(100_000),
        batch: Batch::New(5_000),
        targets: &[Writes(5_000), MEMORY],
    },
    Scenario {
        name: "million-start-1000000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 13 },
        before: MadeUp(1_000_000),
        batch: Batch::Nothing,
        targets: &[Seconds(2.0), MEMORY],
    },
    Scenario {
        name: "million-irrelevant-1000000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 13 },
        before: MadeUp(1_000_000),
        batch: Batch::Irrelevant(MANY),
        targets: &[EventsPerSecond(4000.0), Writes(0), MEMORY],
    },
    Scenario {
        name: "million-new-1000000",
        length: Long,
        kind: Kind { contexts: 1, latency: 0, number: 13 },
        before: MadeUp(1_000_000),
        batch: Batch::New(5_000),
        targets: &[Writes(5_000), MEMORY],
    },
];
const INTAKE: &str = "intake-alone";
const NUBUS: &str = "intake-nubus";
const BULK: &str = "bulk-load";
/// The first load of a directory with so many users.
const LARGE_DIRECTORY: u32 = 100_000;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.iter().any(|argument| argument == "--list") {
        SCENARIOS.iter().map(|scenario| scenario.name).chain([INTAKE, NUBUS, BULK]).for_each(|name| println!("{name}"));
        return;
    }
    let chosen = |name: &str, length: Length| match arguments.as_slice() {
        [] => length == Quick,
        parts => parts.iter().any(|part| name.contains(part.as_str())),
    };
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
        "lanes busy %",
        "peak MB",
        "target",
        "",
    ]);
    for column in 1..11 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut worlds: BTreeMap<Kind, World> = BTreeMap::new();
    let mut all_met = true;
    for scenario in SCENARIOS.iter().filter(|scenario| chosen(scenario.name, scenario.length)) {
        let world = worlds.entry(scenario.kind).or_insert_with(|| World::new(scenario.kind));
        prepare(world, scenario);
        let measured = world.apply(scenario.batch);
        all_met &= scenario.targets.iter().all(|target| target.is_met(&measured));
        table.add_row(row(scenario.name, &measured, scenario.targets));
        println!("{}: {:.2} s, {:.0} events/s", scenario.name, measured.time.as_secs_f64(), per_second(&measured));
        if let Some(fresh) = measured.fresh {
            println!("the users that came right after were done {:.1} s after the start", fresh.as_secs_f64());
        }
    }
    drop(worlds);
    if chosen(INTAKE, Quick) {
        let (time, cpu) = intake::measure(MANY);
        let controller = Usage { cpu, peak: 0 };
        let measured = Measured { events: MANY as usize, time, controller, ..Measured::default() };
        table.add_row(row(INTAKE, &measured, &[]));
    }
    if chosen(BULK, Long) {
        let bulk = bulk::measure(LARGE_DIRECTORY);
        // With some room for what the start of the controller takes.
        let targets = [Seconds(bulk.served.as_secs_f64() * 1.1 + 2.0), PeakMegabytes(150)];
        let (events, time) = (LARGE_DIRECTORY as usize, bulk.loaded);
        let measured = Measured { events, time, controller: bulk.controller, ..Measured::default() };
        all_met &= targets.iter().all(|target| target.is_met(&measured));
        table.add_row(row(BULK, &measured, &targets));
        println!("{BULK}: the directory serves its lists alone in {:.2} s", bulk.served.as_secs_f64());
    }
    if chosen(NUBUS, Quick) {
        all_met &= nubus::measure();
    }
    println!("{table}\nload average {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    println!("{}", if all_met { "all targets met" } else { "NOT all targets met" });
}

/// Brings a world to where the scenario starts.
fn prepare(world: &mut World, scenario: &Scenario) {
    let load = |world: &mut World, users: u32| {
        if world.users() < users {
            world.apply(Batch::Users(users));
        }
    };
    match scenario.before {
        Nothing => {}
        Users(users) => load(world, users),
        MadeUp(users) => {
            load(world, 1_000);
            if world.users() < users {
                world.fill(users);
            }
        }
        Teams(users, teams) => {
            load(world, users);
            if world.teams() < teams {
                world.apply(Batch::Teams(teams));
            }
        }
        Group(users, members) => {
            load(world, users);
            world.apply(Batch::Group(members));
        }
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
        measured.busy.map(|busy| format!("{busy:.1}")).unwrap_or_default(),
        format!("{:.1}", f64::from(u32::try_from(measured.controller.peak >> 10).unwrap_or(u32::MAX)) / 1024.0),
        lines(&|target| target.to_string()),
        lines(&|target| if target.is_met(measured) { "met" } else { "NOT MET" }.to_owned()),
    ]
}

fn per_second(measured: &Measured) -> f64 {
    let events = f64::from(u32::try_from(measured.events).unwrap_or(u32::MAX));
    events / measured.time.max(Duration::from_millis(1)).as_secs_f64()
}
