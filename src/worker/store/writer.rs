//! Writing a batch: to a server in one transaction and as few statements as will do, to a file in
//! short pieces.

use super::clock::Clock;
use super::fault::{StoreError, Trouble};
use super::session::Session;
use super::sql::{self, DELETED_AT_ONCE, Dialect};
use crate::bittorrent::InfoHash;
use crate::pace::{Pace, give_way};
use crate::record::{Changes, PeerKey};
use std::net::IpAddr;

/// Keys of rows that are looked at in sorting before others have their turn: peers that are gone may
/// come by the hundred thousand.
const KEYS_AT_ONCE: usize = 4_096;

/// What a [`Store::write`](super::Store::write) has written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Swarms.
    pub swarms: usize,
    /// Peers.
    pub peers: usize,
    /// Rows that the database refuses for what is in them, and which it does not have now.
    pub refused: usize,
    /// The first such refusal.
    pub refusal: Option<StoreError>,
}

/// One way through a batch.
pub(super) struct Writer<'a> {
    pub dialect: Dialect,
    pub clock: &'a Clock,
    /// Rows in a statement; `None` is one, and a refusal is counted and borne.
    pub rows: Option<usize>,
    pub written: Written,
}

impl Writer<'_> {
    pub fn write(
        mut self,
        session: &mut dyn Session,
        changes: &Changes,
    ) -> Result<Written, StoreError> {
        let (dialect, clock) = (self.dialect, self.clock);
        let rows = self.rows.unwrap_or(1);
        // In the order of the tables rows lie beside each other: a page is read and written once.
        let swarms = sorted(&changes.swarms, |swarm| swarm.info_hash);
        let peers = sorted(&changes.peers, |peer| in_order(&peer.key));
        let gone_peers = sorted(&changes.gone_peers, in_order);
        session.execute("BEGIN")?;
        for swarms in changes.gone_swarms.chunks(rows) {
            let peers = sql::delete_peers_of(dialect, swarms);
            while session.execute(&peers)? >= DELETED_AT_ONCE {}
            session.execute(&sql::delete_swarms(swarms))?;
            rest(session)?;
        }
        for peers in gone_peers.chunks(rows) {
            session.delete_peers(peers)?;
            rest(session)?;
        }
        for swarms in swarms.chunks(rows) {
            if self.is_written(session.write_swarms(swarms, clock))? {
                self.written.swarms += swarms.len();
            }
            rest(session)?;
        }
        for peers in peers.chunks(rows) {
            if self.is_written(session.write_peers(peers, clock))? {
                self.written.peers += peers.len();
            }
            rest(session)?;
        }
        session.execute("COMMIT")?;
        Ok(self.written)
    }

    /// Whether rows were written: a refusal is counted and borne where there was only one row.
    fn is_written(&mut self, result: Result<(), StoreError>) -> Result<bool, StoreError> {
        match result {
            Err(error) if error.trouble == Trouble::Refused && self.rows.is_none() => {
                self.written.refused += 1;
                self.written.refusal.get_or_insert(error);
                Ok(false)
            }
            result => result.map(|()| true),
        }
    }
}

/// Ends a piece of a batch, and lets others have their turn.
fn rest(session: &mut dyn Session) -> Result<(), StoreError> {
    session.end_piece()?;
    give_way();
    Ok(())
}

fn sorted<T, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut rows: Vec<_> = rows.iter().collect();
    let mut pace = Pace::every(KEYS_AT_ONCE);
    rows.sort_unstable_by_key(|row| {
        pace.step();
        key(row)
    });
    rows
}

fn in_order(peer: &PeerKey) -> (InfoHash, IpAddr, u16) {
    (peer.info_hash, peer.ip, peer.port)
}
