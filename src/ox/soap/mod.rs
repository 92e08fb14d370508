//! The SOAP client of the OX provisioning services.
//!
//! Each SOAP operation is a small value ([`Operation`]) that [`Client::call`] sends and whose answer it reads:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use oxherd::ox::model::ContextId;
//! use oxherd::ox::soap::{Client, Credentials, Login, Settings, user};
//!
//! let client = Client::new(&Settings::new("https://ox.example.org"))?;
//! let context = ContextId(10);
//! let login = Login::context_admin(context, Credentials::new("oxadmin", "secret"));
//! let anna = client.call(&user::GetData { context, user: user::Key::Name("anna") }, &login).await?;
//! # Ok(())
//! # }
//! ```
//!
//! No interface description is read at run time, children are written in schema order, and answers are read by namespace
//! and local name. What a failure means is decided in one table ([`OxFault`]).

mod client;
mod credentials;
mod envelope;
mod fault;
mod features;
mod mask;
mod operation;
mod reader;
mod rules;
mod user_data;

pub mod context;
pub mod deputy;
pub mod group;
pub mod resource;
pub mod secondary_account;
pub mod shared_account;
pub mod user;
pub mod user_copy;
pub mod util;

pub use crate::transport::Trust;
pub use client::{Client, Settings, SettingsError};
pub use credentials::{Credentials, Login, Master, NoRandomness, Who, random_password};
pub use envelope::{Envelope, Ns, Problem, Refusal};
pub use fault::{Category, Origin, OxFault};
pub use features::{Feature, Features};
pub use operation::{Kind, Operation, Service, encode};
pub use reader::{Answer, Body, Element, Reader, SoapFault, Space, Unreadable};

/// What the HTTP answer to an operation means, as [`Client::call`] sees it.
pub fn decode<O: Operation>(operation: &O, login: &Login, status: u16, body: &str) -> Result<O::Answer, OxFault> {
    let origin = Origin::new(operation, login);
    client::decode(operation, &origin, &client::Reply { status, body: body.as_bytes().to_vec() })
}
