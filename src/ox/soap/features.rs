//! What the OX server can do, found out from its interface descriptions.

use super::client::Client;
use super::fault::OxFault;
use super::operation::Service;

/// Whether the server has a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// It does.
    Present,
    /// It does not: it said so.
    Absent,
}

impl From<bool> for Feature {
    fn from(present: bool) -> Self {
        if present { Self::Present } else { Self::Absent }
    }
}

/// The features that differ between versions and installations of OX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Shared accounts (OX 8.49 and newer).
    pub shared_accounts: Feature,
    /// Deputy permissions (package `open-xchange-deputy`).
    pub deputies: Feature,
    /// User `create` can turn a guest into a user (OX 8.36.36 and newer).
    pub convert_guest: Feature,
    /// Users can be copied between contexts.
    pub user_copy: Feature,
}

impl Client {
    /// Finds out what the server can do.
    ///
    /// A failure is an error to try again, never the absence of a feature: a proxy that answers 503 during a roll-out must
    /// not switch anything off.
    pub async fn features(&self) -> Result<Features, OxFault> {
        let has = async |service| Ok::<_, OxFault>(Feature::from(self.interface(service).await?.is_some()));
        let users = self.interface(Service::User).await?;
        Ok(Features {
            shared_accounts: has(Service::SharedAccount).await?,
            deputies: has(Service::Deputy).await?,
            convert_guest: users.is_some_and(|wsdl| wsdl.contains("convertguest")).into(),
            user_copy: has(Service::UserCopy).await?,
        })
    }
}
