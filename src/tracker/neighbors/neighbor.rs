//! One partner's tracker, and when it is asked about what.

use super::{Due, NeighborSettings};
use crate::bittorrent::{Event, InfoHash, PeerId, Target, UpstreamRequest};
use crate::time::Now;
use crate::tracker::figures::NeighborFigures;
use crate::tracker::upstreams::Question;
use std::collections::{HashSet, VecDeque};
use std::fmt::Write;

#[derive(Debug)]
pub struct Neighbor {
    pub settings: NeighborSettings,
    /// Its peers are known by it; it stays the same as long as the name does.
    pub number: u16,
    /// Torrents it has not been asked about, or in vain.
    pub fresh: VecDeque<InfoHash>,
    /// Torrents it was asked about, and when it shall be again; in order.
    pub due: VecDeque<(Now, InfoHash)>,
    /// All of these.
    pub known: HashSet<InfoHash>,
    /// Not to be asked before.
    pub not_before: Now,
    pub failures: u32,
    /// When the last of the peers that it told of has expired.
    pub told_until: Now,
    pub figures: NeighborFigures,
}

impl Neighbor {
    pub fn new(settings: NeighborSettings, number: u16, fresh: VecDeque<InfoHash>) -> Neighbor {
        Neighbor {
            settings,
            number,
            known: fresh.iter().copied().collect(),
            fresh,
            due: VecDeque::new(),
            not_before: Now(0),
            failures: 0,
            told_until: Now(0),
            figures: NeighborFigures::default(),
        }
    }

    /// When it may be asked next.
    pub fn next_timeout(&self) -> Option<Now> {
        let fresh = self.fresh.front().map(|_| Now(0));
        let next = fresh.or(self.due.front().map(|(due, _)| *due))?;
        Some(next.max(self.not_before))
    }

    /// Takes out a torrent that it may be asked about now.
    pub fn next(&mut self, now: Now) -> Option<InfoHash> {
        if self.next_timeout()? > now {
            return None;
        }
        self.take_turn()
    }

    /// Takes out the torrent that comes next, whenever that is.
    pub fn take_turn(&mut self) -> Option<InfoHash> {
        let due = |neighbor: &mut Self| neighbor.due.pop_front().map(|(_, info_hash)| info_hash);
        self.fresh.pop_front().or_else(|| due(self))
    }

    /// The question about a torrent, which gets its next turn.
    pub fn ask(&mut self, info_hash: InfoHash, now: Now) -> Option<Due> {
        let refresh = u64::from(self.settings.refresh_interval) * 1000;
        // Torrents that came in a crowd part: their next turns are spread over the interval. But
        // none is pushed away for longer: the first of a crowd still leave wide gaps.
        let apart = refresh / (self.known.len() as u64 + 1);
        let last = self.due.back().map_or(Now(0), |(due, _)| due.plus(apart));
        let (earliest, latest) = (now.plus(refresh), now.plus(2 * refresh));
        self.due
            .push_back((last.clamp(earliest, latest), info_hash));
        // Rounded up, as it is a limit.
        let pause = 1000_u64.div_ceil(u64::from(self.settings.max_requests_per_second.max(1)));
        self.not_before = now.plus(pause);
        let url = self
            .settings
            .announce_request
            .replace("{info_hash}", &escaped(&info_hash));
        let question = Question {
            target: Target::parse(url.as_bytes()).ok()?,
            user_agent: None,
            request: UpstreamRequest::Announce {
                info_hash,
                peer_id: PeerId(*b"-BT3000-neighborpoll"),
                downloaded: 0,
                left: 1,
                uploaded: 0,
                event: Event::None,
                ip: None,
                key: 0,
                numwant: None,
                port: 0,
            },
        };
        self.figures.asked += 1;
        Some(Due {
            name: self.settings.name.clone(),
            info_hash,
            question,
            policy: self.settings.policy.clone(),
        })
    }
}

fn escaped(info_hash: &InfoHash) -> String {
    info_hash.0.iter().fold(String::new(), |mut escaped, byte| {
        // Writing to a string cannot fail.
        let _ = write!(escaped, "%{byte:02X}");
        escaped
    })
}
