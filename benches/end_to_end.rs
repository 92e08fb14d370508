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
    ReadsOnly,
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
            Self::ReadsOnly => measured.writes == 0,
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
            Self::ReadsOnly => f.write_str("no write"),
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
    name: String,
    length: Length,
    kind: Kind,
    before: Before,
    batch: Batch,
    targets: Vec<Target>,
}

const MANY: u32 = 10_000;
const ONE: Kind = Kind { contexts: 1, latency: 0, number: 0 };
const TWENTY: Kind = Kind { contexts: 20, latency: 0, number: 0 };
const LARGE: Kind = Kind { contexts: 1, latency: 0, number: 1 };
const MADE_UP: Kind = Kind { contexts: 1, latency: 0, number: 2 };
const SLOW_ONE: Kind = Kind { contexts: 1, latency: 20, number: 0 };
const SLOW_TWENTY: Kind = Kind { contexts: 20, latency: 20, number: 0 };
const NEIGHBOURS: Kind = Kind { contexts: 20, latency: 20, number: 1 };

use Before::{Group, MadeUp, Nothing, Teams, Users};
use Length::{Long, Quick};
use Target::{EventsPerSecond, LaneBusy, OneSmallCall, PeakMegabytes, ReadsOnly, Seconds, Writes};

const MEMORY: Target = PeakMegabytes(200);
const FULL_SPEED: &[Target] = &[EventsPerSecond(1500.0), Writes(10_000), MEMORY];
const NOTHING_TO_DO: &[Target] = &[EventsPerSecond(4000.0), Writes(0), MEMORY];

/// In this order, since one goes on where the former one of the same kind ended.
fn scenarios() -> Vec<Scenario> {
    let mut all = vec![
        quick("load-one-context", ONE, Nothing, Batch::Users(MANY), FULL_SPEED),
        quick("relevant-changes", ONE, Users(MANY), Batch::Relevant, FULL_SPEED),
        quick("irrelevant-changes", ONE, Users(MANY), Batch::Irrelevant(MANY), NOTHING_TO_DO),
        quick("identical-redelivery", ONE, Users(MANY), Batch::Same, NOTHING_TO_DO),
        quick("group-of-5000", ONE, Users(MANY), Batch::Group(5_000), &[Writes(1), MEMORY]),
        quick("one-member-more-than-5000", ONE, Group(MANY, 5_000), Batch::Group(5_001), &[OneSmallCall, MEMORY]),
        quick("load-twenty-contexts", TWENTY, Nothing, Batch::Users(MANY), FULL_SPEED),
        quick("relevant-twenty-contexts", TWENTY, Users(MANY), Batch::Relevant, FULL_SPEED),
        quick("usual-day", TWENTY, Teams(MANY, 400), Batch::Mixed(20_000), &[EventsPerSecond(4000.0), MEMORY]),
        quick("20ms-one-context", SLOW_ONE, Nothing, Batch::Users(300), &[EventsPerSecond(45.0), Writes(300)]),
        quick(
            "20ms-twenty-contexts",
            SLOW_TWENTY,
            Nothing,
            Batch::Users(3_000),
            &[EventsPerSecond(600.0), Writes(3_000)],
        ),
        long("lane-of-one-context", SLOW_ONE, Users(1_600), Batch::Relevant, &[LaneBusy(95.0), Writes(1_600)]),
        long(
            "lanes-of-twenty-contexts",
            SLOW_TWENTY,
            Users(32_000),
            Batch::Relevant,
            &[LaneBusy(90.0), Writes(32_000), MEMORY],
        ),
        long("neighbours", NEIGHBOURS, Users(6_000), Batch::Relevant, &[]),
        long("neighbours-of-trouble", NEIGHBOURS, Users(6_000), Batch::RelevantAndBad, &[]),
        long("large-load-50000", LARGE, Nothing, Batch::Users(50_000), &[Writes(50_000), MEMORY]),
        long("large-group-50000", LARGE, Users(50_000), Batch::Group(49_999), &[Writes(1)]),
        long("large-group-one-member-more", LARGE, Group(50_000, 49_999), Batch::Group(50_000), &[OneSmallCall]),
        long("large-profile-50000", LARGE, Users(50_000), Batch::Profile(100), &[MEMORY]),
        long("verify-100000", LARGE, Users(100_000), Batch::Verification, &[ReadsOnly, PeakMegabytes(100)]),
        long("resync-100000", MADE_UP, MadeUp(100_000), Batch::Same, &[Seconds(60.0), Writes(0), MEMORY]),
    ];
    for (number, users) in (10..).zip([1_000, 10_000, 100_000, 1_000_000]) {
        let kind = Kind { contexts: 1, latency: 0, number };
        let one = |what: &str, batch, targets: &[Target]| {
            long(&format!("million-{what}-{users}"), kind, MadeUp(users), batch, targets)
        };
        all.push(one("start", Batch::Nothing, &[Seconds(2.0), MEMORY]));
        all.push(one("irrelevant", Batch::Irrelevant(MANY), NOTHING_TO_DO));
        all.push(one("new", Batch::New(5_000), &[Writes(5_000), MEMORY]));
    }
    all
}

fn quick(name: &str, kind: Kind, before: Before, batch: Batch, targets: &[Target]) -> Scenario {
    Scenario { name: name.to_owned(), length: Quick, kind, before, batch, targets: targets.to_vec() }
}

fn long(name: &str, kind: Kind, before: Before, batch: Batch, targets: &[Target]) -> Scenario {
    Scenario { length: Long, ..quick(name, kind, before, batch, targets) }
}

const INTAKE: &str = "intake-alone";
const NUBUS: &str = "intake-nubus";
const BULK: &str = "bulk-load";
/// The first load of a directory with so many users.
const LARGE_DIRECTORY: u32 = 100_000;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.iter().any(|argument| argument == "--list") {
        let names = scenarios().into_iter().map(|scenario| scenario.name);
        names.chain([INTAKE, NUBUS, BULK].map(str::to_owned)).for_each(|name| println!("{name}"));
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
    for scenario in scenarios().into_iter().filter(|scenario| chosen(&scenario.name, scenario.length)) {
        let world = worlds.entry(scenario.kind).or_insert_with(|| World::new(scenario.kind));
        prepare(world, &scenario);
        let measured = world.apply(scenario.batch);
        all_met &= scenario.targets.iter().all(|target| target.is_met(&measured));
        table.add_row(row(&scenario.name, &measured, &scenario.targets));
        println!("{}: {:.2} s, {:.0} events/s", scenario.name, measured.time.as_secs_f64(), per_second(&measured));
        for note in &measured.notes {
            println!("  {note}");
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
        let (events, time) = (LARGE_DIRECTORY as usize, bulk.time);
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
