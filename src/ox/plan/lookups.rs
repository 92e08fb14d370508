//! Collects what planning has to know of other objects, so that one round to the store answers all.

use super::{ContextId, Handle, Known, Planned, Step, Stop, UserFace, handles};
use crate::ox::model::UserId;
use crate::state::Found;
use crate::udm::{Dn, ObjectId, ObjectType, Properties};

/// Collects questions to the store. What the methods answer counts only after [`Lookups::finish`] let it pass.
pub(super) struct Lookups<'a> {
    known: &'a Known,
    faces: Vec<Handle>,
    properties: Vec<ObjectId>,
    referrers: Vec<Handle>,
}

impl<'a> Lookups<'a> {
    pub(super) fn new(known: &'a Known) -> Self {
        Self { known, faces: Vec::new(), properties: Vec::new(), referrers: Vec::new() }
    }

    /// The object behind a handle.
    pub(super) fn face(&mut self, handle: Handle) -> Option<&'a Found> {
        let found = self.known.face(&handle);
        if found.is_none() {
            self.faces.push(handle);
        }
        found.flatten()
    }

    /// The OX user with this distinguished name. None also if it has no user in OX (yet).
    pub(super) fn user(&mut self, dn: &Dn) -> Option<(&'a ObjectId, UserFace)> {
        let found = self.face(Handle::dn(dn)).filter(|found| found.kind == ObjectType::User)?;
        Some((&found.object, UserFace::read(&found.face)?))
    }

    /// Whether a user that we recorded is still in OX. OX drops deleted users from everything by itself.
    pub(super) fn exists(&mut self, context: ContextId, user: UserId) -> bool {
        self.face(handles::user(context, user)).is_some()
    }

    /// The stored properties of an object.
    pub(super) fn properties(&mut self, object: &ObjectId) -> Option<&'a Properties> {
        let found = self.known.properties(object);
        if found.is_none() {
            self.properties.push(object.clone());
        }
        found
    }

    /// The objects that refer to a handle.
    pub(super) fn referrers(&mut self, handle: Handle) -> &'a [Found] {
        let found = self.known.referrers(&handle);
        if found.is_none() {
            self.referrers.push(handle);
        }
        found.unwrap_or_default()
    }

    /// Stops planning if something is not known yet.
    pub(super) fn finish(self) -> Planned<()> {
        let Self { known: _, faces, properties, referrers } = self;
        if faces.is_empty() && properties.is_empty() && referrers.is_empty() {
            return Ok(());
        }
        Err(Stop::Step(Box::new(Step::Lookup { faces, properties, referrers })))
    }
}
