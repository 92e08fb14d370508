//! A simulated Nubus: the Provisioning API (`/v1/…`, also below `/univention/provisioning/`) and a UDM REST API
//! (`/univention/udm/…`, also `/udm/…`) over one directory in memory.
//!
//! What is known about the real services stands in `nubus-provisioning.md` and `udm-rest.md`; the recordings in
//! `tests/fixtures/provisioning` and `tests/fixtures/udm-rest` are replayed against this server by `tests/nubus_truth.rs`.
//! The parts: `directory` the objects and what a change of one does to others, `udm` their REST API, `provisioning`
//! subscriptions, queues and prefill, `pipeline` the way of a change into the queues, `server` connections.

mod clock;
mod control;
mod directory;
mod faults;
mod ledger;
mod options;
mod ordered;
mod pipeline;
mod provisioning;
mod reply;
mod seed;
mod server;
mod udm;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use directory::DirectoryError;
pub use faults::{FaultAction, FaultRule, Place};
pub use ledger::{Acknowledgement, Delivery, NubusCounters};
pub use options::{NubusLatency, NubusOptions, Pages, PrefillMode, UdmAccount, UdmRights};
pub use provisioning::{PrefillStatus, SubscriptionState};
use server::Shared;

/// A simulated Nubus. It stops when it is dropped.
#[derive(Debug)]
pub struct NubusSimulator {
    shared: Arc<Shared>,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl NubusSimulator {
    /// Starts a server with an empty directory: base and default containers only.
    pub async fn start(options: NubusOptions) -> io::Result<Self> {
        let mut simulator = Self { shared: Arc::new(Shared::new(options)), running: None };
        simulator.restart().await?;
        Ok(simulator)
    }

    /// The base URL of the Provisioning API, in front of `/v1`.
    pub fn provisioning_url(&self) -> String {
        self.shared.base_url()
    }

    /// The base URL of the UDM REST API, without a slash at its end.
    pub fn udm_url(&self) -> String {
        format!("{}/univention/udm", self.shared.base_url())
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.shared.address()
    }

    /// The handle to watch, change and disturb it.
    pub fn control(&self) -> NubusControl {
        NubusControl(Arc::clone(&self.shared))
    }

    /// Stops, as a killed API process does: connections break, new ones are refused. Directory, queues and the message in flight
    /// stay; what the process kept in its memory (checked passwords, open gates) is forgotten.
    pub async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.cancel();
            let _ = task.await;
        }
        self.shared.forget_process();
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

impl Drop for NubusSimulator {
    fn drop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.cancel();
            task.abort();
        }
    }
}

/// Watches, changes and disturbs a simulated Nubus from within its process. It stays valid while the server is stopped.
///
/// Changes of the directory made here reach the queues exactly as those made through UDM REST. Types are UDM names such as
/// `users/user`; properties are a JSON object in the form of UDM REST, that of listener files (`"OK"`, numbers as texts) is
/// understood as well; `null`, `""` and `[]` clear.
#[derive(Clone, Debug)]
pub struct NubusControl(Arc<Shared>);

/// The directory.
impl NubusControl {
    /// Puts an object into the directory without any message, given as a listener file: `udm_object_type`, `dn`, `object`.
    pub fn seed(&self, listener_file: &Value) -> Result<(), DirectoryError> {
        seed::seed(&self.0, listener_file)
    }

    /// Puts generated OX users of a context (made if it is missing) into the directory without any message:
    /// `load000001` and so on, below `cn=users`.
    pub fn seed_users(&self, context: u64, count: usize) -> Result<(), DirectoryError> {
        seed::users(&self.0, context, count)
    }

    /// Does in the directory what a listener file tells: create, modify, rename, move or (without `object`) delete, by
    /// identifier.
    pub fn apply(&self, listener_file: &Value) -> Result<(), DirectoryError> {
        seed::apply(&self.0, listener_file)
    }

    /// Creates an object; gives its `univentionObjectIdentifier`, which is generated if the properties hold none. Missing
    /// containers above it are made.
    pub fn create(&self, kind: &str, dn: &str, properties: &Value) -> Result<String, DirectoryError> {
        seed::create(&self.0, kind, dn, properties)
    }

    /// Changes the named properties of an object. Without any difference there is a message all the same, with equal sides, as
    /// after a change of a password.
    pub fn modify(&self, dn: &str, properties: &Value) -> Result<(), DirectoryError> {
        seed::modify(&self.0, dn, properties)
    }

    /// Renames an object; gives its new distinguished name. References to it follow.
    pub fn rename(&self, dn: &str, name: &str) -> Result<String, DirectoryError> {
        self.0.change(|directory| directory.rename(dn, name))
    }

    /// Moves an object below another one; gives its new distinguished name. References to it follow.
    pub fn move_to(&self, dn: &str, position: &str) -> Result<String, DirectoryError> {
        self.0.change(|directory| directory.relocate(dn, position))
    }

    /// Deletes an object and what is below it. References to it are removed.
    pub fn delete(&self, dn: &str) -> Result<(), DirectoryError> {
        self.0.change(|directory| directory.delete(dn))
    }

    /// An object as UDM REST shows it, without links.
    pub fn object(&self, dn: &str) -> Option<Value> {
        self.0.with_directory(|directory| directory.find(dn).map(|object| directory.picture(&object)))
    }

    /// The distinguished name of the object with an identifier.
    pub fn dn_of(&self, identifier: &str) -> Option<String> {
        self.0.with_directory(|directory| directory.by_identifier(identifier).map(|object| object.dn.clone()))
    }

    /// The distinguished names of all objects of a type, in the order of their creation.
    pub fn list(&self, kind: &str) -> Vec<String> {
        self.0.with_directory(|directory| directory.of_kind(kind).iter().map(|object| object.dn.clone()).collect())
    }

    /// Writes an object without any change: a message with equal sides, as after a failed login.
    pub fn touch(&self, dn: &str) -> Result<(), DirectoryError> {
        self.0.change(|directory| directory.touch(dn))
    }

    /// Takes the stored identifier from an object, as of one that is older than the attribute. No message.
    pub fn forget_identifier(&self, dn: &str) -> Result<(), DirectoryError> {
        self.0.with_directory(|directory| directory.forget_identifier(dn))
    }
}

/// Subscriptions and queues.
impl NubusControl {
    /// All subscriptions, by name.
    pub fn subscriptions(&self) -> Vec<SubscriptionState> {
        self.0.with_world(|world| world.provisioning.states())
    }

    /// A subscription.
    pub fn subscription(&self, name: &str) -> Option<SubscriptionState> {
        self.subscriptions().into_iter().find(|state| state.name == name)
    }

    /// Creates a subscription as `admin` does; gives the status of the answer (201, 200, 409, 500).
    pub fn subscribe(&self, name: &str, password: &str, topics: &[&str], prefill: bool) -> u16 {
        provisioning::subscribe(&self.0, name, password, topics, prefill)
    }

    /// Deletes a subscription; false if there is none.
    pub fn unsubscribe(&self, name: &str) -> bool {
        provisioning::unsubscribe(&self.0, name)
    }

    /// Sets the prefill status of a subscription as the prefill service does; false if there is none.
    pub fn set_prefill_status(&self, name: &str, status: PrefillStatus) -> bool {
        provisioning::set_prefill_status(&self.0, name, status)
    }

    /// The message that a modification of an object would give now, without `sequence_number` and `num_delivered`. Given to
    /// [`Self::post`] later it is stale.
    pub fn live_message(&self, dn: &str) -> Option<Value> {
        pipeline::message_of(&self.0, dn)
    }

    /// Hands a message to all subscriptions that want its topic, as `POST /v1/messages` does; gives the status of the answer.
    pub fn post(&self, message: &Value) -> u16 {
        provisioning::post(&self.0, message)
    }

    /// Puts anything into the queue of a subscription, also what is no message; gives its number.
    pub fn enqueue(&self, subscription: &str, content: &[u8]) -> Option<u64> {
        provisioning::enqueue(&self.0, subscription, content)
    }

    /// Takes the queue of a subscription away behind its back (`Inconsistent message queue state`).
    pub fn lose_queue(&self, subscription: &str) {
        provisioning::lose_queue(&self.0, subscription);
    }

    /// What a hard restart of the queue server does: the message in flight comes again at once, counted from 1.
    pub fn forget_deliveries(&self) {
        provisioning::forget_deliveries(&self.0);
    }

    /// Lets the dispatcher believe that there are no subscriptions: changes are lost for all of them, without any error, until
    /// any subscription changes.
    pub fn blind_dispatcher(&self) {
        provisioning::blind(&self.0);
    }

    /// Stops (and starts) the queue server: requests fail with 500, polls end with `null`.
    pub fn set_queue_server_down(&self, down: bool) {
        provisioning::set_down(&self.0, down);
    }
}

/// Watching and disturbing.
impl NubusControl {
    /// What the clients did so far.
    pub fn counters(&self) -> NubusCounters {
        self.0.ledger.counters()
    }

    /// Starts counting anew, deliveries and acknowledgements too.
    pub fn reset_counters(&self) {
        self.0.ledger.reset();
    }

    /// The messages handed out so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.0.ledger.deliveries()
    }

    /// The acknowledgements so far.
    pub fn acknowledgements(&self) -> Vec<Acknowledgement> {
        self.0.ledger.acknowledgements()
    }

    /// Orders a fault.
    pub fn add_fault(&self, rule: FaultRule) {
        self.0.faults.add(rule);
    }

    /// The ordered faults that are not used up.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.0.faults.list()
    }

    /// Takes back all ordered faults.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// Holds from now on whatever comes by a place ([`Place::Subscriptions`] and [`Place::Events`] cannot be held).
    pub fn pause(&self, place: Place) {
        self.0.pauses.pause(place);
    }

    /// Waits until something is held at a place.
    pub async fn until_held(&self, place: Place) {
        self.0.pauses.until_held(place).await;
    }

    /// Lets go what is held at a place, and everything after it.
    pub fn resume(&self, place: Place) {
        self.0.resume(place);
    }

    /// The settings of now.
    pub fn options(&self) -> NubusOptions {
        (*self.0.options()).clone()
    }

    /// Changes the settings; address, seed and base stay.
    pub fn change_options(&self, change: impl FnOnce(&mut NubusOptions)) {
        let mut options = self.options();
        change(&mut options);
        self.0.set_options(options);
    }
}
