//! Random choices that are the same in every run.

/// Rolls the same sequence for the same seed, so that a failure can be repeated.
#[derive(Debug)]
pub struct Dice(fastrand::Rng);

impl Dice {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number below `sides`.
    ///
    /// # Panics
    /// If that is 0.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0.usize(..sides)
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }

    /// Fewer than `most` bytes.
    ///
    /// # Panics
    /// If that is 0.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.roll(most)).map(|_| self.0.u8(..)).collect()
    }
}
