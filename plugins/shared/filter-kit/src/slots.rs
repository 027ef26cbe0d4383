//! A bounded number of places, each given back by itself.

use std::{cell::Cell, rc::Rc};

/// The places.
#[derive(Debug, Default)]
pub(crate) struct Slots(Rc<Cell<usize>>);

/// One of them, taken until this ends.
#[derive(Debug)]
pub(crate) struct Slot(Rc<Cell<usize>>);

impl Slots {
    /// A place, if fewer than `most` are taken.
    pub(crate) fn take(&self, most: usize) -> Option<Slot> {
        let taken = self.0.get();
        (taken < most).then(|| {
            self.0.set(taken.saturating_add(1));
            Slot(Rc::clone(&self.0))
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let slots = Slots::default();
        let (first, second) = (slots.take(2), slots.take(2));
        assert!(first.is_some() && second.is_some() && slots.take(2).is_none());
        drop(first);
        assert!(slots.take(2).is_some(), "and given back at once");
        assert!(slots.take(2).is_some());
    }
}
