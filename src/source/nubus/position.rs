//! How far the queue was read: the cursor that the sink keeps with the events.
//!
//! Numbers count from 1 within one life of a subscription. When it is deleted and created anew they begin again, and nothing
//! says so but the numbers themselves.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::registration::PrefillStatus;

/// How many messages are recognised when they come again. Only the last one can, unless the queue lost its memory in a crash.
const REMEMBERED: usize = 32;

/// How far a queue was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    /// Which queue: a fingerprint of its address and name.
    queue: String,
    /// The lives of subscriptions that we know of, counted from 1.
    pub(super) life: u32,
    /// The number of the message that was taken last; 0 if none was in this life.
    pub(super) last: u64,
    /// Whether a prefill was seen to be done in this life; one that is not done afterwards belongs to another life.
    #[serde(default)]
    prefilled: bool,
    /// The last messages by their numbers, each with what it looked like.
    recent: VecDeque<(u64, String)>,
}

/// Where a message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It was taken before.
    Before,
    /// It is next.
    Next,
    /// Numbers have gone back: the subscription was created anew, or an old message came back.
    Back,
}

impl Position {
    /// The position in this queue. One in another queue is a new life.
    pub(super) fn read(cursor: Option<&str>, queue: &str) -> Self {
        let mut position: Self = cursor.and_then(|cursor| serde_json::from_str(cursor).ok()).unwrap_or_default();
        if position.queue != queue {
            position.begin_life();
            queue.clone_into(&mut position.queue);
        }
        position
    }

    pub(super) fn cursor(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Where a message with this number and look belongs.
    pub(super) fn place(&self, number: u64, look: &str) -> Place {
        if self.recent.iter().any(|(known, known_look)| *known == number && known_look == look) {
            Place::Before
        } else if number > self.last {
            Place::Next
        } else {
            Place::Back
        }
    }

    /// Goes on to a message.
    pub(super) fn advance(&mut self, number: u64, look: &str) {
        if number <= self.last {
            self.begin_life();
        }
        self.last = number;
        self.recent.push_back((number, look.to_owned()));
        while self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }

    /// Hears how far the prefill is. Only a new subscription has one that is not done.
    pub(super) fn prefill_is(&mut self, status: PrefillStatus) {
        match status {
            PrefillStatus::Done | PrefillStatus::Failed => self.prefilled = true,
            PrefillStatus::Pending | PrefillStatus::Running if self.prefilled => self.begin_life(),
            PrefillStatus::Pending | PrefillStatus::Running => {}
        }
    }

    fn begin_life(&mut self) {
        self.life += 1;
        self.last = 0;
        self.prefilled = false;
        // What was remembered stays: a message of the former life that comes again is still recognised.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(numbers: &[u64]) -> Position {
        let mut position = Position::read(None, "q");
        for number in numbers {
            position.advance(*number, &format!("look {number}"));
        }
        position
    }

    #[test]
    fn a_message_that_comes_again_is_recognised() {
        let position = Position::read(Some(&at(&[1, 2, 5]).cursor()), "q");
        assert_eq!(position.place(5, "look 5"), Place::Before);
        assert_eq!(position.place(2, "look 2"), Place::Before);
        assert_eq!(position.place(6, "look 6"), Place::Next);
        assert_eq!((position.life, position.last), (1, 5));
    }

    #[test]
    fn numbers_that_begin_again_are_a_new_life() {
        let mut position = at(&[1, 2, 5]);
        assert_eq!(position.place(1, "another look"), Place::Back);
        position.advance(1, "another look");
        assert_eq!((position.life, position.last), (2, 1));
        assert_eq!(position.place(2, "another look 2"), Place::Next);
    }

    #[test]
    fn another_queue_is_a_new_life() {
        let position = Position::read(Some(&at(&[1, 2, 5]).cursor()), "other");
        assert_eq!((position.life, position.last), (2, 0));
        assert_eq!(position.place(3, "x"), Place::Next);
    }

    #[test]
    fn a_prefill_begins_a_life_once() {
        let mut position = at(&[1, 2, 5]);
        position.prefill_is(PrefillStatus::Done);
        for status in [PrefillStatus::Pending, PrefillStatus::Running, PrefillStatus::Running, PrefillStatus::Done] {
            position.prefill_is(status);
        }
        assert_eq!((position.life, position.last), (2, 0));
        position.advance(7, "first of the second attempt");
        assert_eq!(position.life, 2);
    }

    #[test]
    fn a_message_before_the_prefill_is_done_belongs_to_the_same_life() {
        let mut position = at(&[1, 2, 5]);
        position.prefill_is(PrefillStatus::Done);
        position.advance(1, "handed out although the prefill is pending");
        for status in [PrefillStatus::Pending, PrefillStatus::Running, PrefillStatus::Done] {
            position.prefill_is(status);
        }
        assert_eq!((position.life, position.last), (2, 1));
    }

    #[test]
    fn a_cursor_does_not_grow() {
        let numbers: Vec<_> = (1..1000).collect();
        let position = at(&numbers);
        assert_eq!(position.recent.len(), REMEMBERED);
    }
}
