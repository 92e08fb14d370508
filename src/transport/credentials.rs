//! A login and its password.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A login with its password. Prints without the password.
#[derive(Clone)]
pub struct Credentials {
    /// Login name.
    pub login: String,
    /// The password.
    pub password: SecretString,
}

impl Credentials {
    /// A login with its password.
    pub fn new(login: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self { login: login.into(), password: password.into() }
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.login == other.login && self.password.expose_secret() == other.password.expose_secret()
    }
}

impl Eq for Credentials {}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, ***)", self.login)
    }
}
