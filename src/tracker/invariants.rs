//! What always holds between two calls. Looked at after every change in debug builds.

use super::Tracker;

/// Where there is more than that of something, it is not counted: this must cost next to nothing.
pub(super) const FEW: usize = 200;

impl Tracker {
    /// Panics if anything of this has ceased to hold.
    pub(super) fn check_invariants(&self) {
        if cfg!(debug_assertions) {
            self.swarms.check_invariants();
            self.neighbors.check_invariants();
            self.external.check_invariants();
            self.upstreams.check_invariants();
        }
    }
}
