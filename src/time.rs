//! The daemon's own time: monotonic, handed to the core as an argument.
//!
//! Seconds in 32 bits are enough for what a peer remembers; the loop's deadlines want
//! milliseconds. Both count from [`START`], so that times before the start (peers that the
//! database remembers) have a place as well.

/// Where a new daemon's time begins, in seconds: some four years that lie before the start can be
/// told.
pub const START: u32 = 1 << 27;

/// A point in time, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u32);

impl Timestamp {
    /// Seconds from `earlier` until now; 0 if that lies in the future.
    pub fn since(self, earlier: Timestamp) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A point in time, in milliseconds: what one turn of the loop takes for the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(pub u64);

impl Now {
    /// The present of a daemon that has run for this many milliseconds.
    pub fn after_start(milliseconds: u64) -> Now {
        Now(u64::from(START) * 1000 + milliseconds)
    }

    /// The same in whole seconds; it lasts for 132 years and then stands still.
    pub fn timestamp(self) -> Timestamp {
        Timestamp(u32::try_from(self.0 / 1000).unwrap_or(u32::MAX))
    }

    /// The point this many milliseconds later.
    pub fn plus(self, milliseconds: u64) -> Now {
        Now(self.0.saturating_add(milliseconds))
    }
}
