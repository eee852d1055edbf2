//! What somebody wants to know of all swarms (a scrape of everything, the hash list): they are
//! gone through in pieces, a worker sorts and writes what was found, and all who ask meanwhile or
//! soon after share one result.

use crate::job::Ticket;
use crate::swarm::{Swarm, Swarms};
use crate::time::Now;

/// What took up to so many milliseconds to make is made again for whoever asks next; what took
/// longer is given out for so many times as long, so that nobody can keep the loop busy with it.
const QUICK: u64 = 100;
const WORTH: u64 = 10;

/// Finds `T`s, of which a worker makes an `R`.
#[derive(Debug)]
pub(super) struct Census<T, R> {
    state: State<T>,
    began: Now,
    waiting: Vec<Ticket>,
    /// And how long it is good.
    result: Option<(R, Now)>,
}

#[derive(Debug)]
enum State<T> {
    Resting,
    /// Swarms below this place have not been looked at yet.
    Counting(usize, Vec<T>),
    /// A worker has what was found.
    Writing,
}

impl<T, R> Default for Census<T, R> {
    fn default() -> Self {
        Census {
            state: State::Resting,
            began: Now(0),
            waiting: Vec::new(),
            result: None,
        }
    }
}

impl<T, R: Clone> Census<T, R> {
    /// The result, if there is one that is still good; else it will come to the ticket.
    pub fn ask(&mut self, ticket: Ticket, swarms: usize, now: Now) -> Option<R> {
        let good = self.result.as_ref().filter(|(_, until)| now < *until);
        if let Some((result, _)) = good {
            return Some(result.clone());
        }
        self.result = None;
        self.waiting.push(ticket);
        if let State::Resting = self.state {
            self.began = now;
            self.state = State::Counting(swarms, Vec::with_capacity(swarms));
        }
        None
    }

    pub fn is_counting(&self) -> bool {
        matches!(self.state, State::Counting(..))
    }

    /// Looks at the next `piece` swarms, from the last to the first: a swarm that ends meanwhile
    /// is replaced by the last one, which may be found twice, but is not lost. Returns all that
    /// was found when none is left.
    pub fn count(
        &mut self,
        swarms: &Swarms,
        piece: usize,
        look: impl Fn(&Swarm) -> Option<T>,
    ) -> Option<Vec<T>> {
        let State::Counting(left, found) = &mut self.state else {
            return None;
        };
        *left = swarms.len().min(*left);
        let end = left.saturating_sub(piece);
        found.extend((end..*left).filter_map(|place| look(swarms.at(place))));
        *left = end;
        if end > 0 {
            return None;
        }
        let found = std::mem::take(found);
        self.state = State::Writing;
        Some(found)
    }

    /// Takes the result, which is good for so many milliseconds at least, and returns who has
    /// waited for it.
    pub fn finish(
        &mut self,
        result: R,
        now: Now,
        at_least: u64,
    ) -> impl Iterator<Item = Ticket> + use<T, R> {
        self.state = State::Resting;
        let took = now.0.saturating_sub(self.began.0);
        let worth = if took > QUICK { took * WORTH } else { 0 };
        let until = now.plus(worth.max(at_least));
        self.result = Some((result, until));
        std::mem::take(&mut self.waiting).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(waiting: impl Iterator<Item = Ticket>) -> Vec<u64> {
        waiting.map(|ticket| ticket.0).collect()
    }

    #[test]
    fn what_took_long_is_given_out_for_longer() {
        // How long it takes, how long it shall be good at least, and how long it is.
        for (took, at_least, good) in [(5, 0, 0), (5, 60, 60), (200, 0, 2_000), (200, 60, 2_000)] {
            let mut census = Census::<u8, u8>::default();
            assert_eq!(census.ask(Ticket(1), 0, Now(1_000)), None);
            assert!(census.is_counting());
            assert_eq!(census.ask(Ticket(2), 0, Now(1_001)), None);
            let made = Now(1_000 + took);
            assert_eq!(tickets(census.finish(7, made, at_least)), [1, 2]);
            if good > 0 {
                let last = made.plus(good - 1);
                assert_eq!(census.ask(Ticket(3), 0, last), Some(7));
            }
            assert_eq!(census.ask(Ticket(4), 0, made.plus(good)), None);
            assert_eq!(tickets(census.finish(8, made, 0)), [4]);
        }
    }
}
