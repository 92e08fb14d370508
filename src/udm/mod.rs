//! The directory model: what a Univention directory sends us, independent of where it goes.

mod dn;
mod event;
mod object;
mod properties;
mod representation;
pub mod rest;

pub use dn::{Dn, DnError, Rdn};
pub use event::{Change, Event};
pub use object::{ObjectId, ObjectType, UnknownObjectType};
pub use properties::{Properties, PropertyError};
pub use representation::{IDENTIFIER, Representation, RepresentationError};
