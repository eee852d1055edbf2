//! What a client says when it announces.

use super::{InfoHash, PeerId};

/// One announce (BEP 3), as far as a tracker is interested. Where the announce comes from is not
/// part of it: what clients say of their own address is never believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announce {
    /// Which swarm.
    pub info_hash: InfoHash,
    /// Who.
    pub peer_id: PeerId,
    /// Where the client accepts connections; `None` if it said nothing usable.
    pub port: Option<u16>,
    /// Has the whole content (`left` is 0).
    pub seeder: bool,
    /// What has just happened.
    pub event: Event,
    /// How many peers are wanted of each address family; `None` leaves it to the tracker.
    pub numwant: Option<u32>,
    /// Peers as 6 or 18 bytes each (BEP 23, BEP 7) instead of dictionaries.
    pub compact: bool,
    /// Dictionaries may leave out the peer id.
    pub no_peer_id: bool,
}

/// The `event` of an announce (BEP 3; BEP 21 for `paused`, which, like any unknown one, changes
/// nothing and is [`Event::None`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Event {
    /// A regular announce.
    #[default]
    None,
    /// The first of a session.
    Started,
    /// The download has just finished.
    Completed,
    /// The client leaves the swarm.
    Stopped,
}
