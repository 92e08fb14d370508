//! The directory itself as a source: objects as they are now, one by one or in bulk.

use crate::udm::rest::{Fields, UdmClient};
use crate::udm::{Event, ObjectId, ObjectType};

use super::{Directory, LookUpError};

/// Who asked, for events that were taken from the directory itself.
pub const ORIGINS: &[&str] = &[RESYNC, FIRST_LOAD, CATCH_UP, PROVISION];
/// An administrator had the directory listed.
pub const RESYNC: &str = "resync";
/// The directory was listed since nothing was known of it.
pub const FIRST_LOAD: &str = "first load";
/// A regular look found what the stream had lost.
pub const CATCH_UP: &str = "catch-up";
/// An administrator had one object looked up.
pub const PROVISION: &str = "provision";

impl Directory for UdmClient {
    async fn object(&self, kind: ObjectType, id: &ObjectId) -> Result<Option<Event>, LookUpError> {
        let found = self.by_identifier(kind, id, &Fields::All).await.map_err(LookUpError::new)?;
        found.map(|object| object.present().map_err(LookUpError::new)).transpose()
    }
}
