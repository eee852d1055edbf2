//! The scrape of everything: all swarms are gone through in pieces, a worker sorts and writes
//! what was found, and all who ask within a minute share one result.

use crate::bittorrent::{Counts, InfoHash};
use crate::job::Ticket;
use crate::swarm::Swarms;
use crate::time::Now;
use std::sync::Arc;

/// How long a result is given out, in milliseconds.
const FRESH: u64 = 60_000;

/// What somebody gets who asks for everything.
#[derive(Clone, Debug)]
pub enum FullScrape {
    /// The answer's body.
    Now(Arc<[u8]>),
    /// It will come to the ticket.
    Later,
}

#[derive(Debug, Default)]
pub(super) struct Census {
    state: State,
    waiting: Vec<Ticket>,
    result: Option<(Arc<[u8]>, Now)>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Resting,
    /// Swarms below this place have not been counted yet.
    Counting(usize, Vec<(InfoHash, Counts)>),
    /// A worker has what was counted.
    Writing,
}

impl Census {
    pub fn ask(&mut self, ticket: Ticket, swarms: usize, now: Now) -> FullScrape {
        if let Some((body, made)) = &self.result
            && now < made.plus(FRESH)
        {
            return FullScrape::Now(body.clone());
        }
        self.waiting.push(ticket);
        if let State::Resting = self.state {
            self.state = State::Counting(swarms, Vec::with_capacity(swarms));
        }
        FullScrape::Later
    }

    pub fn is_counting(&self) -> bool {
        matches!(self.state, State::Counting(..))
    }

    /// Counts the next `piece` swarms, from the last to the first: a swarm that ends meanwhile is
    /// replaced by the last one, which may be found twice, but is not lost.
    pub fn count(&mut self, swarms: &Swarms, piece: usize) -> Option<Vec<(InfoHash, Counts)>> {
        let State::Counting(left, files) = &mut self.state else {
            return None;
        };
        *left = swarms.len().min(*left);
        let end = left.saturating_sub(piece);
        files.extend((end..*left).map(|place| {
            let swarm = swarms.at(place);
            (swarm.info_hash(), swarm.counts())
        }));
        *left = end;
        if end > 0 {
            return None;
        }
        let files = std::mem::take(files);
        self.state = State::Writing;
        Some(files)
    }

    /// Takes the result and returns who has waited for it.
    pub fn finish(&mut self, body: Arc<[u8]>, now: Now) -> Vec<Ticket> {
        self.state = State::Resting;
        self.result = Some((body, now));
        std::mem::take(&mut self.waiting)
    }
}
