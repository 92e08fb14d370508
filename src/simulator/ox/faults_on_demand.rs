//! Faults that tests order.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::{Exception, Fault};
use crate::simulator::random::Chance;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultAction {
    /// The server does not listen for a while, the HTTP control included. Starts at once.
    RefuseConnections {
        /// How long.
        seconds: f64,
    },
    /// Every call is reset before it is processed for a while. Starts at once.
    Outage {
        /// How long.
        seconds: f64,
    },
    /// The connection is reset, nothing has happened.
    ResetBefore,
    /// The connection is reset, but the call was processed.
    ResetAfter,
    /// The call takes longer; other faults may follow.
    Delay {
        /// How much longer.
        milliseconds: u64,
    },
    /// HTTP 503, as a proxy answers without a server behind it.
    Unavailable,
    /// The answer is a SOAP fault.
    SoapFault {
        /// Name of the exception; an unknown one gives a fault without detail.
        name: String,
        /// `faultstring` without suffix.
        text: String,
    },
    /// The credentials are refused.
    WrongCredentials,
}

/// A fault and the calls it hits. What is not given matches every call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Service, for example `OXUserService`.
    #[serde(default)]
    pub service: Option<String>,
    /// Operation, for example `create`.
    #[serde(default)]
    pub operation: Option<String>,
    /// Id of the context.
    #[serde(default)]
    pub context: Option<i64>,
    /// How many calls it hits before it is used up.
    #[serde(default)]
    pub count: Option<u64>,
    /// How likely it hits a matching call, from 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What goes wrong.
    pub action: FaultAction,
}

impl FaultRule {
    /// A fault that hits every call.
    pub const fn always(action: FaultAction) -> Self {
        Self { service: None, operation: None, context: None, count: None, probability: None, action }
    }

    /// The same fault for an operation only.
    #[must_use]
    pub fn on(self, service: &str, operation: &str) -> Self {
        Self { service: Some(service.to_owned()), operation: Some(operation.to_owned()), ..self }
    }

    /// The same fault for a context only.
    #[must_use]
    pub fn in_context(self, context: i64) -> Self {
        Self { context: Some(context), ..self }
    }

    /// The same fault for a number of calls.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    /// The same fault for some of the calls.
    #[must_use]
    pub fn with_probability(self, probability: f64) -> Self {
        Self { probability: Some(probability), ..self }
    }

    fn fits(&self, service: &str, operation: &str, context: Option<i64>) -> bool {
        self.service.as_deref().is_none_or(|wanted| wanted == service)
            && self.operation.as_deref().is_none_or(|wanted| wanted == operation)
            && self.context.is_none_or(|wanted| Some(wanted) == context)
    }
}

/// The ordered faults of a server.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<(u64, FaultRule)>>);

/// What happens to one call.
#[derive(Debug, Default, PartialEq)]
pub struct Order {
    /// Delay before anything else.
    pub delay: Duration,
    /// What goes wrong then.
    pub action: Option<FaultAction>,
}

impl Faults {
    /// Orders a fault; gives its number.
    pub fn add(&self, rule: FaultRule) -> u64 {
        let mut rules = self.rules();
        let number = rules.last().map_or(1, |(number, _)| number + 1);
        rules.push((number, rule));
        number
    }

    /// Takes back all orders.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// The orders that are not used up.
    pub fn list(&self) -> Vec<(u64, FaultRule)> {
        self.rules().clone()
    }

    /// What happens to a call: all delays, then the first other fault that hits it.
    pub fn order(&self, service: &str, operation: &str, context: Option<i64>, chance: &Chance) -> Order {
        let mut rules = self.rules();
        let mut order = Order::default();
        for (_, rule) in rules.iter_mut() {
            if !rule.fits(service, operation, context) {
                continue;
            }
            if rule.probability.is_some_and(|probability| chance.fraction() >= probability) {
                continue;
            }
            match &rule.action {
                FaultAction::Delay { milliseconds } => order.delay += Duration::from_millis(*milliseconds),
                _ if order.action.is_some() => continue,
                action => order.action = Some(action.clone()),
            }
            if let Some(count) = &mut rule.count {
                *count = count.saturating_sub(1);
            }
        }
        rules.retain(|(_, rule)| rule.count != Some(0));
        order
    }

    fn rules(&self) -> MutexGuard<'_, Vec<(u64, FaultRule)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SOAP fault that a test ordered.
pub fn soap_fault(name: &str, text: &str) -> Fault {
    match name.strip_suffix("Exception").map(str::parse::<Exception>) {
        Some(Ok(exception)) => Fault::new(exception, text),
        _ if name == "soap:Client" => Fault::client(text),
        _ => Fault::bare(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_select_calls_and_are_used_up() {
        let (faults, chance) = (Faults::default(), Chance::new(7));
        faults.add(FaultRule::always(FaultAction::ResetBefore).on("OXUserService", "create").in_context(10).times(2));
        let hit = |service, operation, context| faults.order(service, operation, context, &chance).action.is_some();
        assert!(!hit("OXUserService", "change", Some(10)));
        assert!(!hit("OXGroupService", "create", Some(10)));
        assert!(!hit("OXUserService", "create", Some(11)));
        assert!(hit("OXUserService", "create", Some(10)));
        assert!(hit("OXUserService", "create", Some(10)));
        assert!(!hit("OXUserService", "create", Some(10)));
        assert!(faults.list().is_empty());
    }

    #[test]
    fn delays_add_up_and_let_other_faults_through() {
        let (faults, chance) = (Faults::default(), Chance::new(7));
        faults.add(FaultRule::always(FaultAction::Delay { milliseconds: 5 }));
        faults.add(FaultRule::always(FaultAction::Delay { milliseconds: 7 }));
        faults.add(FaultRule::always(FaultAction::Unavailable));
        let order = faults.order("OXUserService", "create", None, &chance);
        assert_eq!(order, Order { delay: Duration::from_millis(12), action: Some(FaultAction::Unavailable) });
    }

    #[test]
    fn a_probability_hits_some_calls_and_the_same_ones_for_a_seed() {
        let run = || -> Vec<bool> {
            let (faults, chance) = (Faults::default(), Chance::new(7));
            faults.add(FaultRule::always(FaultAction::ResetBefore).with_probability(0.3));
            (0..1000).map(|_| faults.order("s", "o", None, &chance).action.is_some()).collect()
        };
        let hits = run().into_iter().filter(|hit| *hit).count();
        assert!((250..350).contains(&hits), "{hits}");
        assert_eq!(run(), run());
    }
}
