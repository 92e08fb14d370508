//! Looking at one object.

use crate::state::{Compared, Mark, NewTask, Seq, Store, Task};
use crate::udm::rest::{Class, Fields, Filter, Query};
use crate::udm::{Change, Dn, Event, ObjectId, ObjectType, Representation};

use super::pass::Survey;
use super::{DirectoryError, Needs};

/// Which object is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its identifier.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Its distinguished name, as it is known: that of its deletion.
    pub dn: Dn,
}

/// How the directory has an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Looked {
    /// It has it like this.
    Present(Event),
    /// It does not have it.
    Gone(Event),
    /// It has it and cannot say how it is: no identifier, or a name that is none. The text says why.
    Unusable(String),
}

impl Looked {
    /// What this means for whoever provisions the object.
    pub fn event(self) -> Result<Event, String> {
        match self {
            Self::Present(event) | Self::Gone(event) => Ok(event),
            Self::Unusable(reason) => Err(reason),
        }
    }
}

impl<N: Needs, S: Store> Survey<'_, N, S> {
    /// How a known object is now.
    pub async fn look(&self, whom: &Identity) -> Result<Looked, DirectoryError> {
        let Identity { object, kind, dn } = whom;
        if let Some(found) = self.client.by_identifier(*kind, object, &Fields::All).await? {
            return Ok(self.seen(found));
        }
        if self.client.having(*kind, std::slice::from_ref(object)).await? > 0 {
            let reason = "the directory knows it under another identifier only: it came from a source that took entryUUID as identifier";
            return Ok(Looked::Unusable(reason.to_owned()));
        }
        let (object, kind, dn) = (object.clone(), *kind, dn.clone());
        Ok(Looked::Gone(Event { object, kind, dn, change: Change::Deleted }))
    }

    /// The objects of these types that a person means by an identifier, a name, a mail address or a distinguished name.
    pub async fn find(
        &self,
        kinds: impl Iterator<Item = ObjectType>,
        text: &str,
    ) -> Result<Vec<Looked>, DirectoryError> {
        let types = self.client.types().await?;
        let is = |name| Filter::Is(name, text.to_owned());
        let names = || Filter::Any(["uid", "cn", "mailPrimaryAddress", crate::udm::IDENTIFIER].map(is).into());
        let mut found = Vec::new();
        for kind in kinds.filter(|kind| types.contains(kind)) {
            if text.contains('=') {
                // The identifier of an object counts only when it was searched for.
                let read = match self.client.by_dn(kind, text, &Fields::All).await {
                    // An object of another type.
                    Err(error) if error.class() == Class::Request => None,
                    other => other?,
                };
                if let Some(id) = read.and_then(|read| read.object.identifier()) {
                    let object = self.client.by_identifier(kind, &id, &Fields::All).await?;
                    found.extend(object.map(|object| self.seen(object)));
                }
            } else {
                let query = Query::new(kind, Filter::identified().and(names()));
                found.extend(self.client.list(&query).await?.collect().await?.into_iter().map(|one| self.seen(one)));
            }
        }
        Ok(found)
    }

    /// Compares one object with what is known, and journals it if it differs.
    pub async fn resync(&self, whom: &Identity) -> Result<(Looked, Compared), DirectoryError> {
        let mark = self.mark().await?;
        let looked = self.look(whom).await?;
        let event = match &looked {
            Looked::Present(event) | Looked::Gone(event) => event.clone(),
            Looked::Unusable(_) => return Ok((looked, Compared::default())),
        };
        let task = NewTask { task: Task::Event(event), origin: self.origin.to_owned() };
        let compared = self.store.compare(&[task], mark, &self.needs.revision(), self.origin, |_| None).await?;
        Ok((looked, compared))
    }

    /// Journals how an object is, whether or not it was known like this. Returns its position.
    pub async fn journal(&self, event: Event) -> Result<Seq, DirectoryError> {
        let task = NewTask { task: Task::Event(event), origin: self.origin.to_owned() };
        Ok(self.store.append(&[task], None).await?)
    }

    /// Where journal and audit trail are, before a look at the directory.
    pub(super) async fn mark(&self) -> Result<Mark, DirectoryError> {
        Ok(self.store.mark().await?)
    }

    fn seen(&self, object: Representation) -> Looked {
        match object.present() {
            Ok(event) => Looked::Present(self.needs.reduce(event)),
            Err(reason) => Looked::Unusable(reason.to_string()),
        }
    }
}
