//! The SOAP client against recordings of a real server, schema files, and a server that misbehaves on demand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers as well"
)]

#[path = "soap_client/connection.rs"]
mod connection;
#[path = "soap_client/execute.rs"]
mod execute;
#[path = "soap_client/recordings.rs"]
mod recordings;
#[path = "soap_client/round_trip.rs"]
mod round_trip;
#[path = "soap_client/samples.rs"]
mod samples;
#[path = "soap_client/schema.rs"]
mod schema;
#[path = "soap_client/services.rs"]
mod services;
#[path = "soap_client/wire.rs"]
mod wire;
