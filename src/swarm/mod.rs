//! What the tracker remembers: swarms, their peers, and the order in which peers are handed out.
//!
//! Plain data and arithmetic: no HTTP, no SQL, no sockets, and time and randomness come in as
//! arguments. The layers, from the inside:
//!
//! - [`Address`] is what a swarm wants to know of an IPv4 or IPv6 address;
//! - `index` finds keys in a dense vector, for peers and for swarms alike;
//! - [`Peers`] are those of one address family in one swarm, segmented by [`Class`];
//! - `ranges` are networks laid flat, in which the one that an address is in is found at once;
//! - [`PeerGroups`] say which address belongs to which group and who comes first;
//! - [`Selection`] chooses whom an asker is given;
//! - [`Swarms`] is the map of it all, with its limits and its sweep.
//!
//! Nothing here ever does much at once: tables grow in small steps and the sweep that looks for
//! expired peers, or puts peers into new groups after a reload, works in pieces.

mod address;
mod busiest;
mod changes;
mod choice;
mod comparison;
mod foresight;
mod groups;
mod index;
mod invariants;
mod marks;
mod one_swarm;
mod peer;
mod peers;
mod ranges;
mod scattered;
mod selection;
mod swarms;
mod sweep;
mod table;

pub use address::{Address, HashKeys};
pub use changes::Collection;
pub use choice::{Choice, Run};
pub use groups::{GroupDefinition, GroupId, GroupNames, OTHER, OTHER_NAME, PeerGroups, Priority};
pub use marks::{Mark, Marks, Stamp};
pub use one_swarm::{Family, Swarm};
pub use peer::{Class, Peer};
pub use peers::Peers;
pub use selection::{Asker, Liveness, Selection, Table, Wanted};
pub use swarms::{Arrival, Rules, Swarms, Totals};
