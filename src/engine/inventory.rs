//! What verification asks of a target system: to be read in bulk.

use std::fmt::{Debug, Display};
use std::future::Future;

use crate::state::Handle;
use crate::udm::ObjectType;

use super::target::Target;

/// How much of its objects a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All.
    Whole,
    /// A part: other sections hold others, for instance of a group with members in several tenants.
    Part,
}

/// A target that can be read in bulk, section by section: for instance the users of one tenant.
///
/// What the target holds is found by a *key* in its section; a recorded object has a handle for each key that it holds.
pub trait Inventory: Target {
    /// A part of the target that is read as a whole.
    type Section: Clone + Debug + Display + Send + Sync;
    /// What identifies an item in its section. Small: all keys of a section are in memory at the same time.
    type Key: Clone + Ord + Debug + Display + Send + Sync;
    /// What was read of a section at once.
    type Listing: Send + Sync;
    /// What the target holds under a key.
    type Item: Send + Sync;

    /// The sections to begin with.
    fn sections(&self) -> Vec<Self::Section>;

    /// The sections within what we hold under a key, in the order in which they have to be repaired.
    fn sections_within(&self, section: &Self::Section, key: &Self::Key) -> Vec<Self::Section>;

    /// The type of objects that a section holds.
    fn kind(&self, section: &Self::Section) -> ObjectType;

    /// How much of its objects the section holds.
    fn extent(&self, section: &Self::Section) -> Extent;

    /// What the handles of the recorded objects of a section begin with. The rest is the key.
    fn prefix(&self, section: &Self::Section) -> Handle;

    /// The key in a handle of the section.
    fn key(&self, section: &Self::Section, handle: &Handle) -> Option<Self::Key>;

    /// All keys of a section, without those of things that the target makes for itself. A section that does not exist (any
    /// more) is empty.
    fn list(
        &self,
        section: &Self::Section,
    ) -> impl Future<Output = Result<(Vec<Self::Key>, Self::Listing), Self::Fault>> + Send;

    /// What the target holds under keys. Items that went away meanwhile are left out.
    fn read(
        &self,
        section: &Self::Section,
        listing: &Self::Listing,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<Vec<(Self::Key, Self::Item)>, Self::Fault>> + Send;

    /// Whether what is under a recorded key is still the recorded thing and not another one that got its key, as happens
    /// when an old backup is restored.
    fn is_same(&self, section: &Self::Section, key: &Self::Key, state: &Self::State, item: &Self::Item) -> bool;

    /// The names under which an object would own this item; the handle or claim of it that says most first.
    fn names(&self, section: &Self::Section, item: &Self::Item) -> Vec<Handle>;

    /// A recorded state, corrected by what the target really holds under one of its keys; `None`: nothing.
    fn corrected(
        &self,
        section: &Self::Section,
        state: &Self::State,
        key: &Self::Key,
        item: Option<&Self::Item>,
    ) -> Self::State;

    /// A state without anything under its former key, with an item under another key taken over.
    fn taken_over(
        &self,
        section: &Self::Section,
        state: &Self::State,
        key: &Self::Key,
        item: &Self::Item,
    ) -> Self::State;
}
