//! What the connections share, and the loop that accepts them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::control;
use super::directory::{Directory, DirectoryError};
use super::faults::{FaultAction, Faults, Order, Pauses, Place};
use super::ledger::Ledger;
use super::options::NubusOptions;
use super::pipeline::{self, Pipeline};
use super::provisioning::{self, Provisioning};
use super::reply::{Ending, Reply};
use super::udm::{self, Progress};
use crate::simulator::http::{self, Request};
use crate::simulator::random::Chance;

/// How long an idle connection stays open.
const IDLE: Duration = Duration::from_secs(75);

/// Everything that belongs together: a change of the directory and its messages are one step.
#[derive(Debug)]
pub struct World {
    /// The objects.
    pub directory: Directory,
    /// Subscriptions and queues.
    pub provisioning: Provisioning,
    /// Changes on their way into the queues.
    pub pipeline: Pipeline,
    /// Moves of containers under way.
    pub progress: Progress,
}

/// What the processes of the services keep in memory and lose at a restart.
#[derive(Debug, Default)]
pub struct Process {
    /// Passwords of consumers that were right, by user name and password, and until when they need no check.
    pub passwords: HashMap<(String, String), Instant>,
    /// Names of subscriptions whose prefill is known to be done.
    pub gates: HashSet<String>,
    /// Credentials that UDM has an LDAP connection for.
    pub sessions: HashSet<String>,
    /// The page that was asked last, by search.
    pub pages: HashMap<String, usize>,
}

/// Everything that outlives a connection.
#[derive(Debug)]
pub struct Shared {
    /// What the clients did.
    pub ledger: Ledger,
    /// Ordered faults.
    pub faults: Faults,
    /// Held places.
    pub pauses: Pauses,
    /// Everything that is left to chance.
    pub chance: Arc<Chance>,
    /// Something happened that somebody may wait for.
    pub changed: Notify,
    /// The one thread of the Provisioning API: a password check stops it.
    pub event_loop: tokio::sync::Mutex<()>,
    world: Mutex<World>,
    process: Mutex<Process>,
    options: RwLock<Arc<NubusOptions>>,
    address: Mutex<SocketAddr>,
}

impl Shared {
    /// The state of a new server.
    pub fn new(options: NubusOptions) -> Self {
        let chance = Arc::new(Chance::new(options.seed));
        let directory = Directory::new(&options.base_dn, options.generate_identifiers, Arc::clone(&chance));
        let (provisioning, pipeline, progress) = Default::default();
        Self {
            ledger: Ledger::default(),
            faults: Faults::default(),
            pauses: Pauses::default(),
            chance,
            changed: Notify::new(),
            event_loop: tokio::sync::Mutex::new(()),
            world: Mutex::new(World { directory, provisioning, pipeline, progress }),
            process: Mutex::new(Process::default()),
            address: Mutex::new(options.address),
            options: RwLock::new(Arc::new(options)),
        }
    }

    /// The settings of now.
    pub fn options(&self) -> Arc<NubusOptions> {
        self.options.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings; address, seed and base stay.
    pub fn set_options(&self, options: NubusOptions) {
        {
            let mut current = self.options.write().unwrap_or_else(PoisonError::into_inner);
            let (address, seed, base_dn) = (current.address, current.seed, current.base_dn.clone());
            *current = Arc::new(NubusOptions { address, seed, base_dn, ..options });
        }
        let generate = self.options().generate_identifiers;
        self.with_directory(|directory| directory.generate_identifiers = generate);
        self.changed.notify_waiters();
    }

    /// The address the server listens on.
    pub fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `http://address:port`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Binds the address; a free port that was found stays the same for ever.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(self.address()).await?;
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = listener.local_addr()?;
        Ok(listener)
    }

    /// Looks at or changes everything.
    pub fn with_world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.world())
    }

    /// Looks at the directory.
    pub fn with_directory<T>(&self, work: impl FnOnce(&mut Directory) -> T) -> T {
        work(&mut self.world().directory)
    }

    /// Changes the directory; the messages about it go their way.
    pub fn change<T>(
        &self,
        work: impl FnOnce(&mut Directory) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        let result = {
            let mut world = self.world();
            let result = work(&mut world.directory);
            // A refused change may have been done in part, as on the real server.
            let changes = world.directory.take_changes();
            pipeline::publish(self, &mut world, changes);
            result
        };
        self.changed.notify_waiters();
        result
    }

    /// Changes the directory without any message.
    pub fn quietly<T>(
        &self,
        work: impl FnOnce(&mut Directory) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        let mut world = self.world();
        let result = work(&mut world.directory);
        world.directory.take_changes();
        result
    }

    /// What the processes keep in memory.
    pub fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a restart of the processes loses.
    pub fn forget_process(&self) {
        *self.process() = Process::default();
    }

    /// Lets go what is held at a place.
    pub fn resume(&self, place: Place) {
        self.pauses.resume(place);
        self.changed.notify_waiters();
    }

    /// What is ordered for a request or message.
    pub fn order(&self, place: Place, topic: Option<&str>) -> Order {
        self.faults.order(place, topic, &self.chance)
    }

    /// A length of time in the pace of this server.
    pub fn seconds(seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts connections until the token is cancelled; all of them end with it.
pub async fn listen(shared: Arc<Shared>, listener: TcpListener, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    tasks.spawn(pipeline::run(Arc::clone(&shared)));
    tasks.spawn(provisioning::run_prefill(Arc::clone(&shared)));
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    shared.ledger.count(|counters| counters.connections += 1);
                    tasks.spawn(serve(Arc::clone(&shared), stream));
                }
            }
            Some(_) = tasks.join_next() => {}
        }
    }
    tasks.shutdown().await;
}

/// Serves a connection until one of the two sides closes it. As on the real server, nobody looks whether the client is still
/// there while its request is worked on.
async fn serve(shared: Arc<Shared>, mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(8 << 10);
    loop {
        let request = tokio::time::timeout(IDLE, http::read(&mut stream, &mut buffer));
        let Ok(Ok(Some(request))) = request.await else { return };
        let close = request.close;
        let reply = route(&shared, &request).await;
        if !matches!(reply.send(&mut stream, close).await, Ok(true)) {
            return;
        }
    }
}

async fn route(shared: &Arc<Shared>, request: &Request) -> Reply {
    let path = request.path.as_str();
    if let Some(path) = path.strip_prefix("/__control/") {
        return control::handle(shared, path, request);
    }
    for base in ["/univention/udm", "/udm"] {
        if let Some(path) = path.strip_prefix(base).filter(|path| path.starts_with('/')) {
            return udm::handle(shared, request, base, path).await;
        }
    }
    let path = path.strip_prefix("/univention/provisioning").unwrap_or(path);
    provisioning::handle(shared, request, path).await
}

/// Runs a request with the faults that are ordered for its place: `refuse` makes the answers of the service for faults that
/// come before the effect.
pub async fn with_faults(
    shared: &Shared,
    place: Place,
    topic: Option<&str>,
    refuse: impl Fn(&FaultAction) -> Option<Reply>,
    work: impl Future<Output = Reply>,
) -> Reply {
    let Order { delay, action } = shared.order(place, topic);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match &action {
        Some(FaultAction::ResetBefore) => return Reply::reset(),
        Some(FaultAction::Html) => {
            let page = b"<!DOCTYPE html><html><body><h1>Please wait</h1></body></html>".to_vec();
            return Reply::new(200, vec![("Content-Type", "text/html; charset=utf-8".to_owned())], page);
        }
        _ => {}
    }
    if let Some(reply) = action.as_ref().and_then(&refuse) {
        return reply;
    }
    let reply = work.await;
    match action {
        Some(FaultAction::ResetAfter) => Reply::reset(),
        Some(FaultAction::CutAnswer) => Reply { ending: Ending::Cut, ..reply },
        Some(FaultAction::InternalErrorAfter) => refuse(&FaultAction::InternalError).unwrap_or(reply),
        _ => reply,
    }
}
