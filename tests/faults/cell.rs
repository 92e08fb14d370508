//! One cell: a fault while an object of some type is made and another one changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use oxherd::simulator::ox::{FaultAction, FaultRule};
use oxherd::state::ParkedRow;
use oxherd::state::sqlite::Trouble;
use serde_json::{Value, json};

use crate::directory::{Object, resource};
use crate::fault::{Fault, Mercy};
use crate::kind::{Kind, before, bystander, ground};
use crate::observed::{differences, observed};
use crate::oracle;
use crate::site::{Death, Run, Site, creates};
use crate::world::World;

/// How a cell ended. All of them are good ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At once.
    Done,
    /// After it waited or was tried again.
    Waited,
    /// Objects were parked; they were done when they were retried. Which of the two may depend on who came first.
    Parked,
}

/// How a cell ended, and how long after the end of the fault.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub end: End,
    pub recovery: Duration,
}

/// Longer than any recovery: probes are at most 30 s apart, trials of refused credentials 60 s at the second time.
const PATIENCE: Duration = Duration::from_mins(3);

/// Runs a cell; says what is wrong with its end.
pub async fn run(kind: Kind, fault: &Fault, mercy: Mercy) -> Result<Measured, String> {
    match fault {
        Fault::Termination => Box::pin(terminated(kind)).await,
        fault => Box::pin(disturbed(kind, fault, mercy)).await,
    }
}

async fn disturbed(kind: Kind, fault: &Fault, mercy: Mercy) -> Result<Measured, String> {
    let mut cell = Box::pin(Cell::new(kind, fault)).await;
    let ends = cell.disturb(fault).await?;
    cell.rest().await?;
    let parked = cell.parked().await?;
    let recovery = ends.elapsed();
    let room = cell.world.resource(10, "room");
    check(room.is_some(), || "the bystander is not there".to_owned())?;
    if parked {
        check(mercy == Mercy::MayPark, || "objects were parked with which nothing is wrong".to_owned())?;
        cell.world.retry_parked().await;
        cell.rest().await?;
    }
    cell.all_faults_happened(fault)?;
    cell.judge().await?;
    let waited = cell.world.report().engine.totals.retries > cell.retries || cell.stood_still;
    let end = match (parked, waited) {
        (true, _) => End::Parked,
        (false, true) => End::Waited,
        (false, false) => End::Done,
    };
    Ok(Measured { end, recovery })
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

struct Cell {
    kind: Kind,
    world: World,
    /// Everything that the directory holds.
    objects: Vec<Object>,
    /// Tries that had to be repeated before the fault.
    retries: u64,
    stood_still: bool,
}

impl Cell {
    async fn new(kind: Kind, fault: &Fault) -> Self {
        let timeout = if matches!(fault, Fault::Timeouts) { "1s" } else { "60s" };
        let mut world = World::with(|setup| {
            setup.spec = json!({"ox": {"tls": {"verification": "InsecureSkip"}, "timeouts": {"request": timeout}}});
            setup.ox.lock_wait_factor = 0.01;
        })
        .await;
        world.apply(before()).await;
        assert_eq!(world.parked().await, []);
        world.ox.start_write_log();
        let retries = world.report().engine.totals.retries;
        Self { kind, world, objects: ground().into_iter().chain(before()).collect(), retries, stood_still: false }
    }

    fn deliver(&mut self, objects: impl IntoIterator<Item = Object>) {
        for object in objects {
            self.world.put(&object);
            self.objects.push(object);
        }
    }

    /// Something happens in the directory.
    fn happen(&mut self) {
        self.deliver(self.kind.happens());
        self.deliver([bystander()]);
    }

    /// Brings the fault over what happens. Returns when it ended, or when it began if it ends by itself.
    async fn disturb(&mut self, fault: &Fault) -> Result<Instant, String> {
        let service = |action: &FaultAction| FaultRule {
            service: Some(self.kind.service().to_owned()),
            ..FaultRule::always(action.clone())
        };
        match fault {
            Fault::None | Fault::Termination => self.happen(),
            Fault::Calls(action, hits) => {
                self.world.ox.add_fault(service(action).times(*hits));
                self.happen();
                if let FaultAction::Outage { seconds } = action {
                    return Ok(Instant::now() + Duration::from_secs_f64(*seconds));
                }
            }
            Fault::Exception(name, text) => {
                let action = FaultAction::SoapFault { name: (*name).to_owned(), text: (*text).to_owned() };
                for write in self.kind.writes() {
                    let rule = FaultRule::always(action.clone()).on(self.kind.service(), write).times(1);
                    self.world.ox.add_fault(rule);
                }
                self.happen();
            }
            Fault::Timeouts => {
                self.world.ox.add_fault(service(&FaultAction::Delay { milliseconds: 2_000 }).times(2));
                self.happen();
            }
            Fault::Credentials => self.change_password().await?,
            Fault::DiskFull => {
                self.world.store().trouble(Trouble::Full);
                // More than fits into the pages that the file has.
                self.deliver((0..60).map(|n| resource(&format!("filler{n}"))));
                self.happen();
                self.until_it_stands_still().await?;
                self.world.store().trouble(Trouble::None);
            }
            Fault::ReadOnly => {
                // It begins while calls are under way.
                self.world.ox.add_fault(FaultRule::always(FaultAction::Delay { milliseconds: 200 }).times(3));
                self.happen();
                self.world.work_for(Duration::from_millis(100)).await;
                self.world.store().trouble(Trouble::ReadOnly);
                self.until_it_stands_still().await?;
                self.world.store().trouble(Trouble::None);
            }
        }
        Ok(Instant::now())
    }

    /// The password of the administrator who makes the calls is another one for a while.
    async fn change_password(&mut self) -> Result<(), String> {
        let right = self.world.password_of_admin(10);
        if self.kind == Kind::Context {
            self.world.ox.change_options(|ox| "another".clone_into(&mut ox.master_password));
        } else {
            self.world.by_hand(10).change_user(2, "<d:password>another</d:password>").await;
        }
        let known = self.world.password_of_admin(10);
        check(self.kind == Kind::Context || known == "another", || "the password did not change".to_owned())?;
        self.happen();
        self.until_it_stands_still().await?;
        let calls = self.world.counters().total;
        self.world.work_for(Duration::from_secs(2)).await;
        let more = self.world.counters().total - calls;
        // Those that were under way together may all meet the wrong password.
        check(more <= 2, || format!("{more} calls with a wrong password in two seconds: that locks the account"))?;
        if self.kind == Kind::Context {
            self.world.configure(|setup| "another".clone_into(&mut setup.master_password)).await;
        } else {
            self.world.by_hand(10).change_user(2, &format!("<d:password>{right}</d:password>")).await;
        }
        Ok(())
    }

    /// Waits until the connector says that it cannot go on.
    async fn until_it_stands_still(&mut self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            self.world.work_for(Duration::from_millis(50)).await;
            let report = self.world.report();
            let engine = &report.engine;
            let still = engine.circuit.is_some() || !engine.gates.is_empty() || engine.state_failure.is_some();
            if still || report.source.failure.is_some() {
                self.stood_still = true;
                return Ok(());
            }
            check(started.elapsed() < Duration::from_secs(30), || format!("the fault does not show: {report:#?}"))?;
        }
    }

    async fn rest(&mut self) -> Result<(), String> {
        let rested = tokio::time::timeout(PATIENCE, self.world.settle()).await;
        check(rested.is_ok(), || format!("no rest after {PATIENCE:?}: {:#?}", self.world.report()))
    }

    /// Whether objects are parked: only those that the fault was about may be.
    async fn parked(&self) -> Result<bool, String> {
        let parked = self.world.parked().await;
        let concerned = |row: &ParkedRow| {
            let changed = self.kind == Kind::Profile && row.object.as_str().starts_with("user-");
            changed || self.kind.happens().iter().any(|object| object.id == row.object.as_str())
        };
        check(parked.iter().all(concerned), || format!("others were parked: {parked:#?}"))?;
        Ok(!parked.is_empty())
    }

    /// A fault that met nobody shows nothing.
    fn all_faults_happened(&self, fault: &Fault) -> Result<(), String> {
        let left = self.world.ox.faults();
        let slow = matches!(fault, Fault::Calls(FaultAction::Delay { .. }, _));
        check(slow || left.is_empty(), || format!("nobody met {left:?}"))
    }

    async fn judge(&self) -> Result<(), String> {
        let parked = self.world.parked().await;
        check(parked.is_empty(), || format!("parked in the end: {parked:#?}"))?;
        judge(&self.objects, &self.world.ox.dump(), &creates(&self.world.ox))
    }
}

/// OX holds what the directory says, and nothing was made twice.
fn judge(objects: &[Object], ox: &Value, creates: &BTreeMap<String, usize>) -> Result<(), String> {
    let events: Vec<_> = objects.iter().map(Object::present).collect();
    let wrong = differences(&oracle::expected_of(&events), &observed(ox));
    check(wrong.is_empty(), || format!("OX is not as the directory says:\n{}", wrong.join("\n")))?;
    let twice: Vec<_> = creates.iter().filter(|(_, times)| **times > 1).collect();
    check(twice.is_empty(), || format!("made twice: {twice:?}"))
}

/// The real program is told to stop while it works, and started again.
async fn terminated(kind: Kind) -> Result<Measured, String> {
    let site = Site::new().await;
    site.control().change_options(|ox| (ox.latency.user_writes, ox.latency.other_writes) = (10, 150));
    let mut objects: Vec<_> = ground().into_iter().chain(before()).collect();
    let deliver = |objects: &[Object]| site.deliver(&objects.iter().map(Object::present).collect::<Vec<_>>());
    deliver(&objects);
    site.run(None).await;
    let many = kind.many();
    deliver(&many);
    objects.extend(many);
    let told = Instant::now();
    let run = site.run(Some(Death::Told { calls: 4 })).await;
    check(matches!(run, Run::Rested(_)), || format!("it did not end in good order: {run:?}"))?;
    check(told.elapsed() < Duration::from_secs(20), || format!("it took {:?} to end", told.elapsed()))?;
    check(site.left().await > 0, || "it was done before it was told to stop".to_owned())?;
    let started = Instant::now();
    site.run(None).await;
    judge(&objects, &site.ox(), &site.creates())?;
    Ok(Measured { end: End::Waited, recovery: started.elapsed() })
}
