//! From the objects that an administrator wrote to the checked configuration of a connector. Pure.

use std::collections::HashMap;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{
    AdoptPolicy, CredentialsRef, DeletionPolicy, ErrorPolicy, Feature, ManagementPolicy, Manifests, MissingKey, Mode,
    NubusSource, OxAccessProfileSpec, OxAttributeMappingSpec, OxConnector, OxConnectorSpec, OxContextSpec, StateStore,
    Tls, TlsVerification, VerificationMode,
};
use crate::engine::{EngineOptions, GuardLimits, Limits, OnError, Protection, Repair, Switch};
use crate::ox::model::{ContextId, MailServer};
use crate::ox::settings::{Adopt, Feature as Switched, Features, Identifier, Identifiers, Removal, Settings};
use crate::ox::soap::{self, Credentials, Trust};
use crate::ox::template::{AccountTemplate, LoginTemplate};
use crate::source::nubus::{ApiSettings, NubusConfig, Prefill};
use crate::source::{SourceConfig, SpoolConfig};
use crate::udm::{Change, Event, ObjectId, ObjectType, rest};

use super::directory::{DirectoryConfig, FirstLoad, Schedule};
use super::verification::VerificationConfig;

/// Everything that a connector needs to run.
#[derive(Clone, Debug)]
pub struct ConnectorConfig {
    /// Its name.
    pub name: String,
    /// How OX is reached.
    pub client: soap::Settings,
    /// The master administrator of OX.
    pub master: Credentials,
    /// Where events come from.
    pub source: SourceConfig,
    /// How the engine works.
    pub engine: EngineOptions,
    /// Whether it may work.
    pub switch: Switch,
    /// What protects from deletions.
    pub protection: Protection,
    /// How the directory itself is asked, if it can be.
    pub directory: Option<DirectoryConfig>,
    /// What planning follows, apart from features that the server decides.
    pub settings: Settings,
    /// Which features to use.
    pub features: FeatureChoice,
    /// When to verify, and what to do about differences; none: only when asked.
    pub verification: Option<VerificationConfig>,
    /// Whether anything is changed in OX.
    pub mode: Mode,
    /// How many objects a change of settings may change without an approval; none: any number.
    pub change_limit: Option<u64>,
    /// Administrators of contexts that were given in Secrets.
    pub admins: HashMap<ContextId, Credentials>,
    /// Contexts and access profiles that are described by custom resources, as directory objects.
    pub objects: Vec<Event>,
}

/// Everything that decides how objects are planned, as an administrator described it. Holds no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blueprint {
    /// What planning follows; features that the server decides count as missing.
    settings: Settings,
    /// Which features to use.
    features: FeatureChoice,
    /// Described contexts and access profiles.
    objects: Vec<Event>,
}

impl Blueprint {
    /// A short fingerprint: equal descriptions have the same.
    pub fn id(&self) -> String {
        let mut id = Settings::fingerprint(&(self.settings.revision(), self.features, &self.objects));
        id.truncate(12);
        id
    }
}

impl ConnectorConfig {
    /// What decides how objects are planned.
    pub fn blueprint(&self) -> Blueprint {
        let settings = Settings { features: NO_FEATURES, ..self.settings.clone() };
        Blueprint { settings, features: self.features, objects: self.objects.clone() }
    }

    /// The same connector with other settings for planning.
    #[must_use]
    pub fn with(self, blueprint: Blueprint) -> Self {
        let Blueprint { settings, features, objects } = blueprint;
        Self { settings, features, objects, ..self }
    }
}

/// Which features to use: `Auto` asks the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureChoice {
    deputies: Feature,
    shared_accounts: Feature,
    convert_guest: Feature,
    user_copy: Feature,
}

impl FeatureChoice {
    /// The features in force with a server that has these.
    pub fn with(self, server: soap::Features) -> Features {
        let decide = |choice, server| match (choice, server) {
            (Feature::Enabled, _) | (Feature::Auto, soap::Feature::Present) => Switched::On,
            (Feature::Disabled, _) | (Feature::Auto, soap::Feature::Absent) => Switched::Off,
        };
        Features {
            deputies: decide(self.deputies, server.deputies),
            shared_accounts: decide(self.shared_accounts, server.shared_accounts),
            convert_guest: decide(self.convert_guest, server.convert_guest),
            user_copy: decide(self.user_copy, server.user_copy),
        }
    }
}

/// The features of a server that was not asked yet.
const NO_FEATURES: Features = Features {
    deputies: Switched::Off,
    shared_accounts: Switched::Off,
    convert_guest: Switched::Off,
    user_copy: Switched::Off,
};

/// A connector cannot run as it is described. The text names object, field and remedy.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A reference leads nowhere.
    #[error("OxConnector '{connector}', {field}: {missing}")]
    Missing {
        /// The connector.
        connector: String,
        /// The field with the reference.
        field: &'static str,
        /// What is missing.
        missing: MissingKey,
    },
    /// A value cannot be used.
    #[error("{object}, {field}: {problem}")]
    Invalid {
        /// The object, for instance `OxConnector 'acme'`.
        object: String,
        /// The field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The mapping is wrong.
    #[error("OxAttributeMapping '{name}': {errors}")]
    Mapping {
        /// The mapping.
        name: String,
        /// What is wrong.
        errors: String,
    },
}

/// Checks a connector and resolves everything that it refers to.
pub fn resolve(manifests: &Manifests, name: &str, connector: &OxConnector) -> Result<ConnectorConfig, ResolveError> {
    let spec = &connector.spec;
    let scope = Scope { manifests, name, spec };
    scope.refuse_what_is_not_built()?;
    Ok(ConnectorConfig {
        name: name.to_owned(),
        client: scope.client()?,
        master: scope.credentials("spec.ox.credentialsRef", &spec.ox.credentials_ref)?,
        source: scope.source()?,
        engine: EngineOptions {
            limits: Limits::side_by_side(usize::try_from(spec.ox.limits.concurrency).unwrap_or(1).max(1)),
            calls_per_second: spec.ox.limits.rate_per_second.and_then(|rate| u32::try_from(rate).ok()),
            on_error: match spec.policies.error_policy {
                ErrorPolicy::Continue => OnError::Continue,
                ErrorPolicy::Stop => OnError::Halt,
            },
            audit_retention: spec.policies.audit_retention.get(),
            ..EngineOptions::default()
        },
        switch: if spec.policies.paused { Switch::Paused } else { Switch::On },
        protection: scope.protection(),
        settings: scope.settings()?,
        features: FeatureChoice {
            deputies: spec.features.deputy_permissions,
            shared_accounts: spec.features.shared_accounts,
            convert_guest: spec.features.convert_guest,
            user_copy: spec.features.user_copy,
        },
        directory: scope.directory()?,
        verification: scope.verification(),
        mode: spec.policies.mode,
        change_limit: spec.policies.change_guard.max_objects.and_then(|most| u64::try_from(most).ok()),
        admins: scope.admins()?,
        objects: scope.objects(),
    })
}

struct Scope<'a> {
    manifests: &'a Manifests,
    name: &'a str,
    spec: &'a OxConnectorSpec,
}

impl Scope<'_> {
    fn invalid(&self, field: &'static str, problem: impl std::fmt::Display) -> ResolveError {
        ResolveError::Invalid { object: format!("OxConnector '{}'", self.name), field, problem: problem.to_string() }
    }

    fn missing(&self, field: &'static str, missing: MissingKey) -> ResolveError {
        ResolveError::Missing { connector: self.name.to_owned(), field, missing }
    }

    /// A setting that would have no effect is refused: nobody should believe in a protection that is not there.
    fn refuse_what_is_not_built(&self) -> Result<(), ResolveError> {
        let unbuilt = [("spec.state", self.spec.state == StateStore::default())];
        match unbuilt.into_iter().find(|(_, default)| !default) {
            Some((field, _)) => Err(self.invalid(field, "this version supports only the default: leave the field out")),
            None => Ok(()),
        }
    }

    fn verification(&self) -> Option<VerificationConfig> {
        let every = self.spec.verification.interval.as_ref()?.get();
        let repair = match self.spec.verification.mode {
            VerificationMode::Report => Repair::No,
            VerificationMode::Repair => Repair::Usual,
        };
        Some(VerificationConfig { every, repair })
    }

    fn protection(&self) -> Protection {
        let guard = &self.spec.policies.deletion_guard;
        // The schema rules out negative numbers; files are read without it, and then nothing is allowed.
        let number = |number| u64::try_from(number).unwrap_or(0);
        Protection {
            limits: GuardLimits {
                max_count: number(guard.max_count),
                max_count_per_scope: number(guard.max_count_per_context),
                max_percent: number(guard.max_percent),
                max_member_percent: number(guard.max_member_percent),
                percent_from: number(guard.percent_from),
                window: guard.window.get(),
            },
            retention: self.spec.policies.retention.get(),
        }
    }

    fn credentials(&self, field: &'static str, reference: &CredentialsRef) -> Result<Credentials, ResolveError> {
        let (login, password) =
            self.manifests.credentials(reference).map_err(|missing| self.missing(field, missing))?;
        Ok(Credentials::new(login, password))
    }

    fn client(&self) -> Result<soap::Settings, ResolveError> {
        let ox = &self.spec.ox;
        Ok(soap::Settings {
            trust: self.trust("spec.ox.tls.caBundleRef", &ox.tls)?,
            connect_timeout: ox.timeouts.connect.get(),
            timeout: ox.timeouts.request.get(),
            ..soap::Settings::new(ox.url.clone())
        })
    }

    fn source(&self) -> Result<SourceConfig, ResolveError> {
        match (&self.spec.source.spool, &self.spec.source.nubus) {
            (Some(spool), None) => Ok(SourceConfig::Spool(SpoolConfig {
                poll_interval: spool.poll_interval.get(),
                settle: spool.settle.get(),
                ..SpoolConfig::new(&spool.folder)
            })),
            (None, Some(nubus)) => Ok(SourceConfig::Nubus(Box::new(self.nubus(nubus)?))),
            _ => Err(self.invalid("spec.source", "exactly one of spool and nubus must be given")),
        }
    }

    fn nubus(&self, nubus: &NubusSource) -> Result<NubusConfig, ResolveError> {
        const OWN: &str = "spec.source.nubus.credentialsRef";
        let admin = nubus.admin_credentials_ref.as_ref();
        let admin = admin.map(|admin| self.credentials("spec.source.nubus.adminCredentialsRef", admin)).transpose()?;
        let config = NubusConfig {
            api: ApiSettings {
                trust: self.trust("spec.source.nubus.tls.caBundleRef", &nubus.tls)?,
                ..ApiSettings::new(&nubus.url)
            },
            admin,
            prefill: if nubus.prefill { Prefill::Requested } else { Prefill::None },
            // The schema rules out negative numbers.
            acknowledgement_retries: u32::try_from(nubus.acknowledgement_retries).unwrap_or(0),
            ..NubusConfig::new(&nubus.url, self.credentials(OWN, &nubus.credentials_ref)?)
        };
        config.registration().map_err(|bad| self.invalid(OWN, bad))?;
        Ok(config)
    }

    fn directory(&self) -> Result<Option<DirectoryConfig>, ResolveError> {
        let Some(udm) = &self.spec.udm else { return Ok(None) };
        let prefilled = self.spec.source.nubus.as_ref().is_some_and(|nubus| nubus.prefill);
        Ok(Some(DirectoryConfig {
            client: rest::Settings {
                trust: self.trust("spec.udm.tls.caBundleRef", &udm.tls)?,
                ..rest::Settings::new(udm.url.clone())
            },
            credentials: self.credentials("spec.udm.credentialsRef", &udm.credentials_ref)?,
            first_load: if prefilled { FirstLoad::BySource } else { FirstLoad::Bulk },
            schedule: Schedule {
                changes: udm.catch_up.interval.get(),
                identifiers: udm.catch_up.deletions_interval.get(),
                grace: udm.catch_up.grace.get(),
            },
        }))
    }

    fn trust(&self, field: &'static str, tls: &Tls) -> Result<Trust, ResolveError> {
        let Some(bundle) = &tls.ca_bundle_ref else {
            return Ok(match tls.verification {
                TlsVerification::Full => Trust::System,
                TlsVerification::InsecureSkip => Trust::Unverified,
            });
        };
        let map = self.manifests.config_maps.get(&bundle.name);
        let text = map.and_then(|map| map.get(&bundle.key)).ok_or_else(|| {
            let (kind, name, key) = ("ConfigMap", bundle.name.clone(), bundle.key.clone());
            self.missing(field, MissingKey { kind, name, key })
        })?;
        Ok(Trust::SystemAnd(text.clone().into_bytes()))
    }

    fn settings(&self) -> Result<Settings, ResolveError> {
        let Self { spec, .. } = self;
        let server = |field, url: &str| url.parse::<MailServer>().map_err(|error| self.invalid(field, error));
        let identifier = |name: &str| Identifier::from(name.to_owned());
        let (mapping, name, json) = self.mapping()?;
        Ok(Settings {
            default_context: self.context_id("spec.defaults.context", spec.defaults.context)?,
            language: spec.defaults.language.clone(),
            timezone: spec.defaults.timezone.clone(),
            domain: spec.defaults.domain.clone(),
            imap: server("spec.defaults.imapServer", &spec.defaults.imap_server)?,
            smtp: server("spec.defaults.smtpServer", &spec.defaults.smtp_server)?,
            imap_login: LoginTemplate::parse(&spec.login_templates.imap)
                .map_err(|error| self.invalid("spec.loginTemplates.imap", error))?,
            functional_account_login: AccountTemplate::parse(&spec.login_templates.functional_account),
            identifiers: Identifiers {
                user: identifier(&spec.identifiers.user),
                group: identifier(&spec.identifiers.group),
                shared_account: identifier(&spec.identifiers.shared_account),
            },
            features: NO_FEATURES,
            adopt: match spec.policies.adopt_policy {
                AdoptPolicy::Never => Adopt::Never,
                AdoptPolicy::MatchById => Adopt::ById,
                AdoptPolicy::MatchByName => Adopt::ByName,
            },
            removal: match spec.policies.deletion_policy {
                DeletionPolicy::Delete => Removal::Delete,
                DeletionPolicy::Disable => {
                    let ms = spec.policies.retention.get().as_millis();
                    Removal::Keep { ms: i64::try_from(ms).unwrap_or(i64::MAX) }
                }
            },
            mapping: mapping
                .mapping(json)
                .map_err(|errors| ResolveError::Mapping { name: name.to_owned(), errors: errors.to_string() })?,
        })
    }

    fn context_id(&self, field: &'static str, id: i32) -> Result<ContextId, ResolveError> {
        let id = u32::try_from(id).ok().filter(|id| *id > 0);
        id.map(ContextId).ok_or_else(|| self.invalid(field, "must be a number above 0"))
    }

    /// The description of the mapping, its name, and the text of the existing connector's file that it refers to.
    fn mapping(&self) -> Result<(OxAttributeMappingSpec, &str, Option<&str>), ResolveError> {
        let Some(reference) = &self.spec.mapping_ref else {
            return Ok((OxAttributeMappingSpec::default(), "built-in", None));
        };
        let Some(object) = self.manifests.mappings.get(&reference.name) else {
            return Err(self.invalid("spec.mappingRef", format!("there is no OxAttributeMapping '{}'", reference.name)));
        };
        let json = match &object.spec.connector_json_ref {
            None => None,
            Some(json) => {
                let map = self.manifests.config_maps.get(&json.name);
                let text = map.and_then(|map| map.get(&json.key));
                Some(text.ok_or_else(|| ResolveError::Invalid {
                    object: format!("OxAttributeMapping '{}'", reference.name),
                    field: "spec.connectorJsonRef",
                    problem: format!("ConfigMap '{}' has no key '{}'", json.name, json.key),
                })?)
            }
        };
        Ok((object.spec.clone(), &reference.name, json.map(String::as_str)))
    }

    fn contexts(&self) -> impl Iterator<Item = (&String, &OxContextSpec)> {
        let contexts = self.manifests.contexts.iter().map(|(name, context)| (name, &context.spec));
        contexts.filter(|(_, spec)| spec.connector_ref.name == self.name)
    }

    fn profiles(&self) -> impl Iterator<Item = (&String, &OxAccessProfileSpec)> {
        self.manifests.profiles.iter().map(|(name, profile)| (name, &profile.spec))
    }

    fn admins(&self) -> Result<HashMap<ContextId, Credentials>, ResolveError> {
        let mut admins = self.listed_admins()?;
        for (_, context) in self.contexts() {
            if let Some(reference) = &context.admin_secret_ref {
                let id = self.context_id("spec.id", context.id)?;
                admins.insert(id, self.credentials("OxContext spec.adminSecretRef", reference)?);
            }
        }
        Ok(admins)
    }

    /// Administrators from a `contexts.json` of the existing connector (`ox-connector.md` 0.9).
    fn listed_admins(&self) -> Result<HashMap<ContextId, Credentials>, ResolveError> {
        #[derive(Deserialize)]
        struct Admin {
            adminuser: String,
            adminpass: String,
        }
        const FIELD: &str = "spec.ox.contextCredentialsRef";
        let Some(reference) = &self.spec.ox.context_credentials_ref else { return Ok(HashMap::new()) };
        let text = self.manifests.secret(reference).map_err(|missing| self.missing(FIELD, missing))?;
        let listed: HashMap<String, Admin> = serde_json::from_str(text.expose_secret()).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            self.invalid(FIELD, format!("not a contexts.json of the existing connector (line {line}, column {column})"))
        })?;
        let numbered = listed.into_iter().filter_map(|(id, admin)| Some((ContextId(id.parse().ok()?), admin)));
        Ok(numbered.map(|(id, admin)| (id, Credentials::new(admin.adminuser, admin.adminpass))).collect())
    }

    /// Described contexts and profiles as directory objects with an identifier of their own, so that one way leads into OX.
    fn objects(&self) -> Vec<Event> {
        let managed = self.contexts().filter(|(_, spec)| spec.management_policy == ManagementPolicy::Manage);
        let contexts = managed.map(|(name, spec)| {
            let properties = json!({
                "name": spec.ox_name(),
                "contextid": spec.id,
                "oxQuota": spec.quota,
                "loginMappings": spec.login_mappings,
            });
            (ObjectType::Context, "oxcontext", name, properties)
        });
        let profiles = self
            .profiles()
            .map(|(name, spec)| (ObjectType::AccessProfile, "oxaccessprofile", name, spec.properties(name)));
        contexts
            .chain(profiles)
            .filter_map(|(kind, resource, name, properties)| described(kind, resource, name, properties))
            .collect()
    }
}

fn described(kind: ObjectType, resource: &str, name: &str, properties: serde_json::Value) -> Option<Event> {
    Some(Event {
        object: ObjectId::new(&format!("cr:{resource}/{name}"))?,
        kind,
        dn: format!("cn={name},cn={resource},cn=oxherd").parse().ok()?,
        change: Change::Present(serde_json::from_value(properties).ok()?),
    })
}
