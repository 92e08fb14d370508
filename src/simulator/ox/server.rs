//! What the connections of a server share, and the loop that accepts them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::counters::Register;
use super::dump;
use super::fault::ExceptionIds;
use super::faults_on_demand::Faults;
use super::http;
use super::options::OxOptions;
use super::world::World;
use super::write_log::WriteLog;
use crate::simulator::random::Chance;

/// How often a changed world is written to its file.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// Everything that outlives a connection, and the world that outlives a stop.
#[derive(Debug)]
pub struct Shared {
    /// The state of the server.
    pub world: World,
    /// What the clients did.
    pub counters: Register,
    /// Which writes took effect.
    pub writes: WriteLog,
    /// Ordered faults.
    pub faults: Faults,
    /// Everything that is left to chance.
    pub chance: Chance,
    /// Numbers of exceptions.
    pub exception_ids: ExceptionIds,
    options: RwLock<Arc<OxOptions>>,
    address: Mutex<SocketAddr>,
    out_until: Mutex<Option<Instant>>,
    refuse_until: Mutex<Option<Instant>>,
    refuse: Notify,
    changes: AtomicU64,
    saved: Mutex<u64>,
}

impl Shared {
    /// The state of a new server, with the world of the state file if there is one.
    pub fn new(options: OxOptions) -> io::Result<Self> {
        let world = match &options.state_file {
            Some(path) => load(path)?,
            None => World::default(),
        };
        let chance = Chance::new(options.seed);
        let process = i32::from_ne_bytes(u32::try_from(chance.number() >> 32).unwrap_or_default().to_ne_bytes());
        Ok(Self {
            world,
            counters: Register::default(),
            writes: WriteLog::default(),
            faults: Faults::default(),
            chance,
            exception_ids: ExceptionIds::new(process),
            address: Mutex::new(options.address),
            options: RwLock::new(Arc::new(options)),
            out_until: Mutex::new(None),
            refuse_until: Mutex::new(None),
            refuse: Notify::new(),
            changes: AtomicU64::new(0),
            saved: Mutex::new(0),
        })
    }

    /// The settings of now.
    pub fn options(&self) -> Arc<OxOptions> {
        self.options.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings; address and state file stay.
    pub fn set_options(&self, options: OxOptions) {
        let mut current = self.options.write().unwrap_or_else(PoisonError::into_inner);
        let (address, state_file) = (current.address, current.state_file.clone());
        *current = Arc::new(OxOptions { address, state_file, ..options });
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

    /// Resets every call for a while.
    pub fn go_out(&self, time: Duration) {
        *self.out_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    /// Whether calls are reset now.
    pub fn is_out(&self) -> bool {
        let mut until = self.out_until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| until <= Instant::now()) {
            *until = None;
        }
        until.is_some()
    }

    /// Does not listen for a while.
    pub fn refuse(&self, time: Duration) {
        *self.refuse_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
        self.refuse.notify_one();
    }

    fn refused_for(&self) -> Option<Duration> {
        let until = *self.refuse_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.and_then(|until| until.checked_duration_since(Instant::now()))
    }

    /// Ends outages at once.
    pub fn come_back(&self) {
        *self.out_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.refuse_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.refuse.notify_one();
    }

    /// Notes that the world is not as in its file.
    pub fn mark_changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes the world to its file if it has one and anything has changed.
    pub fn save(&self) -> io::Result<()> {
        let Some(path) = self.options().state_file.clone() else { return Ok(()) };
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.changes.load(Ordering::Relaxed);
        if changes == *saved && path.exists() {
            return Ok(());
        }
        // A crash while writing must not cost the former state.
        let beside = path.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec(&dump::dump(&self.world, true))?)?;
        std::fs::rename(&beside, &path)?;
        *saved = changes;
        Ok(())
    }
}

fn load(path: &Path) -> io::Result<World> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(dump::load(serde_json::from_slice(&bytes)?)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(World::default()),
        Err(error) => Err(error),
    }
}

/// Accepts connections until the token is cancelled; all of them end with it.
pub async fn listen(shared: Arc<Shared>, listener: TcpListener, stop: CancellationToken) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let mut saver = JoinSet::new();
    saver.spawn(save_now_and_then(Arc::clone(&shared)));
    loop {
        if let Some(time) = shared.refused_for() {
            listener = None;
            connections.shutdown().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = shared.refuse.notified() => {}
                () = tokio::time::sleep(time) => {}
            }
            continue;
        }
        let Some(open) = &listener else {
            // Somebody else may have taken the port meanwhile: try again, there is nothing better to do.
            match shared.bind().await {
                Ok(bound) => listener = Some(bound),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            continue;
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = shared.refuse.notified() => {}
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    shared.counters.count_connection();
                    connections.spawn(http::serve(Arc::clone(&shared), stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

/// Writes the world to its file while the server runs; the last word is that of whoever stops it.
async fn save_now_and_then(shared: Arc<Shared>) {
    while shared.options().state_file.is_some() {
        tokio::time::sleep(SAVE_EVERY).await;
        let shared = Arc::clone(&shared);
        let _ = tokio::task::spawn_blocking(move || shared.save()).await;
    }
}
