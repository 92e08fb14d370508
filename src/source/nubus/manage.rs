//! Finding, creating and replacing the subscription.

use crate::transport::Credentials;

use super::NubusConfig;
use super::api::{Api, ApiSettingsError, Created};
use super::consumer::NubusError;
use super::fault::ApiError;
use super::registration::{Prefill, PrefillStatus, Registration, Subscription};

/// Looks after one subscription.
#[derive(Debug)]
pub struct Manager {
    api: Api,
    own: Credentials,
    admin: Option<Credentials>,
    registration: Registration,
    prefill: Prefill,
}

/// A subscription that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was there.
    Existing(Subscription),
    /// It was just created.
    New(Subscription),
}

/// The settings make no manager.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// The API cannot be addressed.
    #[error("url: {0}")]
    Api(#[from] ApiSettingsError),
    /// The subscription cannot have this name.
    #[error("credentialsRef: {0}")]
    Name(#[from] super::BadName),
}

/// What of a subscription is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Topics that it lacks: such objects never arrive.
    MissingTopics(Vec<&'static str>),
    /// Topics that nobody needs: what they bring is put aside.
    SurplusTopics(Vec<String>),
    /// Its prefill has failed: nothing is handed out any more.
    PrefillFailed,
}

impl Manager {
    /// Makes a manager. Connects to nothing yet.
    pub fn new(config: &NubusConfig) -> Result<Self, ManagerError> {
        Ok(Self {
            api: Api::new(&config.api)?,
            own: config.own.clone(),
            admin: config.admin.clone(),
            registration: config.registration()?,
            prefill: config.prefill,
        })
    }

    /// The API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The subscription as it is; none if there is no such one, or it has another password.
    pub async fn find(&self) -> Result<Option<Subscription>, NubusError> {
        match self.api.subscription(&self.own).await {
            Ok(subscription) => Ok(Some(subscription)),
            Err(ApiError::Refused) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The subscription; created if it is missing and an administrator is known. One that is there is never changed.
    pub async fn find_or_create(&self) -> Result<Found, NubusError> {
        if let Some(subscription) = self.find().await? {
            return Ok(Found::Existing(subscription));
        }
        self.create().await
    }

    /// Deletes the subscription with everything in its queue, if it is there, and creates it.
    pub async fn recreate(&self) -> Result<Found, NubusError> {
        let name = &self.own.login;
        // Nothing is deleted that cannot be made again.
        let admin = self.admin.as_ref().ok_or_else(|| NubusError::NoAdmin { name: name.clone() })?;
        self.api.delete(admin, name).await.map_err(|error| self.of_admin(error))?;
        self.create().await
    }

    /// What of a subscription is not as it must be.
    pub fn differences(&self, subscription: &Subscription) -> Vec<Difference> {
        let missing: Vec<_> = subscription.missing().into_iter().map(crate::udm::ObjectType::as_str).collect();
        let surplus: Vec<_> = subscription.surplus().into_iter().map(str::to_owned).collect();
        let mut differences = Vec::new();
        if !missing.is_empty() {
            differences.push(Difference::MissingTopics(missing));
        }
        if !surplus.is_empty() {
            differences.push(Difference::SurplusTopics(surplus));
        }
        if subscription.prefill_queue_status == PrefillStatus::Failed {
            differences.push(Difference::PrefillFailed);
        }
        differences
    }

    /// Whether a new subscription would bring all objects that exist.
    pub fn prefill(&self) -> Prefill {
        self.prefill
    }

    async fn create(&self) -> Result<Found, NubusError> {
        let Some(admin) = &self.admin else { return Err(self.of_own(ApiError::Refused)) };
        let created = self.api.create(admin, &self.registration).await.map_err(|error| self.of_admin(error))?;
        let subscription = self.api.subscription(&self.own).await.map_err(|error| self.of_own(error))?;
        Ok(match created {
            Created::Now => Found::New(subscription),
            Created::Before => Found::Existing(subscription),
        })
    }

    fn of_own(&self, error: ApiError) -> NubusError {
        match error {
            ApiError::Refused => NubusError::Refused { name: self.own.login.clone() },
            other => other.into(),
        }
    }

    fn of_admin(&self, error: ApiError) -> NubusError {
        match error {
            ApiError::Refused => NubusError::AdminRefused,
            ApiError::Different => NubusError::Different { name: self.own.login.clone() },
            other => other.into(),
        }
    }
}
