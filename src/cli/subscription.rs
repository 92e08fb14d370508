//! `oxherd subscription`: the subscription at the Provisioning API of Nubus.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::source::SourceConfig;
use crate::source::nubus::{
    Acknowledged, ApiError, Difference, Found, Manager, NubusConfig, NubusError, Prefill, PrefillStatus, Subscription,
};

use super::CliError;
use super::output::{Format, Show, bad, faint, good, plain, say, show, table};
use super::workplace::Workplace;

/// The subscription at the Provisioning API of Nubus from which a connector takes changes.
#[derive(Debug, Args)]
pub struct SubscriptionCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show how it is, and what is not as it must be.
    Show {
        #[command(flatten)]
        workplace: Workplace,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Create it if it is missing. One that is there is only compared.
    Ensure {
        /// Delete it first, with everything that waits in its queue. What is lost by that comes back with a prefill
        /// (`spec.source.nubus.prefill`) or with `oxherd resync`.
        #[arg(long)]
        recreate: bool,
        #[command(flatten)]
        workplace: Workplace,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Print its registration for the Helm chart of Nubus: the value of key `registration` of a Secret that
    /// `nubusProvisioning.registerConsumers` refers to. Holds the password.
    Print {
        #[command(flatten)]
        workplace: Workplace,
    },
    /// Take one message out of the queue without looking at it: the one that the service itself cannot read.
    Skip {
        /// Its number, as the state of the connector names it.
        number: u64,
        #[command(flatten)]
        workplace: Workplace,
    },
}

/// A subscription, and what is to be done about it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// What was done.
    done: Done,
    subscription: Subscription,
    missing_topics: Vec<String>,
    surplus_topics: Vec<String>,
    advice: Vec<String>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Done {
    Nothing,
    Created,
    Recreated,
}

impl Shown {
    fn new(done: Done, manager: &Manager, subscription: Subscription) -> Self {
        let mut shown =
            Self { done, missing_topics: Vec::new(), surplus_topics: Vec::new(), advice: Vec::new(), subscription };
        let anew = "`oxherd subscription ensure --recreate` would delete it with everything in its queue and create it with all \
                    topics of oxherd";
        for difference in manager.differences(&shown.subscription) {
            let advice = match difference {
                Difference::MissingTopics(topics) => {
                    shown.missing_topics = topics.into_iter().map(str::to_owned).collect();
                    format!("objects of the missing topics never arrive: {anew}")
                }
                Difference::SurplusTopics(topics) => {
                    shown.surplus_topics = topics;
                    format!("messages of the surplus topics are put aside: {anew}")
                }
                Difference::PrefillFailed => {
                    format!("its prefill has failed, and nothing is handed out any more: {anew}")
                }
            };
            shown.advice.push(advice);
        }
        let missed = matches!(done, Done::Created | Done::Recreated) && manager.prefill() == Prefill::None;
        if missed {
            shown
                .advice
                .push("changes from before this moment do not come with it: let `oxherd resync` fetch them".to_owned());
        }
        shown
    }
}

impl Show for Shown {
    fn table(&self) -> String {
        let prefill = match (self.subscription.prefill_queue_status, self.subscription.request_prefill) {
            (PrefillStatus::Done, true) => good("done"),
            (PrefillStatus::Done, false) => faint("not requested"),
            (PrefillStatus::Failed, _) => bad("failed"),
            (PrefillStatus::Pending, _) => plain("pending: nothing is handed out before it is done"),
            (PrefillStatus::Running, _) => plain("running: nothing is handed out before it is done"),
        };
        let state = match self.done {
            Done::Nothing => plain("exists"),
            Done::Created => good("created"),
            Done::Recreated => good("deleted and created anew"),
        };
        let topics: Vec<_> = self.subscription.realms_topics.iter().map(|one| one.topic.as_str()).collect();
        let mut rows = vec![
            vec![faint("Subscription"), plain(&self.subscription.name)],
            vec![faint("State"), state],
            vec![faint("Prefill"), prefill],
            vec![faint("Topics"), plain(topics.join("\n"))],
        ];
        for (name, topics) in [("Missing topics", &self.missing_topics), ("Surplus topics", &self.surplus_topics)] {
            if !topics.is_empty() {
                rows.push(vec![faint(name), bad(topics.join("\n"))]);
            }
        }
        let advice = self.advice.iter().map(|advice| format!("\n{advice}"));
        table(&["", ""], rows) + &advice.collect::<String>()
    }
}

impl SubscriptionCommand {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        match self.action {
            Action::Show { workplace, output } => {
                let (config, manager) = open(&workplace)?;
                let name = config.own.login;
                let subscription = manager.find().await.map_err(failure)?;
                let subscription = subscription.ok_or_else(|| failure(NubusError::Refused { name }))?;
                show(&Shown::new(Done::Nothing, &manager, subscription), output)?;
            }
            Action::Ensure { recreate: false, workplace, output } => {
                let (config, manager) = open(&workplace)?;
                let (done, subscription) = match manager.find_or_create().await {
                    Ok(Found::Existing(subscription)) => (Done::Nothing, subscription),
                    Ok(Found::New(subscription)) => (Done::Created, subscription),
                    Err(NubusError::Refused { name }) if config.admin.is_none() => {
                        return Err(failure(NubusError::NoAdmin { name }));
                    }
                    Err(error) => return Err(failure(error)),
                };
                show(&Shown::new(done, &manager, subscription), output)?;
            }
            Action::Ensure { recreate: true, workplace, output } => {
                let (_, manager) = open(&workplace)?;
                let (Found::Existing(subscription) | Found::New(subscription)) =
                    manager.recreate().await.map_err(failure)?;
                show(&Shown::new(Done::Recreated, &manager, subscription), output)?;
            }
            Action::Print { workplace } => {
                let (config, _) = open(&workplace)?;
                let registration = config.registration().map_err(|error| CliError::usage(&error))?;
                let text: Value =
                    serde_json::from_str(&registration.json()).map_err(|error| CliError::internal(&error))?;
                say(&serde_json::to_string_pretty(&text).map_err(|error| CliError::internal(&error))?);
            }
            Action::Skip { number, workplace } => {
                let (config, manager) = open(&workplace)?;
                let skipped = manager.api().acknowledge(&config.own, number).await;
                match skipped.map_err(|error| failure(error.into()))? {
                    Acknowledged::Now => say(&format!(
                        "message {number} is out of the queue; what it said comes with the next change of its object or with \
                         `oxherd resync`"
                    )),
                    Acknowledged::Before => {
                        return Err(CliError::Failed(format!("there is no message {number} in the queue")));
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn open(workplace: &Workplace) -> Result<(NubusConfig, Manager), CliError> {
    let config = workplace.config()?;
    let SourceConfig::Nubus(nubus) = config.source else {
        return Err(CliError::Usage(format!(
            "connector '{}' reads a spool folder: only one with spec.source.nubus has a subscription",
            config.name
        )));
    };
    let manager = Manager::new(&nubus).map_err(|error| CliError::usage(&error))?;
    Ok((*nubus, manager))
}

fn failure(error: NubusError) -> CliError {
    match error {
        NubusError::Api(ApiError::Unreachable { .. } | ApiError::NoAnswer { .. }) => {
            CliError::Unreachable(error.to_string())
        }
        other => CliError::failed(&other),
    }
}
