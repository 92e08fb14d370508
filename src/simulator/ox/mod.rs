//! A simulated Open-Xchange provisioning server: SOAP over HTTP, faithful to App Suite 8.19.
//!
//! What is known about the real server stands in `ox-soap.md`; the recordings in `tests/fixtures/ox-soap` are replayed
//! against this server by `tests/ox_truth.rs`. The layers, from the wire inwards: `http` connections, `exchange` latency,
//! locks and ordered faults, `request` and `response` the XML by the tables of `schema`, `service` the operations,
//! `world` the state.

mod attributes;
mod call;
mod checks;
mod control;
mod counters;
mod dump;
mod exchange;
mod fault;
mod faults_on_demand;
mod http;
mod java;
mod lock;
mod mail_server;
mod malformed;
mod options;
mod picture;
mod record;
mod request;
mod response;
mod rights;
mod schema;
mod server;
mod service;
mod values;
mod world;
mod write_log;
mod wsdl;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use counters::{Counters, OperationCounters};
pub use faults_on_demand::{FaultAction, FaultRule};
pub use options::{Latency, OxOptions};
use server::Shared;
pub use write_log::Write;

/// A simulated server. It stops when it is dropped.
#[derive(Debug)]
pub struct OxSimulator {
    shared: Arc<Shared>,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl OxSimulator {
    /// Starts a server, with the world of the state file if there is one.
    pub async fn start(options: OxOptions) -> io::Result<Self> {
        let mut simulator = Self { shared: Arc::new(Shared::new(options)?), running: None };
        simulator.restart().await?;
        Ok(simulator)
    }

    /// The URL in front of `/webservices`.
    pub fn base_url(&self) -> String {
        self.shared.base_url()
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.shared.address()
    }

    /// The handle to watch and disturb it.
    pub fn control(&self) -> OxControl {
        OxControl(Arc::clone(&self.shared))
    }

    /// Stops: connections break, new ones are refused. The world stays and is saved if it has a file.
    pub async fn stop(&mut self) -> io::Result<()> {
        if let Some((stop, task)) = self.running.take() {
            stop.cancel();
            let _ = task.await;
        }
        self.shared.save()
    }

    /// Starts again on the same port after [`Self::stop`]; does nothing if it runs.
    pub async fn restart(&mut self) -> io::Result<()> {
        if self.running.is_none() {
            let listener = self.shared.bind().await?;
            let stop = CancellationToken::new();
            let task = tokio::spawn(server::listen(Arc::clone(&self.shared), listener, stop.clone()));
            self.running = Some((stop, task));
        }
        Ok(())
    }
}

impl Drop for OxSimulator {
    fn drop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.cancel();
            task.abort();
            let _ = self.shared.save();
        }
    }
}

/// Watches and disturbs a simulated server from within its process. It stays valid while the server is stopped.
#[derive(Clone, Debug)]
pub struct OxControl(Arc<Shared>);

impl OxControl {
    /// What the clients did so far.
    pub fn counters(&self) -> Counters {
        self.0.counters.snapshot()
    }

    /// Starts counting anew.
    pub fn reset_counters(&self) {
        self.0.counters.reset();
    }

    /// Notes from now on every write that takes effect.
    pub fn start_write_log(&self) {
        self.0.writes.start();
    }

    /// The writes that took effect since [`Self::start_write_log`], in their order.
    pub fn writes(&self) -> Vec<Write> {
        self.0.writes.noted()
    }

    /// The whole world as JSON, always the same for the same state; without passwords.
    pub fn dump(&self) -> serde_json::Value {
        dump::dump(&self.0.world, false)
    }

    /// The whole world with the passwords of the users.
    pub fn dump_with_passwords(&self) -> serde_json::Value {
        dump::dump(&self.0.world, true)
    }

    /// Orders a fault; gives its number (0 for an outage, which starts at once).
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        Self::order(&self.0, rule)
    }

    /// The ordered faults that are not used up.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.0.faults.list().into_iter().map(|(_, rule)| rule).collect()
    }

    /// Takes back all ordered faults and ends outages.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
        self.0.come_back();
    }

    /// The settings of now.
    pub fn options(&self) -> OxOptions {
        (*self.0.options()).clone()
    }

    /// Changes the settings; address and state file stay.
    pub fn change_options(&self, change: impl FnOnce(&mut OxOptions)) {
        let mut options = self.options();
        change(&mut options);
        self.0.set_options(options);
    }

    /// Makes a guest in a context and gives its id; `None` if there is no such context.
    pub fn create_guest(&self, context: i64, mail: &str) -> Option<i64> {
        Self::guest(&self.0, context, mail)
    }

    /// Leaves the user lock of a context as a crashed holder does; false if there is no such context.
    pub fn abandon_user_lock(&self, context: i64) -> bool {
        Self::abandon(&self.0, context)
    }

    fn order(shared: &Shared, rule: FaultRule) -> u64 {
        let time = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        match rule.action {
            FaultAction::Outage { seconds } => shared.go_out(time(seconds)),
            FaultAction::RefuseConnections { seconds } => shared.refuse(time(seconds)),
            _ => return shared.faults.add(rule),
        }
        0
    }

    fn guest(shared: &Shared, context: i64, mail: &str) -> Option<i64> {
        let tenant = shared.world.context(context)?;
        let mut context = tenant.state();
        let id = context.next_id();
        context.users.insert_guest(id, world::Guest { mail: mail.to_owned() });
        shared.mark_changed();
        Some(id)
    }

    fn abandon(shared: &Shared, context: i64) -> bool {
        let factor = shared.options().lock_wait_factor;
        shared.world.context(context).map(|tenant| tenant.user_lock.abandon(factor)).is_some()
    }
}
