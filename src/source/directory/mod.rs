//! The directory itself as a source: objects as they are now, in bulk or one by one, read from the UDM REST API.
//!
//! A [`Survey`] passes through all of it: the first load and each resync. A [`CatchUp`] looks regularly for what a stream of events
//! has lost. `look.rs` fetches one object. All compare with what is known and journal only what differs; what the directory does
//! not have any more becomes an ordinary deletion, which has to pass the deletion guard like any other.
//!
//! A list may be older than an event that came meanwhile. The journal decides that in the transaction in which it takes the
//! object: what came after the list was asked for wins.

mod catch_up;
mod look;
mod pass;
mod position;
mod scope;
mod slice;

use crate::state::StateError;
use crate::udm::rest::{Fields, UdmClient, UdmError};
use crate::udm::{Event, ObjectId, ObjectType};

use super::{Directory, LookUpError};

pub use catch_up::{CatchUp, Caught};
pub use look::{Identity, Looked};
pub use pass::Survey;
pub use position::{Found, Place, Position, Progress};
pub use scope::{Deletions, Parts, Scope};
pub use slice::Slice;

/// Who asked, for events that were taken from the directory itself.
pub const ORIGINS: &[&str] = &[RESYNC, FIRST_LOAD, CATCH_UP, PROVISION, FRESH_RETRY];
/// An administrator had the directory listed.
pub const RESYNC: &str = "resync";
/// The directory was listed since nothing was known of it.
pub const FIRST_LOAD: &str = "first load";
/// A regular look found what the stream had lost.
pub const CATCH_UP: &str = "catch-up";
/// An administrator had one object looked up.
pub const PROVISION: &str = "provision";
/// An administrator had parked objects tried again as they are now.
pub const FRESH_RETRY: &str = "fresh retry";

/// What of an object matters to the one who plans.
pub trait Needs: Send + Sync {
    /// Keeps only the properties that planning needs.
    fn reduce(&self, event: Event) -> Event;

    /// What planning follows now, in short.
    fn revision(&self) -> String;
}

/// The directory could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It did not answer as it should.
    #[error(transparent)]
    Udm(#[from] UdmError),
    /// What is known cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Directory for UdmClient {
    async fn object(&self, kind: ObjectType, id: &ObjectId) -> Result<Option<Event>, LookUpError> {
        let found = self.by_identifier(kind, id, &Fields::All).await.map_err(LookUpError::new)?;
        found.map(|object| object.present().map_err(LookUpError::new)).transpose()
    }
}
