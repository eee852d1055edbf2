//! What has been done so far, in numbers: for the log's line a minute and for whoever asks.

use super::Purpose;
use super::answer_times::AnswerTimes;
use super::handed_out::HandedOut;
use std::collections::BTreeMap;
use std::fmt;

/// Everything since the start.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Announces answered, forwarded ones included.
    pub announces: u64,
    /// Scrapes answered, forwarded ones included, but for those of everything.
    pub scrapes: u64,
    /// Scrapes of everything.
    pub full_scrapes: u64,
    /// Announces and scrapes that were forwarded.
    pub forwarded: u64,
    /// Requests that were answered with a failure reason, by this tracker's own judgement.
    pub refused: u64,
    /// Peers handed out.
    pub handed_out: HandedOut,
    /// How long answers took.
    pub answer_times: AnswerTimes,
    /// What was asked of neighbors.
    pub neighbors: UpstreamFigures,
    /// What was asked of external trackers.
    pub external: UpstreamFigures,
    /// What was told to the database.
    pub database: DatabaseFigures,
}

/// What was asked of neighbors or of external trackers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamFigures {
    /// Fetches that were queued.
    pub asked: u64,
    /// Fetches that brought an answer, a refusal included.
    pub answered: u64,
    /// Answers that were a `failure reason`.
    pub refused: u64,
    /// Fetches that brought none, by the name of the reason.
    pub failed: BTreeMap<&'static str, u64>,
    /// Clients that shared the fetch of another.
    pub shared: u64,
    /// Fetches that were not queued, because too many waited or the host had not answered lately.
    pub declined: u64,
    /// Milliseconds that workers have spent on fetches.
    pub took_ms: u64,
}

/// What came of asking a neighbor, since it has been one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeighborFigures {
    /// Questions.
    pub asked: u64,
    /// Those that it answered.
    pub answered: u64,
    /// Those that it did not answer.
    pub failed: u64,
    /// Peers in all its answers.
    pub peers: u64,
    /// It has not answered the last question that is over; `None` if there is none yet.
    pub is_down: Option<bool>,
}

/// What was told to the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// It does not do what it is asked at present.
    pub is_down: bool,
    /// Rows written.
    pub written: u64,
    /// Rows that it refused for what is in them.
    pub refused: u64,
}

impl UpstreamFigures {
    /// Counts a fetch that brought no answer.
    pub(super) fn fail(&mut self, reason: &'static str) {
        *self.failed.entry(reason).or_default() += 1;
    }

    /// Writes what has been asked since the `earlier` figures, if anything.
    fn write_since(
        &self,
        f: &mut fmt::Formatter<'_>,
        whom: &str,
        earlier: &UpstreamFigures,
    ) -> fmt::Result {
        if self == earlier {
            return Ok(());
        }
        let asked = self.asked - earlier.asked;
        write!(f, "; asked {whom} {asked} times")?;
        let shared = self.shared - earlier.shared;
        if shared > 0 {
            write!(f, " for {shared} more")?;
        }
        write!(f, ": {} answers", self.answered - earlier.answered)?;
        for (reason, count) in &self.failed {
            let new = count - earlier.failed.get(reason).unwrap_or(&0);
            if new > 0 {
                write!(f, ", {new} {reason}")?;
            }
        }
        write!(f, ", {} not asked", self.declined - earlier.declined)
    }
}

impl Figures {
    /// Where a fetch for this purpose is counted.
    pub(super) fn upstream_mut(&mut self, purpose: &Purpose) -> &mut UpstreamFigures {
        if purpose.is_neighbor() {
            &mut self.neighbors
        } else {
            &mut self.external
        }
    }

    /// What has been done since the `earlier` figures, in a few words.
    pub fn since<'a>(&'a self, earlier: &'a Figures) -> impl fmt::Display + 'a {
        Since { now: self, earlier }
    }
}

struct Since<'a> {
    now: &'a Figures,
    earlier: &'a Figures,
}

impl fmt::Display for Since<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, earlier) = (self.now, self.earlier);
        write!(
            f,
            "{} announces, {} scrapes, {} of them forwarded",
            now.announces - earlier.announces,
            now.scrapes - earlier.scrapes,
            now.forwarded - earlier.forwarded
        )?;
        let (ours, before) = (&now.neighbors, &earlier.neighbors);
        ours.write_since(f, "neighbors", before)?;
        let (ours, before) = (&now.external, &earlier.external);
        ours.write_since(f, "external trackers", before)?;
        let rows = now.database.written - earlier.database.written;
        if now.database.is_down {
            f.write_str("; the database is away")?;
        } else if rows > 0 {
            write!(f, "; {rows} rows written")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_is_new() {
        let earlier = Figures {
            announces: 12,
            scrapes: 3,
            ..Figures::default()
        };
        let mut now = earlier.clone();
        now.announces = 22;
        assert_eq!(
            now.since(&earlier).to_string(),
            "10 announces, 0 scrapes, 0 of them forwarded"
        );
        now.neighbors.asked = 1;
        now.neighbors.answered = 1;
        now.external.asked = 4;
        now.external.answered = 2;
        now.external.fail("timeout");
        now.external.fail("timeout");
        now.external.shared = 9;
        now.database.is_down = true;
        assert_eq!(
            now.since(&earlier).to_string(),
            "10 announces, 0 scrapes, 0 of them forwarded; asked neighbors 1 times: 1 answers, \
             0 not asked; asked external trackers 4 times for 9 more: 2 answers, 2 timeout, \
             0 not asked; the database is away"
        );
    }
}
