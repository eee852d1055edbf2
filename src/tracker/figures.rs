//! What has been done so far, in numbers: for the log's line a minute and for whoever asks.

use std::collections::BTreeMap;
use std::fmt;

/// Everything since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Announces answered, forwarded ones included.
    pub announces: u64,
    /// Scrapes answered, forwarded ones included.
    pub scrapes: u64,
    /// Announces and scrapes that were forwarded.
    pub forwarded: u64,
    /// What was asked of others.
    pub upstream: UpstreamFigures,
    /// What was told to the database.
    pub database: DatabaseFigures,
}

/// What was asked of neighbors and external trackers.
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

impl Figures {
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
        let (ours, before) = (&now.upstream, &earlier.upstream);
        let answered = ours.answered - before.answered;
        let asked = ours.asked - before.asked;
        if ours != before {
            let declined = ours.declined - before.declined;
            let shared = ours.shared - before.shared;
            write!(
                f,
                "; asked others {asked} times for {} more: {answered} answers",
                shared
            )?;
            for (reason, count) in &ours.failed {
                let new = count - before.failed.get(reason).unwrap_or(&0);
                if new > 0 {
                    write!(f, ", {new} {reason}")?;
                }
            }
            write!(f, ", {declined} not asked")?;
        }
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
        now.upstream.asked = 4;
        now.upstream.answered = 2;
        now.upstream.failed.insert("timeout", 2);
        now.upstream.shared = 9;
        now.database.is_down = true;
        assert_eq!(
            now.since(&earlier).to_string(),
            "10 announces, 0 scrapes, 0 of them forwarded; asked others 4 times for 9 more: \
             2 answers, 2 timeout, 0 not asked; the database is away"
        );
    }
}
