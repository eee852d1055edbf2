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
    /// waited for it. Without one, whoever asks next has all swarms gone through again.
    pub fn finish(
        &mut self,
        result: Option<R>,
        now: Now,
        at_least: u64,
    ) -> impl Iterator<Item = Ticket> + use<T, R> {
        self.state = State::Resting;
        let took = now.0.saturating_sub(self.began.0);
        let worth = if took > QUICK { took * WORTH } else { 0 };
        let until = now.plus(worth.max(at_least));
        self.result = result.map(|result| (result, until));
        std::mem::take(&mut self.waiting).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::Failure;
    use crate::job::{HashList, Job, Outcome};
    use crate::swarm::PeerGroups;
    use crate::tracker::{Answer, Settings, Tracker};

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
            assert_eq!(tickets(census.finish(Some(7), made, at_least)), [1, 2]);
            if good > 0 {
                let last = made.plus(good - 1);
                assert_eq!(census.ask(Ticket(3), 0, last), Some(7));
            }
            assert_eq!(census.ask(Ticket(4), 0, made.plus(good)), None);
            assert_eq!(tickets(census.finish(Some(8), made, 0)), [4]);
        }
    }

    fn tracker() -> Tracker {
        let settings = Settings {
            full_scrape: true,
            ..Settings::default()
        };
        let groups = PeerGroups::default();
        Tracker::new(settings, groups, 1, Now::after_start(0))
    }

    /// Lets a worker do the job that there must be now, and tells who is answered with what.
    fn work(tracker: &mut Tracker, outcome: Outcome) -> Vec<(u64, Answer<'static>)> {
        let now = Now::after_start(0);
        tracker.handle_timeout(now);
        let job = tracker.next_job(now);
        match (&outcome, job) {
            (Outcome::FullScrape(_), Some(Job::WriteFullScrape { .. }))
            | (Outcome::HashList(_), Some(Job::WriteHashList { .. })) => {}
            (_, job) => panic!("it is not begun: {job:?}"),
        }
        tracker.handle_outcome(outcome, now);
        let answers = tracker.deliveries.drain(..);
        answers.map(|(ticket, answer)| (ticket.0, answer)).collect()
    }

    #[test]
    fn where_a_worker_fails_all_who_wait_are_told_and_the_next_has_it_begin_anew() {
        use Answer::Failure as Fails;
        let now = Now::after_start(0);
        let mut tracker = tracker();
        let list = HashList {
            bytes: [1; 20].into(),
            tag: "tag".into(),
        };
        for ticket in [1, 2] {
            tracker.handle_hash_list(Ticket(ticket), now);
            assert!(tracker.handle_full_scrape(Ticket(ticket), now));
        }
        // Of two jobs the last is handed out first.
        for outcome in [Outcome::HashList(None), Outcome::FullScrape(None)] {
            let told = work(&mut tracker, outcome);
            let all = [(1, Fails(Failure::Internal)), (2, Fails(Failure::Internal))];
            assert_eq!(format!("{told:?}"), format!("{all:?}"));
        }
        tracker.handle_hash_list(Ticket(3), now);
        let told = work(&mut tracker, Outcome::HashList(Some(list)));
        assert!(matches!(told[..], [(3, Answer::HashList(_))]), "{told:?}");
        assert!(tracker.handle_full_scrape(Ticket(3), now));
        let told = work(&mut tracker, Outcome::FullScrape(Some([b'e'].into())));
        assert!(matches!(told[..], [(3, Answer::Written(_))]), "{told:?}");
    }
}
