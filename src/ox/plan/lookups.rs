//! Collects what planning has to know of other objects, so that one round to the store answers all.

use super::{ContextId, Handle, Known, Planned, Step, Stop, UserFace, handles};
use crate::ox::model::UserId;
use crate::ox::state::Names;
use crate::state::Found;
use crate::udm::{Dn, ObjectId, ObjectType, Properties};

/// A member of a list.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    /// Which name of the list.
    pub(super) position: usize,
    pub(super) context: ContextId,
    pub(super) user: UserId,
    /// The object that the name leads to; none if it leads nowhere any more.
    pub(super) source: Option<&'a ObjectId>,
}

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

    /// Where the members of a list are in OX. Members that are not there (yet) are left out; one that had its name changed a
    /// moment ago is known by what the name led to before.
    pub(super) fn members(&mut self, list: &[Dn], names: &Names) -> Vec<Member<'a>> {
        let mut members = Vec::with_capacity(list.len());
        for (position, dn) in list.iter().enumerate() {
            let (at, source) = match (self.face(Handle::dn(dn)), names.get(dn)) {
                (Some(found), _) if found.kind == ObjectType::User => match UserFace::read(&found.face) {
                    Some(face) => ((face.context, face.id), Some(&found.object)),
                    None => continue,
                },
                (None, Some((context, user))) if self.exists(context, user) => ((context, user), None),
                _ => continue,
            };
            members.push(Member { position, context: at.0, user: at.1, source });
        }
        members
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
