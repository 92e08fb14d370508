//! The Lease of a connector: of several controllers, the one that holds it works.
//!
//! A controller that cannot reach the API server goes on: nobody else can take the Lease then, and the lock on the state file
//! keeps out who could. It stops at once when it learns that another one holds the Lease.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::shelf::Signal;

/// How Leases are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseOptions {
    /// Who holds them: the name of the Pod. A controller that starts again under the same name goes on at once.
    pub identity: String,
    /// How long a Lease counts that is not renewed.
    pub duration: Duration,
    /// How often it is renewed, and looked at by those who wait for it.
    pub renew: Duration,
}

/// Whether we are the one who works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not known yet.
    Unknown,
    /// We are.
    Leading,
    /// Somebody else is.
    Following { leader: String },
}

/// A Lease that is held or wanted.
pub(super) struct Leadership {
    standing: watch::Receiver<Standing>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Leadership {
    /// Begins to want a Lease. Changes of the standing are told by the signal.
    pub(super) fn seek(client: Client, namespace: &str, name: &str, options: LeaseOptions, changed: Signal) -> Self {
        let (sender, standing) = watch::channel(Standing::Unknown);
        let stop = CancellationToken::new();
        let seeker = Seeker {
            leases: Api::namespaced(client, namespace),
            name: format!("oxherd-{name}"),
            options,
            standing: sender,
            changed,
            last_seen: None,
            held: None,
        };
        let task = tokio::spawn(seeker.run(stop.clone()));
        Self { standing, stop, task }
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Gives the Lease back, so that another controller need not wait for its end.
    pub(super) async fn resign(self) {
        self.stop.cancel();
        // It tries for a short while only.
        let _ = self.task.await;
    }
}

/// What was last seen in a Lease of somebody else, and when: clocks of other hosts are not trusted.
struct LastSeen {
    holder: String,
    renewed: Option<MicroTime>,
    at: Instant,
}

struct Seeker {
    leases: Api<Lease>,
    name: String,
    options: LeaseOptions,
    standing: watch::Sender<Standing>,
    changed: Signal,
    last_seen: Option<LastSeen>,
    /// The Lease as we wrote it last.
    held: Option<Lease>,
}

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Seeker {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            match tokio::time::timeout(PATIENCE, self.turn()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(lease = self.name, %error, "the Lease cannot be renewed"),
                Err(_) => {
                    tracing::warn!(lease = self.name, "the Lease cannot be renewed: no answer from the API server");
                }
            }
            if stop.run_until_cancelled(tokio::time::sleep(self.pause())).await.is_none() {
                break;
            }
        }
        if let Some(lease) = self.held.take() {
            let released = tokio::time::timeout(PATIENCE, self.write(lease, None)).await;
            if !matches!(released, Ok(Ok(_))) {
                tracing::warn!(lease = self.name, "the Lease could not be given back: it ends by itself");
            }
        }
    }

    /// Who waits looks more often than who renews: hand-overs should be short.
    fn pause(&self) -> Duration {
        if self.held.is_some() { self.options.renew } else { self.options.renew.min(Duration::from_secs(1)) }
    }

    /// Renews the Lease, or looks whether it can be had.
    async fn turn(&mut self) -> Result<(), kube::Error> {
        if let Some(lease) = self.held.take() {
            let before = lease.clone();
            match self.write(lease, Some(self.options.identity.clone())).await {
                Ok(lease) => {
                    self.held = Some(lease);
                    return Ok(());
                }
                // Somebody wrote it: look who.
                Err(kube::Error::Api(status)) if status.code == 409 || status.code == 404 => {}
                Err(error) => {
                    self.held = Some(before);
                    return Err(error);
                }
            }
        }
        let Some(lease) = self.leases.get_opt(&self.name).await? else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let spec = self.spec(None, Some(self.options.identity.clone()));
            return match self.leases.create(&PostParams::default(), &Lease { metadata, spec: Some(spec) }).await {
                Ok(lease) => {
                    self.lead(lease);
                    Ok(())
                }
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
                Err(error) => Err(error),
            };
        };
        match self.holder(&lease) {
            Some(leader) => {
                self.stand(Standing::Following { leader });
                Ok(())
            }
            None => match self.write(lease, Some(self.options.identity.clone())).await {
                Ok(lease) => {
                    self.lead(lease);
                    Ok(())
                }
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
                Err(error) => Err(error),
            },
        }
    }

    /// Who holds the Lease, other than us, if it still counts.
    fn holder(&mut self, lease: &Lease) -> Option<String> {
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty() && *holder != self.options.identity)?;
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
        let known = self.last_seen.as_ref().filter(|seen| seen.holder == holder && seen.renewed == spec.renew_time);
        match known {
            Some(seen) if seen.at.elapsed() > Duration::from_secs(seconds) => return None,
            Some(_) => {}
            None => {
                self.last_seen =
                    Some(LastSeen { holder: holder.clone(), renewed: spec.renew_time, at: Instant::now() });
            }
        }
        Some(holder)
    }

    fn spec(&self, former: Option<LeaseSpec>, holder: Option<String>) -> LeaseSpec {
        let former = former.unwrap_or_default();
        let now = MicroTime(Timestamp::now());
        let renewed = former.holder_identity == holder;
        LeaseSpec {
            acquire_time: if renewed { former.acquire_time } else { Some(now.clone()) },
            lease_duration_seconds: i32::try_from(self.options.duration.as_secs()).ok(),
            lease_transitions: Some(former.lease_transitions.unwrap_or(0) + i32::from(!renewed && holder.is_some())),
            renew_time: Some(now),
            holder_identity: holder,
            ..former
        }
    }

    /// Writes the Lease, if nobody else has done so since it was read.
    async fn write(&self, mut lease: Lease, holder: Option<String>) -> Result<Lease, kube::Error> {
        lease.spec = Some(self.spec(lease.spec.take(), holder));
        lease.metadata.managed_fields = None;
        self.leases.replace(&self.name, &PostParams::default(), &lease).await
    }

    fn lead(&mut self, lease: Lease) {
        self.held = Some(lease);
        self.last_seen = None;
        self.stand(Standing::Leading);
    }

    fn stand(&self, standing: Standing) {
        if *self.standing.borrow() != standing {
            tracing::info!(lease = self.name, ?standing, "leadership");
            self.standing.send_replace(standing);
            self.changed.send();
        }
    }
}
