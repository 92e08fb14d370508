//! Messages that may be older than what is known already, and what to do with them.

use crate::source::{Directory, Sink};
use crate::udm::Event;

use super::clock::Clock;
use super::consumer::NubusError;
use super::message::{Content, Publisher};
use super::position::Place;

/// Why a message may be outdated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// A copy of the prefill of an object of which a change came already: the copy was read at an unknown time.
    KnownLive,
    /// The directory itself was looked at, and brought the object, since the message may have been written.
    BeforeLook,
    /// Numbers went back: it begins a new life of the subscription, or a crash of the queue brought it back.
    CameBack,
}

/// What becomes of a message.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    /// It is taken as it is.
    Take(Event),
    /// The object is taken as the directory has it now.
    TakeFresh(Event),
    /// It is left out: something newer is known, or will come.
    Leave,
}

/// Looks for a reason to doubt. `life` begins the origins of live messages in this life of the subscription.
pub(super) async fn doubt<S: Sink>(
    content: &Content,
    place: Place,
    life: &str,
    clock: Clock,
    sink: &S,
) -> Result<Option<Doubt>, NubusError> {
    let object = &content.event.object;
    Ok(if content.publisher == Publisher::Prefill && sink.came_from(object, life).await? {
        Some(Doubt::KnownLive)
    } else if place == Place::Back {
        Some(Doubt::CameBack)
    } else if sink.is_newer_known(object, clock.earliest(content.written)).await? {
        Some(Doubt::BeforeLook)
    } else {
        None
    })
}

/// Decides about a message. The directory knows best; without it a copy never takes the place of what is known live.
pub(super) async fn decide<D: Directory>(
    event: Event,
    doubt: Option<Doubt>,
    directory: Option<&D>,
) -> Result<Decision, NubusError> {
    let Some(doubt) = doubt else { return Ok(Decision::Take(event)) };
    let Some(directory) = directory else {
        return Ok(if doubt == Doubt::KnownLive { Decision::Leave } else { Decision::Take(event) });
    };
    Ok(match directory.object(event.kind, &event.object).await {
        Ok(Some(fresh)) => Decision::TakeFresh(fresh),
        // The removal of an object that is gone is no doubtful one.
        Ok(None) if event.desired().is_none() => Decision::Take(event),
        // Its removal comes with the stream, or is noticed when the directory is listed.
        Ok(None) => Decision::Leave,
        Err(_) if doubt == Doubt::KnownLive => Decision::Leave,
        Err(error) => return Err(error.into()),
    })
}
