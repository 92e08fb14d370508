//! The client of the UDM REST API (`udm-rest.md`; its rules for clients are in section 22).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use oxherd::transport::Credentials;
//! use oxherd::udm::ObjectType;
//! use oxherd::udm::rest::{Filter, Query, Settings, UdmClient};
//!
//! let settings = Settings::new("https://portal.example.org/univention/udm/");
//! let client = UdmClient::new(&settings, Credentials::new("Administrator", "secret"))?;
//! let mut users = client.list(&Query::new(ObjectType::User, Filter::identified())).await?;
//! while let Some(user) = users.next().await? {
//!     let event = user.present()?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Lists are read while they arrive. Addresses are built from the configured one, never from links in answers: behind a proxy
//! these may lead elsewhere. Pages of the server are not used: with several workers they fail at random.

mod client;
mod elements;
mod error;
mod filter;
mod listing;
mod look_up;
mod query;
mod write;

pub use client::{Settings, SettingsError, UdmClient};
pub use error::{Category, Class, Subject, UdmError};
pub use filter::Filter;
pub use listing::Listing;
pub use look_up::Read;
pub use query::{Fields, Query};
pub use write::{Condition, Created, NewObject, Written};
