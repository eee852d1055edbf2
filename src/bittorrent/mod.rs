//! The vocabulary of the tracker protocol: what a client says and what it is told.
//!
//! Plain data from the standard library alone, with no more behaviour than being read from text.
//! How these things look on a wire is in [`protocol`](crate::protocol); what is done with them in
//! [`tracker`](crate::tracker).

mod announce;
mod identity;
mod reach;
mod reply;
mod target;
mod upstream;

pub use announce::{Announce, Event};
pub use identity::{InfoHash, PeerId};
pub use reach::Reach;
pub use reply::{AnnounceReply, Counts, Failure, PeerList};
pub use target::{BadTarget, Scheme, Target};
pub use upstream::{Refusal, UpstreamReply, UpstreamRequest};
