//! What several kinds have in common.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::rules;

/// A span of time such as `500ms`, `30s`, `10m` or `24h`. Kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    text: String,
    value: time::Duration,
}

impl Duration {
    /// The span.
    pub fn get(&self) -> time::Duration {
        self.value
    }

    /// For defaults: a text that is known to be right.
    pub(super) fn constant(text: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            value: kube::core::Duration::from_str(text).map_or(time::Duration::ZERO, Into::into),
        }
    }
}

impl TryFrom<String> for Duration {
    type Error = kube::core::duration::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let value = kube::core::Duration::from_str(&text)?.into();
        Ok(Self { text, value })
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.text
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let rule = &rules::POSITIVE_DURATION;
        json_schema!({
            "type": "string",
            // The API server limits what rules may cost, and asks for the length of texts to estimate it.
            "maxLength": 32,
            "x-kubernetes-validations": [{"rule": rule.cel, "message": rule.message}],
        })
    }
}

/// Refers to another object of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Refers to one value of a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Refers to one value of a ConfigMap of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Refers to a Secret of the same namespace that holds a user name and a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key of the user name.
    #[serde(default = "username")]
    #[schemars(length(min = 1, max = 253))]
    pub username_key: String,
    /// Key of the password.
    #[serde(default = "password")]
    #[schemars(length(min = 1, max = 253))]
    pub password_key: String,
}

fn username() -> String {
    "username".to_owned()
}

fn password() -> String {
    "password".to_owned()
}
