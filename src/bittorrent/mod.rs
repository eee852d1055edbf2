//! The vocabulary of the tracker protocol: what a client says and what it is told.
//!
//! Plain data without behaviour worth naming, from the standard library alone. How these things
//! look on a wire is in [`protocol`](crate::protocol); what is done with them in
//! [`tracker`](crate::tracker).

mod announce;
mod identity;
mod reply;

pub use announce::{Announce, Event};
pub use identity::{InfoHash, PeerId};
pub use reply::{AnnounceReply, Counts, Failure, PeerList};
