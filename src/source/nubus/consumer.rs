//! The loop that reads the queue.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::failure_points::{FailurePoint, pass};
use crate::source::{Directory, Drained, LookUpError, Monitor, Sink, SinkError, SourceState};
use crate::state::now_ms;
use crate::transport::Backoff;

use super::NubusConfig;
use super::api::{Acknowledged, Api};
use super::aside::Aside;
use super::clock::Clock;
use super::doubt::{Decision, decide, doubt};
use super::fault::ApiError;
use super::manage::{Found, Manager};
use super::message::{Message, Publisher, Unusable, fingerprint};
use super::position::{Place, Position};
use super::registration::{PrefillStatus, Subscription};

/// How we call ourselves towards the sink.
const SOURCE: &str = "nubus";
/// A queue from which nothing came for this long has no message that somebody else still holds: those come again after a second.
const HELD_BY_OTHERS: Duration = Duration::from_millis(1_200);
/// The shortest time that the service waits.
const GLANCE: Duration = Duration::from_millis(100);
/// A poll that took longer waited for its message, which therefore was just written.
const WAITED: Duration = Duration::from_millis(500);
/// How many failures in a row make a queue whose subscription is fine a broken one: a restart of its storage takes some.
const BROKEN_AFTER: u32 = 4;
/// The longest wait before an acknowledgement is repeated.
const ACKNOWLEDGE_AGAIN: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(30) };

/// Why nothing was taken from the queue.
#[derive(Debug, thiserror::Error)]
pub enum NubusError {
    /// The settings are wrong.
    #[error("spec.source.nubus: {0}")]
    Settings(String),
    /// The service refuses, fails or is not there.
    #[error("the Provisioning API {0}")]
    Api(#[from] ApiError),
    /// The credentials are refused.
    #[error(
        "the Provisioning API refuses the credentials of subscription '{name}' (401): there is no such subscription, or its \
         password is another one. Create it with `oxherd subscription ensure`, or correct the Secret of \
         spec.source.nubus.credentialsRef"
    )]
    Refused {
        /// The subscription.
        name: String,
    },
    /// There is a subscription of this name, and it is not ours.
    #[error(
        "subscription '{name}' exists with another password: correct the Secret of spec.source.nubus.credentialsRef, or \
         replace the subscription with `oxherd subscription ensure --recreate`"
    )]
    Different {
        /// The subscription.
        name: String,
    },
    /// Only an administrator may create it, and none is known.
    #[error(
        "only the administrator of the Provisioning API may create subscription '{name}': give \
         spec.source.nubus.adminCredentialsRef, or register it with Nubus (`oxherd subscription print`)"
    )]
    NoAdmin {
        /// The subscription.
        name: String,
    },
    /// The credentials of the administrator are refused.
    #[error(
        "the Provisioning API refuses the administrator (401): correct the Secret of spec.source.nubus.adminCredentialsRef"
    )]
    AdminRefused,
    /// The service cannot read its own queue.
    #[error(
        "the Provisioning API cannot read the message after number {last} of subscription '{name}' and hands out nothing \
         behind it. Take it out with `oxherd subscription skip {}`, or begin anew with `oxherd subscription ensure --recreate`",
        .last + 1
    )]
    BrokenHead {
        /// The subscription.
        name: String,
        /// The number of the last message that was taken.
        last: u64,
    },
    /// Nobody writes such a message.
    #[error(
        "the message after number {last} of subscription '{name}' has more than {} MB, and nothing behind it comes. Take it out \
         with `oxherd subscription skip {}`, then look what is wrong with the object that it is about",
        super::api::TOO_LARGE >> 20,
        .last + 1
    )]
    Monster {
        /// The subscription.
        name: String,
        /// The number of the last message that was taken.
        last: u64,
    },
    /// The queue of the subscription is gone.
    #[error(
        "the Provisioning API has lost the queue of subscription '{name}': begin anew with `oxherd subscription ensure --recreate`"
    )]
    QueueLost {
        /// The subscription.
        name: String,
    },
    /// The journal refuses.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The directory cannot be asked about a message that may be outdated.
    #[error("a message may be outdated, and {0}")]
    Directory(#[from] LookUpError),
    /// No note can be made of an unusable message.
    #[error("no note can be made of an unusable message ({0}): give oxherd write access to its state folder")]
    Note(#[from] std::io::Error),
}

/// The source.
pub struct Nubus {
    config: NubusConfig,
    manager: Result<Manager, String>,
    monitor: Monitor,
    aside: Aside,
    /// How far the queue was read; none if that is not known: at the start, and after an append that did not end well.
    position: Option<Position>,
    /// The subscription as it was when it was last looked at; none after a failure.
    subscription: Option<Subscription>,
    /// Since when the prefill waits for its service.
    pending_since: Option<Instant>,
    failures: u32,
    /// Failures of fetches in a row, while all else works.
    failed_fetches: u32,
    rest_until: Option<Instant>,
    /// Whether somebody may still hold a message that we do not see: another process, before this one.
    shared: bool,
    clock: Clock,
}

/// Where messages go, and who is asked about them.
struct Desk<'a, S, D> {
    sink: &'a S,
    directory: Option<&'a D>,
    shutdown: &'a CancellationToken,
}

impl<S, D> Clone for Desk<'_, S, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, D> Copy for Desk<'_, S, D> {}

/// A message with how it came.
struct Fetched {
    message: Message,
    waited: Duration,
}

impl Nubus {
    /// Makes a source that has not looked yet. `notes` is the folder for notes of unusable messages.
    pub fn new(config: NubusConfig, notes: PathBuf) -> Self {
        let manager = Manager::new(&config).map_err(|error| error.to_string());
        Self {
            config,
            manager,
            monitor: Monitor::default(),
            aside: Aside::new(notes),
            position: None,
            subscription: None,
            pending_since: None,
            failures: 0,
            failed_fetches: 0,
            rest_until: None,
            shared: true,
            clock: Clock::default(),
        }
    }

    /// Shows what it does there.
    #[must_use]
    pub fn shown_on(mut self, monitor: Monitor) -> Self {
        self.monitor = monitor;
        self
    }

    /// What it shows of itself.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Delivers until shutdown. Troubles show in the state; they never end it.
    ///
    /// The directory is asked about messages that may be outdated, if it can be.
    pub async fn run<S: Sink, D: Directory>(mut self, sink: S, directory: Option<D>, shutdown: CancellationToken) {
        let desk = Desk { sink: &sink, directory: directory.as_ref(), shutdown: &shutdown };
        // Only waiting is cut short. A message that was handed out is brought to its end.
        while let Some(fetched) = shutdown.run_until_cancelled(self.fetch(&sink, self.config.timing.poll)).await {
            let done = match fetched {
                Ok(Some(fetched)) => self.take(fetched, desk).await.map(drop),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            self.note_end(done.err().as_ref());
        }
    }

    /// Delivers all that is there now.
    pub async fn drain<S: Sink, D: Directory>(
        &mut self,
        sink: &S,
        directory: Option<&D>,
    ) -> Result<Drained, NubusError> {
        let mut sum = Drained::default();
        let never = CancellationToken::new();
        let desk = Desk { sink, directory, shutdown: &never };
        loop {
            let wait = if self.shared { HELD_BY_OTHERS } else { GLANCE };
            let taken = match self.fetch(sink, wait).await {
                Ok(Some(fetched)) => self.take(fetched, desk).await.map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            self.note_end(taken.as_ref().err());
            match taken? {
                Some(Taken::Event) => sum.accepted += 1,
                Some(Taken::Rejected) => sum.rejected += 1,
                Some(Taken::Nothing) => {}
                None => {
                    use PrefillStatus::{Pending, Running};
                    let comes = |one: &Subscription| matches!(one.prefill_queue_status, Pending | Running);
                    sum.left = usize::from(self.subscription.as_ref().is_some_and(comes));
                    return Ok(sum);
                }
            }
        }
    }

    /// The next message; none if nothing came in time.
    async fn fetch<S: Sink>(&mut self, sink: &S, wait: Duration) -> Result<Option<Fetched>, NubusError> {
        if let Some(until) = self.rest_until.take() {
            tokio::time::sleep_until(until).await;
        }
        if self.position.is_none() {
            let cursor = sink.cursor(SOURCE).await?;
            self.position = Some(Position::read(cursor.as_deref(), &queue_name(&self.config)));
        }
        if self.subscription.is_none() {
            self.look().await?;
            self.monitor.connected();
        }
        let (asked, asked_at) = (Instant::now(), now_ms());
        let answer = self.api()?.next(&self.config.own, wait).await;
        let waited = asked.elapsed();
        match answer {
            Ok(Some(bytes)) => {
                (self.failed_fetches, self.shared) = (0, false);
                if waited >= WAITED {
                    self.monitor.counters().drain(now_ms());
                }
                let message = Message::read(&bytes).map_err(|_| ApiError::Foreign { status: 200 })?;
                Ok(Some(Fetched { message, waited }))
            }
            Ok(None) => {
                self.failed_fetches = 0;
                self.shared &= waited < HELD_BY_OTHERS;
                // Nothing else says why nothing came.
                self.look().await?;
                let done = |one: &Subscription| one.prefill_queue_status == PrefillStatus::Done;
                if !self.shared && self.subscription.as_ref().is_some_and(done) {
                    self.monitor.counters().drain(asked_at);
                }
                Ok(None)
            }
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// Why a fetch failed. The service gives one text for a queue that it cannot read and for a storage that is down.
    async fn explain(&mut self, error: ApiError) -> NubusError {
        let name = self.config.own.login.clone();
        let last = self.position.as_ref().map_or(0, |position| position.last);
        let detail = match &error {
            ApiError::Refused => return NubusError::Refused { name },
            ApiError::TooLarge => return NubusError::Monster { name, last },
            ApiError::Failed { status: 500, detail } => detail,
            _ => return error.into(),
        };
        if detail.contains("Inconsistent message queue") {
            return NubusError::QueueLost { name };
        }
        self.failed_fetches += 1;
        let fine = match self.api() {
            Ok(api) => api.subscription(&self.config.own).await.is_ok(),
            Err(_) => false,
        };
        if fine && self.failed_fetches >= BROKEN_AFTER { NubusError::BrokenHead { name, last } } else { error.into() }
    }

    /// Looks at the subscription, creates it if it is missing and that is wanted, and shows how it is.
    async fn look(&mut self) -> Result<(), NubusError> {
        let manager = self.manager.as_ref().map_err(|error| NubusError::Settings(error.clone()))?;
        let subscription = match manager.find_or_create().await? {
            Found::Existing(subscription) => subscription,
            Found::New(subscription) => {
                tracing::warn!(
                    subscription = subscription.name,
                    "created; changes from before this moment do not come with it: let `oxherd resync` fetch them"
                );
                subscription
            }
        };
        let status = subscription.prefill_queue_status;
        if let Some(position) = &mut self.position {
            position.prefill_is(status);
        }
        let pending = (status == PrefillStatus::Pending).then(|| self.pending_since.unwrap_or_else(Instant::now));
        self.pending_since = pending;
        let name = &subscription.name;
        let state = match status {
            PrefillStatus::Done => SourceState::Watching,
            PrefillStatus::Failed => SourceState::Failing {
                reason: format!(
                    "the prefill of subscription '{name}' has failed, and nothing is handed out any more: begin anew with \
                     `oxherd subscription ensure --recreate`"
                ),
            },
            PrefillStatus::Pending if pending.is_some_and(|since| since.elapsed() > self.config.timing.prefill) => {
                SourceState::Failing {
                    reason: format!(
                        "the prefill of subscription '{name}' does not begin, and nothing is handed out before it is done: \
                         look at the prefill service of Nubus"
                    ),
                }
            }
            PrefillStatus::Pending => {
                SourceState::Waiting { reason: "for the prefill of the subscription to begin".to_owned() }
            }
            PrefillStatus::Running => {
                SourceState::Waiting { reason: "for the prefill of the subscription to be done".to_owned() }
            }
        };
        let missing: Vec<_> = subscription.missing().into_iter().map(crate::udm::ObjectType::as_str).collect();
        let warning = (!missing.is_empty()).then(|| {
            format!(
                "subscription '{name}' has no topic {}: such objects never arrive; replace it with `oxherd subscription ensure \
                 --recreate`",
                missing.join(", ")
            )
        });
        self.monitor.warn(warning);
        self.monitor.show(state);
        self.subscription = Some(subscription);
        Ok(())
    }

    /// Brings a message to its end: into the journal, then out of the queue.
    async fn take<S: Sink, D: Directory>(
        &mut self,
        Fetched { message, waited }: Fetched,
        Desk { sink, directory, shutdown }: Desk<'_, S, D>,
    ) -> Result<Taken, NubusError> {
        let Some(mut position) = self.position.take() else { return Ok(Taken::Nothing) };
        let Message { number, deliveries, look, content } = message;
        self.monitor.note(|stream| {
            stream.sequence_number = number;
            stream.last_message = Some(now_ms());
            stream.redelivered += u64::from(deliveries > 1);
        });
        let place = position.place(number, &look);
        if place == Place::Before {
            self.position = Some(position);
            self.monitor.note(|stream| stream.repeated += 1);
            tracing::info!(number, deliveries, "is in the journal already");
            self.acknowledge(number, shutdown).await?;
            return Ok(Taken::Nothing);
        }
        position.advance(number, &look);
        if place == Place::Back {
            tracing::warn!(
                number,
                "the numbers of the subscription began anew: it was replaced, or its queue lost its memory"
            );
        }
        let (events, taken) = match content {
            Ok(content) => {
                if waited >= WAITED && deliveries == 1 && content.publisher == Publisher::Live {
                    self.clock.learn(content.written, now_ms());
                }
                let life = format!("{SOURCE} live {}/", position.life);
                let doubt = doubt(&content, place, &life, self.clock, sink).await?;
                match decide(content.event, doubt, directory).await? {
                    Decision::Take(event) => {
                        let origin = match content.publisher {
                            Publisher::Live => format!("{life}{number}"),
                            Publisher::Prefill => format!("{SOURCE} prefill {}/{number}", position.life),
                        };
                        (vec![(origin, event)], Taken::Event)
                    }
                    Decision::TakeFresh(event) => {
                        self.monitor.note(|stream| stream.looked_up += 1);
                        (vec![(format!("{life}{number} (looked up)"), event)], Taken::Event)
                    }
                    Decision::Leave => {
                        self.monitor.note(|stream| stream.outdated += 1);
                        tracing::info!(number, ?doubt, "outdated");
                        (Vec::new(), Taken::Nothing)
                    }
                }
            }
            Err(unusable) => {
                self.put_aside(position.life, number, &unusable).await?;
                (Vec::new(), Taken::Rejected)
            }
        };
        pass(FailurePoint::EventsRead);
        sink.append(events, SOURCE, &position.cursor()).await?;
        pass(FailurePoint::EventsJournaled);
        self.position = Some(position);
        match taken {
            Taken::Event => self.monitor.counters().accept(1),
            Taken::Rejected => self.monitor.counters().reject(),
            Taken::Nothing => {}
        }
        self.acknowledge(number, shutdown).await?;
        Ok(taken)
    }

    /// Keeps what an administrator needs to know of a message that is no event.
    async fn put_aside(&self, life: u32, number: u64, unusable: &Unusable) -> Result<(), NubusError> {
        let note = self.aside.put(life, number, unusable).await?;
        tracing::error!(
            number,
            topic = unusable.topic,
            problem = unusable.problem,
            note = %note.display(),
            "a message is no usable event: acknowledged, with a note"
        );
        Ok(())
    }

    /// Takes a message out of the queue. If that cannot be done it comes again and is recognised.
    async fn acknowledge(&mut self, number: u64, shutdown: &CancellationToken) -> Result<(), NubusError> {
        let mut tries = 0;
        loop {
            let error = match self.api()?.acknowledge(&self.config.own, number).await {
                Ok(done) => {
                    if done == Acknowledged::Before && tries == 0 {
                        self.monitor.note(|stream| stream.acknowledged_by_others += 1);
                        tracing::warn!(
                            number,
                            "was acknowledged before: is there a second consumer of the subscription?"
                        );
                    }
                    pass(FailurePoint::FileRemoved);
                    return Ok(());
                }
                Err(error) => error,
            };
            self.monitor.note(|stream| stream.unacknowledged += 1);
            tries += 1;
            let wait = ACKNOWLEDGE_AGAIN.wait(tries);
            let again = tries <= self.config.acknowledgement_retries && error != ApiError::Refused;
            if !again || shutdown.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return Err(error.into());
            }
        }
    }

    /// Shows how a step ended, and how long to wait before the next.
    fn note_end(&mut self, error: Option<&NubusError>) {
        let Some(error) = error else {
            self.failures = 0;
            return;
        };
        self.failures += 1;
        let timing = self.config.timing;
        let wait = match error {
            NubusError::Refused { .. } | NubusError::AdminRefused | NubusError::Different { .. } => {
                // Never at once: a wrong password costs the service more than us.
                timing.refused.bound(self.failures) / 2 + timing.refused.wait(self.failures) / 2
            }
            _ => timing.backoff.wait(self.failures),
        };
        self.rest_until = Some(Instant::now() + wait);
        // It may be another one when the service is back.
        self.subscription = None;
        self.monitor.show(SourceState::Failing { reason: error.to_string() });
    }

    fn api(&self) -> Result<&Api, NubusError> {
        self.manager.as_ref().map(Manager::api).map_err(|error| NubusError::Settings(error.clone()))
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// Its event is in the journal.
    Event,
    /// It was put aside.
    Rejected,
    /// It was known already, or outdated.
    Nothing,
}

/// By what a queue is told from another one: address and name.
fn queue_name(config: &NubusConfig) -> String {
    fingerprint(&format!("{} {}", config.api.url.trim_end_matches('/'), config.own.login))
}
