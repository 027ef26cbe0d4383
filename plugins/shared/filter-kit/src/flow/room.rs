//! The room that calls take up while they wait for a service: without a bound, one user with many large calls at a time
//! could fill a worker's memory, and stop it for everybody.

use std::{cell::Cell, rc::Rc};

/// What all that wait may take in a worker, in bytes: a quarter of what a small VM has.
const MOST: usize = 64 * 1024 * 1024;

/// What waits without being counted: nobody who fills the room with large calls stops the usual ones of others.
const SMALL: usize = 4 * 1024;

/// What is taken of it.
#[derive(Debug, Default)]
pub(super) struct Room(Rc<Cell<usize>>);

/// A share of it, given back when this ends.
#[derive(Debug)]
pub(super) struct Share {
    taken: Rc<Cell<usize>>,
    bytes: usize,
}

impl Room {
    /// `None`: there is no room. Who takes little, or is alone, has it in any case: its body was small enough to be read.
    pub(super) fn take(&self, bytes: usize) -> Option<Share> {
        let bytes = if bytes <= SMALL { 0 } else { bytes };
        let before = self.0.get();
        let after = before.saturating_add(bytes);
        (after <= MOST || before == 0 || bytes == 0).then(|| {
            self.0.set(after);
            Share { taken: Rc::clone(&self.0), bytes }
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.taken.set(self.taken.get().saturating_sub(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_gives_its_room_back() {
        let room = Room::default();
        let first = room.take(MOST - 2 * SMALL).unwrap();
        let second = room.take(2 * SMALL).unwrap();
        assert!(room.take(2 * SMALL).is_none());
        drop(second);
        assert!(room.take(2 * SMALL + 1).is_none() && room.take(2 * SMALL).is_some());
        drop(first);
        let alone = room.take(usize::MAX).unwrap();
        assert!(room.take(SMALL + 1).is_none());
        drop(alone);
        assert!(room.take(MOST).is_some());
    }

    #[test]
    fn who_fills_the_room_does_not_stop_the_small_calls_of_others() {
        let room = Room::default();
        let _all = room.take(MOST).unwrap();
        let small: Vec<Share> = (0..1000).map(|_| room.take(SMALL).unwrap()).collect();
        assert!(room.take(SMALL + 1).is_none());
        drop(small);
        assert_eq!(room.0.get(), MOST);
    }
}
