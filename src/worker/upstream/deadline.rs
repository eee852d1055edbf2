//! The time that a fetch has.

use crate::job::FetchError;
use crate::worker::now;
use std::time::{Duration, Instant};

/// An end that several blocking calls share.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// In so many milliseconds.
    pub fn after(milliseconds: u64) -> Deadline {
        Deadline(now() + Duration::from_millis(milliseconds))
    }

    /// This or the end of so much time, whichever is sooner.
    pub fn or_after(self, time: Duration) -> Deadline {
        Deadline(self.0.min(now() + time))
    }

    /// The time until then, which is more than none, or an error.
    pub fn left(self) -> Result<Duration, FetchError> {
        let left = self.0.saturating_duration_since(now());
        // Sockets take no time at all for no time-out.
        (!left.is_zero()).then_some(left).ok_or(FetchError::Timeout)
    }
}
