//! Which peers an asker is given: by priority, at random within a priority, with a few from
//! outside, and with work that depends on how many are handed out and not on how many there are.
//!
//! They come from several tables that are treated as one: the swarm's own peers, and those that
//! others have told of. A peer that stands in more than one counts in the first.

use super::address::{Address, HashKeys};
use super::groups::{GroupId, PeerGroups, Priority};
use super::peers::{Peer, Peers};
use crate::bittorrent::PeerId;
use crate::time::Timestamp;
use std::ops::Range;

/// Up to this many peers of one priority are shuffled, or twice as many as there are places; of
/// more, random ones are drawn until enough are found, which hits few twice.
const SHUFFLED: usize = 512;
/// Draws from a large priority may be in vain (expired peers, one peer id used by many). Beyond
/// so many for each place plus a few, the list stays shorter.
const DRAWS_PER_PLACE: usize = 4;
const SPARE_DRAWS: usize = 64;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<A> {
    /// Its own peer group.
    pub group: GroupId,
    /// Seeders are not given seeders.
    pub seeder: bool,
    /// Nobody is given itself, under whatever address.
    pub id: PeerId,
    /// Its address and port if it is of this family.
    pub own: Option<(A, u16)>,
}

/// How many peers are to be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// At most so many in all.
    pub places: usize,
    /// A priority with which the list gets this long is the last that fills it.
    pub enough: usize,
    /// So many of the last places are kept for the priorities after that, and at most a quarter.
    pub outside: usize,
}

/// When a peer counts as gone.
#[derive(Clone, Copy, Debug)]
pub struct Liveness {
    /// The present.
    pub now: Timestamp,
    /// Seconds after its last announce.
    pub expiry: u32,
}

impl Liveness {
    /// Whether a peer that announced at `last_announce` is still there.
    pub fn is_alive(&self, last_announce: Timestamp) -> bool {
        self.now.since(last_announce) < self.expiry
    }
}

/// Peers to choose from.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, A> {
    /// The peers.
    pub peers: &'a Peers<A>,
    /// Which of them count.
    pub liveness: Liveness,
}

/// A chosen peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The place of its table among those to choose from.
    pub table: u16,
    /// Its peer group.
    pub group: GroupId,
    /// Its position there.
    pub position: u32,
}

/// Peers of one class that the asker may be given.
#[derive(Clone, Debug)]
struct Candidates {
    priority: Priority,
    seeders: bool,
    table: u16,
    group: GroupId,
    range: Range<u32>,
}

impl Candidates {
    fn kind(&self) -> (Priority, bool) {
        (self.priority, self.seeders)
    }

    fn pick(&self, position: u32) -> Pick {
        Pick {
            table: self.table,
            group: self.group,
            position,
        }
    }
}

/// Chooses peers; keeps its memory between two choices.
#[derive(Debug, Default)]
pub struct Selection {
    candidates: Vec<Candidates>,
    shuffled: Vec<Pick>,
    drawn: Drawn,
    chosen: Vec<Pick>,
}

impl Selection {
    /// The chosen peers, in the order in which they are handed out. `keys` are those with which
    /// the tables were filled.
    pub fn choose<A: Address>(
        &mut self,
        tables: &[Table<'_, A>],
        keys: &HashKeys,
        asker: &Asker<A>,
        groups: &PeerGroups,
        wanted: &Wanted,
        random: &mut fastrand::Rng,
    ) -> &[Pick] {
        self.chosen.clear();
        if wanted.places == 0 {
            return &self.chosen;
        }
        self.find_candidates(tables, asker, groups);
        let may_be_given = |pick: Pick| {
            let (before, rest) = tables.split_at(pick.table as usize);
            let table = &rest[0];
            let peer: &Peer<A> = table.peers.get(pick.position as usize);
            let is_before = |table: &Table<'_, A>| {
                let found = table.peers.find(peer.ip, peer.port, keys);
                found.is_some()
            };
            table.liveness.is_alive(peer.last_announce)
                && peer.id != asker.id
                && asker.own != Some((peer.ip, peer.port))
                && !before.iter().any(is_before)
        };
        let reserved = wanted.outside.min(wanted.places / 4);
        // A priority with nobody but the asker in it is not used, even if none are enough.
        let enough = wanted.enough.min(wanted.places - reserved).max(1);
        let candidates = std::mem::take(&mut self.candidates);

        let mut unused = &candidates[..];
        while let Some(first) = unused.first() {
            let same = |candidate: &&Candidates| candidate.priority == first.priority;
            let (now, later) = unused.split_at(unused.iter().take_while(same).count());
            self.draw(now, wanted.places, &may_be_given, random);
            unused = later;
            if self.chosen.len() >= enough {
                break;
            }
        }
        let inside = self.chosen.len();
        // Seeders first: they have what a swarm that is cut off may lack.
        for seeders in [true, false] {
            let alike = unused.chunk_by(|one, next| one.kind() == next.kind());
            for alike in alike.filter(|alike| alike[0].seeders == seeders) {
                self.draw(alike, inside + reserved, &may_be_given, random);
            }
        }
        // All places were filled from inside; what came from outside takes some of them back.
        let outside = self.chosen.len() - inside;
        let kept = inside.min(wanted.places - outside);
        self.chosen.drain(kept..inside);
        self.candidates = candidates;
        &self.chosen
    }

    /// Lists the classes that the asker may be given, the first to be handed out first.
    fn find_candidates<A: Address>(
        &mut self,
        tables: &[Table<'_, A>],
        asker: &Asker<A>,
        groups: &PeerGroups,
    ) {
        self.candidates.clear();
        let segments = tables.iter().zip(0..).flat_map(|(table, place)| {
            let segments = table.peers.segments();
            segments.map(move |(class, range)| (class, place, range))
        });
        for (class, table, range) in segments {
            if class.is_for(asker.group, asker.seeder, groups) {
                self.candidates.push(Candidates {
                    priority: groups.priority(class.group),
                    seeders: class.seeder,
                    table,
                    group: class.group,
                    range: range.start as u32..range.end as u32,
                });
            }
        }
        self.candidates.sort_by_key(Candidates::kind);
    }

    /// Adds peers of all of `candidates`, each as likely as any other, until `chosen` has `limit`
    /// or there are no more.
    fn draw(
        &mut self,
        candidates: &[Candidates],
        limit: usize,
        may_be_given: &impl Fn(Pick) -> bool,
        random: &mut fastrand::Rng,
    ) {
        let total = candidates.iter().map(|one| one.range.len()).sum::<usize>();
        if total <= SHUFFLED.max(limit * 2) {
            self.draw_shuffled(candidates, limit, may_be_given, random);
        } else {
            self.draw_single(candidates, total, limit, may_be_given, random);
        }
    }

    /// A shuffle (Fisher and Yates) that ends as soon as enough are found.
    fn draw_shuffled(
        &mut self,
        candidates: &[Candidates],
        limit: usize,
        may_be_given: &impl Fn(Pick) -> bool,
        random: &mut fastrand::Rng,
    ) {
        self.shuffled.clear();
        for candidate in candidates {
            let positions = candidate.range.clone();
            self.shuffled
                .extend(positions.map(|position| candidate.pick(position)));
        }
        for next in 0..self.shuffled.len() {
            if self.chosen.len() >= limit {
                return;
            }
            let other = random.usize(next..self.shuffled.len());
            self.shuffled.swap(next, other);
            if may_be_given(self.shuffled[next]) {
                self.chosen.push(self.shuffled[next]);
            }
        }
    }

    fn draw_single(
        &mut self,
        candidates: &[Candidates],
        total: usize,
        limit: usize,
        may_be_given: &impl Fn(Pick) -> bool,
        random: &mut fastrand::Rng,
    ) {
        let places = limit.saturating_sub(self.chosen.len());
        self.drawn.clear(places);
        for _ in 0..places * DRAWS_PER_PLACE + SPARE_DRAWS {
            if self.chosen.len() >= limit {
                return;
            }
            let n = random.usize(0..total);
            let pick = nth(candidates, n);
            if self.drawn.insert(n as u32) && may_be_given(pick) {
                self.chosen.push(pick);
            }
        }
    }
}

/// The `n`-th peer of all candidates; `n` is smaller than their number.
fn nth(candidates: &[Candidates], mut n: usize) -> Pick {
    for candidate in candidates {
        if n < candidate.range.len() {
            return candidate.pick(candidate.range.start + n as u32);
        }
        n -= candidate.range.len();
    }
    unreachable!("n is below the number of candidates")
}

/// What has been drawn so far: a list of numbers, and a bit for each hash of a number that says at
/// once that nearly every new one is new.
#[derive(Debug, Default)]
struct Drawn {
    numbers: Vec<u32>,
    /// A power of two of them.
    bits: Vec<u64>,
}

impl Drawn {
    /// Forgets all, and makes room for about so many: 64 bits for each leave few collisions.
    fn clear(&mut self, expected: usize) {
        self.numbers.clear();
        self.bits.clear();
        self.bits.resize(expected.next_power_of_two(), 0);
    }

    /// Whether the number was not in the set before.
    fn insert(&mut self, number: u32) -> bool {
        let place = (number >> 6) as usize & (self.bits.len() - 1);
        let bit = 1 << (number % 64);
        if self.bits[place] & bit != 0 && self.numbers.contains(&number) {
            return false;
        }
        self.bits[place] |= bit;
        self.numbers.push(number);
        true
    }
}
