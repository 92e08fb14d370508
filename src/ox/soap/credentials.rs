//! Who calls OX, and the random passwords that oxherd makes.

use std::sync::{Arc, PoisonError, RwLock};

use secrecy::SecretString;

use crate::ox::model::ContextId;
pub use crate::transport::Credentials;

/// Whose credentials a call carries. Decides what it means when OX refuses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The administrator of the installation.
    Master,
    /// The administrator of one context.
    ContextAdmin(ContextId),
}

/// Credentials together with whose they are.
#[derive(Clone, Debug)]
pub struct Login {
    /// Whose they are.
    pub who: Who,
    /// The credentials.
    pub credentials: Credentials,
}

impl Login {
    /// Logs in as the administrator of the installation.
    pub fn master(credentials: Credentials) -> Self {
        Self { who: Who::Master, credentials }
    }

    /// Logs in as the administrator of a context.
    pub fn context_admin(context: ContextId, credentials: Credentials) -> Self {
        Self { who: Who::ContextAdmin(context), credentials }
    }
}

/// The master credentials, which can be replaced while calls are under way: the next call uses the new ones.
#[derive(Debug)]
pub struct Master(RwLock<Arc<Credentials>>);

impl Master {
    /// Starts with these credentials.
    pub fn new(credentials: Credentials) -> Self {
        Self(RwLock::new(Arc::new(credentials)))
    }

    /// Replaces the credentials.
    pub fn replace(&self, credentials: Credentials) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
    }

    /// The credentials as they are now.
    pub fn current(&self) -> Arc<Credentials> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The login as it is now.
    pub fn login(&self) -> Login {
        Login::master(self.current().as_ref().clone())
    }
}

/// The random source of the operating system failed.
#[derive(Debug, thiserror::Error)]
#[error("the random source of the operating system failed: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LENGTH: usize = 64;

/// Makes a password of 64 letters and digits with at least one lower case letter, one upper case letter and one digit.
pub fn random_password() -> Result<SecretString, NoRandomness> {
    loop {
        let mut password = String::with_capacity(LENGTH);
        let mut noise = [0u8; 2 * LENGTH];
        getrandom::fill(&mut noise)?;
        // Bytes from 248 on are dropped, so that each of the 62 characters is equally likely.
        let usable = noise.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        password.extend(usable.take(LENGTH));
        let has = |wanted: fn(&char) -> bool| password.chars().any(|c| wanted(&c));
        let complete = password.len() == LENGTH
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_digit);
        if complete {
            return Ok(password.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn passwords_have_64_characters_of_all_kinds_and_differ() {
        let one = random_password().unwrap();
        let text = one.expose_secret();
        assert_eq!(text.len(), 64);
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric()));
        assert!(text.chars().any(|c| c.is_ascii_lowercase()));
        assert!(text.chars().any(|c| c.is_ascii_uppercase()));
        assert!(text.chars().any(|c| c.is_ascii_digit()));
        assert_ne!(text, random_password().unwrap().expose_secret());
    }

    #[test]
    fn credentials_print_without_the_password() {
        let login = Login::context_admin(ContextId(10), Credentials::new("oxadmin", "ctx-secret"));
        let printed = format!("{login:?} {:?}", Master::new(login.credentials.clone()));
        assert!(printed.contains("oxadmin") && !printed.contains("ctx-secret"));
    }

    #[test]
    fn a_replaced_master_is_used_at_once() {
        let master = Master::new(Credentials::new("oxadminmaster", "old"));
        master.replace(Credentials::new("oxadminmaster", "new"));
        assert_eq!(master.login().credentials.password.expose_secret(), "new");
    }
}
