//! Whether something that OX already has is taken over: the adopt policy and the intentions that make it safe.
//!
//! Under [`Adopt::ByName`] the name decides, and a create whose answer was lost is recognised by it. Otherwise oxherd first
//! makes sure that the name is free and notes durably that it is about to create something under it: what it finds there
//! later is its own.

use super::{Planned, Query, Scope, Step, Stop, ask, conflict};
use crate::ox::model::Fact;
use crate::ox::settings::Adopt;
use crate::state::Handle;

/// Whether a thing has the number that is recorded for its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It has.
    Yes,
    /// It has another one, or none is recorded.
    No,
}

impl From<bool> for Recorded {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Scope<'_> {
    /// Refuses the object unless the thing that OX has under this name, and that belongs to no other object, may be taken
    /// over. `property` is what names the object.
    pub(super) fn may_adopt(self, name: &Handle, recorded: Recorded, property: &str) -> Planned<()> {
        let policy = match (self.settings.adopt, recorded) {
            (Adopt::ByName, _) | (Adopt::ById, Recorded::Yes) => return Ok(()),
            (Adopt::ById, Recorded::No) => "MatchById",
            (Adopt::Never, _) => "Never",
        };
        if self.intended(name)? {
            return Ok(());
        }
        let message = format!(
            "OX already has something under the name of this object that oxherd did not make, and \
             spec.policies.adoptPolicy is {policy}: change property '{property}', remove the other one in OX, or set \
             adoptPolicy to MatchByName to take it over"
        );
        Err(conflict(message, Vec::new()).into())
    }

    /// Makes sure that what is created under a name can be recognised later. `question` asks whether the name is free; its
    /// answer was looked at before if there is one.
    pub(super) fn prepare(self, name: Handle, question: Query) -> Planned<()> {
        if self.settings.adopt == Adopt::ByName || self.intended(&name)? {
            return Ok(());
        }
        if self.facts().any(|fact| answers(fact, &question)) {
            return Err(Stop::Step(Box::new(Step::Intend(name))));
        }
        Err(ask(question))
    }

    fn intended(self, name: &Handle) -> Result<bool, Stop> {
        match self.input.known.intentions() {
            Some(names) => Ok(names.contains(name)),
            None => Err(Stop::Step(Box::new(Step::Recall))),
        }
    }
}

fn answers(fact: &Fact, question: &Query) -> bool {
    match (question, fact) {
        (Query::Context { context }, Fact::Context { context: c, .. }) => context == c,
        (Query::UserNamed { context, name }, Fact::UserNamed { context: c, name: n, .. })
        | (Query::GroupNamed { context, name }, Fact::GroupNamed { context: c, name: n, .. })
        | (Query::ResourceNamed { context, name }, Fact::ResourceNamed { context: c, name: n, .. })
        | (Query::SharedNamed { context, name }, Fact::SharedNamed { context: c, name: n, .. }) => {
            (context, name) == (c, n)
        }
        _ => false,
    }
}
