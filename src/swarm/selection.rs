//! Which peers an asker is given: by priority, at random within a priority, with a few from
//! outside, and with work that depends on how many are handed out and not on how many there are.
//!
//! They come from several tables that are treated as one: the swarm's own peers, and those that
//! others have told of. A peer that stands in more than one counts in the first.

use super::address::{Address, HashKeys};
use super::choice::{Choice, Run};
use super::groups::{GroupId, PeerGroups, Priority};
use super::peer::{Hot, id_tag};
use super::peers::Peers;
use super::scattered::Scattered;
use crate::bittorrent::PeerId;
use crate::time::Timestamp;
use std::hint::black_box;
use std::ops::Range;

/// Peers that are taken in one go: a priority is cut into blocks of so many, from a random place
/// on, and blocks are drawn instead of peers. Eight peers stand side by side in one or two lines
/// of the processor's cache, which are fetched from memory at once; eight peers at random would
/// be waited for one after the other. Every peer stays as likely as any other, as the blocks
/// begin elsewhere each time.
const BLOCK: u32 = 8;
/// Where an answer takes a quarter of a priority or more, chance decides little about whom it
/// meets, and longer blocks cost less.
const LONG_BLOCK: u32 = 32;
/// Blocks that are fetched from memory together, and looked at then.
const FETCHED_AHEAD: usize = 8;
/// Peers may be looked at in vain (expired ones, one peer id used by many). Beyond so many for
/// each place, or so many in all, the list stays shorter.
const LOOKS_PER_PLACE: usize = 4;
const LOOKS: usize = 512;

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
        last_announce > self.latest_gone()
    }

    /// Who announced at this time or before is gone.
    fn latest_gone(&self) -> Timestamp {
        Timestamp(self.now.0.saturating_sub(self.expiry))
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

/// Peers of one class that the asker may be given.
#[derive(Clone, Debug)]
struct Candidates {
    rank: Rank,
    table: u16,
    group: GroupId,
    range: Range<u32>,
}

/// A priority, and within it whether they are seeders, in one number: lists are sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u64);

impl Rank {
    fn new(priority: Priority, seeders: bool) -> Rank {
        Rank(priority.0 << 1 | u64::from(seeders))
    }

    fn priority(self) -> Priority {
        Priority(self.0 >> 1)
    }

    fn are_seeders(self) -> bool {
        self.0 & 1 == 1
    }
}

impl Candidates {
    fn len(&self) -> u32 {
        self.range.end - self.range.start
    }

    fn run(&self, positions: Range<u32>) -> Run {
        Run {
            table: self.table,
            group: self.group,
            positions,
        }
    }
}

/// Chooses peers; keeps its memory between two choices.
#[derive(Debug, Default)]
pub struct Selection {
    candidates: Vec<Candidates>,
    chosen: Choice,
}

impl Selection {
    /// Whom the asker is given. `keys` are those with which the tables were filled.
    pub fn choose<A: Address>(
        &mut self,
        tables: &[Table<'_, A>],
        keys: &HashKeys,
        asker: &Asker<A>,
        groups: &PeerGroups,
        wanted: &Wanted,
        random: &mut fastrand::Rng,
    ) -> &Choice {
        self.chosen.clear();
        if wanted.places == 0 {
            return &self.chosen;
        }
        self.find_candidates(tables, asker, groups);
        let judge = Judge {
            tables,
            keys,
            asker,
            tag: id_tag(&asker.id),
        };
        let reserved = wanted.outside.min(wanted.places / 4);
        // A priority with nobody but the asker in it is not used, even if none are enough.
        let enough = wanted.enough.min(wanted.places - reserved).max(1);
        let candidates = std::mem::take(&mut self.candidates);

        let mut unused = &candidates[..];
        while !unused.is_empty() {
            let (now, later) = split_alike(unused, |candidate| candidate.rank.priority());
            self.draw(now, wanted.places, &judge, random);
            unused = later;
            if self.chosen.len() >= enough {
                break;
            }
        }
        let limit = self.chosen.len() + reserved;
        let runs_inside = self.chosen.runs().len();
        // Seeders first: they have what a swarm that is cut off may lack.
        for seeders in [true, false] {
            let mut unused = unused;
            while !unused.is_empty() && self.chosen.len() < limit {
                let (now, later) = split_alike(unused, |candidate| candidate.rank);
                if now[0].rank.are_seeders() == seeders {
                    self.draw(now, limit, &judge, random);
                }
                unused = later;
            }
        }
        // All places were filled from inside; what came from outside takes some of them back.
        let too_many = self.chosen.len().saturating_sub(wanted.places);
        self.chosen.take_back(too_many, runs_inside);
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
        for (place, table) in (0..).zip(tables) {
            for (class, range) in table.peers.segments() {
                if class.is_for(asker.group, asker.seeder, groups) {
                    self.candidates.push(Candidates {
                        rank: Rank::new(groups.priority(class.group), class.seeder),
                        table: place,
                        group: class.group,
                        range: range.start as u32..range.end as u32,
                    });
                }
            }
        }
        self.candidates.sort_by_key(|candidates| candidates.rank);
    }

    /// Adds peers of all of `candidates`, each as likely as any other, until `chosen` has `limit`
    /// or there are no more.
    fn draw<A: Address>(
        &mut self,
        candidates: &[Candidates],
        limit: usize,
        judge: &Judge<'_, A>,
        random: &mut fastrand::Rng,
    ) {
        let places = limit.saturating_sub(self.chosen.len());
        if places == 0 {
            return;
        }
        let total: u32 = candidates.iter().map(Candidates::len).sum();
        let start = random.u32(0..total);
        let is_few = total as usize / 4 <= places;
        let block_length = if is_few { LONG_BLOCK } else { BLOCK };
        // One block is enough, or all blocks are: they stand in a row.
        if is_few && places <= LONG_BLOCK as usize || total as usize <= places {
            let all = Stretch::at(candidates, start, total);
            self.take(&[all], candidates, limit, judge);
            return;
        }
        let blocks_for = |peers: u32| peers.div_ceil(block_length);
        let mut blocks = Scattered::new(blocks_for(total), blocks_for(places as u32), random);
        let mut looks = LOOKS.max(places * LOOKS_PER_PLACE);
        while looks > 0 {
            let mut stretches = [Stretch::default(); FETCHED_AHEAD];
            let needed = blocks_for((limit - self.chosen.len()) as u32) as usize;
            let mut ahead = 0;
            for (stretch, block) in stretches.iter_mut().take(needed).zip(&mut blocks) {
                let first = block * block_length;
                let length = block_length.min(total - first);
                *stretch = Stretch::at(candidates, around(start + first, total), length);
                ahead += 1;
            }
            judge.fetch(candidates, &stretches[..ahead]);
            if ahead == 0 {
                return;
            }
            looks = looks.saturating_sub(ahead * block_length as usize);
            self.take(&stretches[..ahead], candidates, limit, judge);
            if self.chosen.len() >= limit {
                return;
            }
        }
    }

    /// Adds those of some stretches who may be given to the asker, until `chosen` has `limit`.
    fn take<A: Address>(
        &mut self,
        stretches: &[Stretch],
        candidates: &[Candidates],
        limit: usize,
        judge: &Judge<'_, A>,
    ) {
        for mut stretch in stretches.iter().copied() {
            while self.chosen.len() < limit
                && let Some((candidate, range)) = stretch.next(candidates)
            {
                judge.choose(candidate, range, limit, &mut self.chosen);
            }
        }
    }
}

/// Says who may be given to an asker.
struct Judge<'a, A> {
    tables: &'a [Table<'a, A>],
    keys: &'a HashKeys,
    asker: &'a Asker<A>,
    tag: u16,
}

impl<A: Address> Judge<'_, A> {
    /// Adds those of a candidate's peers who may be given to the asker, until there are `limit`.
    fn choose(&self, candidate: &Candidates, range: Range<u32>, limit: usize, chosen: &mut Choice) {
        let mut start = range.start;
        while start < range.end && chosen.len() < limit {
            let room = (limit - chosen.len()) as u32;
            let end = range.end.min(start.saturating_add(room));
            let first_out = self.first_out(candidate.table, start..end);
            chosen.push(candidate.run(start..first_out));
            // Where nobody is out, the range has come to its end, or the room has.
            start = first_out + 1;
        }
    }

    /// The first peer of a table, from the beginning of a range on, who may not be given to the
    /// asker; the end of the range if there is none.
    fn first_out(&self, table: u16, range: Range<u32>) -> u32 {
        let Table { peers, liveness } = self.tables[table as usize];
        let (gone, tag) = (liveness.latest_gone(), self.tag);
        let own = self.asker.own.map(|(ip, _)| ip);
        // Nearly all may be given, which is found out with one branch for each. That there are
        // tables before this one is rare enough.
        let is_doubtful = |peer: &Hot<A>| {
            (peer.last_announce <= gone) | (peer.tag == tag) | (Some(peer.ip) == own) | (table > 0)
        };
        let mut start = range.start;
        while start < range.end {
            let rest = peers.hot_of(start as usize..range.end as usize);
            let Some(doubtful) = rest.iter().position(is_doubtful) else {
                break;
            };
            start += doubtful as u32;
            if self.is_out(table, start) {
                return start;
            }
            start += 1;
        }
        range.end
    }

    /// Whether the peer at this position of a table may not be given to the asker.
    #[cold]
    fn is_out(&self, table: u16, position: u32) -> bool {
        let (before, rest) = self.tables.split_at(table as usize);
        let Table { peers, liveness } = rest[0];
        let peer = peers.hot(position as usize);
        let is_here = |table: &Table<'_, A>| {
            let found = table.peers.find(peer.ip, peer.port, self.keys);
            found.is_some()
        };
        // The id itself lies further away, and hardly ever has to be looked at.
        !liveness.is_alive(peer.last_announce)
            || self.asker.own == Some((peer.ip, peer.port))
            || peers.has_id(position as usize, &self.asker.id)
            || before.iter().any(is_here)
    }

    /// Has the processor fetch stretches of peers. Nothing but that happens here, so that it can
    /// wait for all of them at the same time.
    fn fetch(&self, candidates: &[Candidates], stretches: &[Stretch]) {
        let mut read = 0;
        for stretch in stretches {
            let peers = self.tables[candidates[stretch.candidate].table as usize].peers;
            let first = stretch.position as usize;
            let end = (first + stretch.length as usize).min(peers.len());
            read ^= peers.touch_each(first..end);
        }
        black_box(read);
    }
}

/// Cuts candidates behind the first of them and those that follow it and are like it.
fn split_alike<K: PartialEq>(
    candidates: &[Candidates],
    key: impl Fn(&Candidates) -> K,
) -> (&[Candidates], &[Candidates]) {
    let other = |candidate: &Candidates| key(candidate) != key(&candidates[0]);
    let end = candidates.iter().position(other);
    candidates.split_at(end.unwrap_or(candidates.len()))
}

/// A number below twice `end` as a place on a ring of `end`.
fn around(number: u32, end: u32) -> u32 {
    if number >= end { number - end } else { number }
}

/// Peers that stand side by side if all candidates, which have at least one peer each, stand in
/// a ring.
#[derive(Clone, Copy, Default)]
struct Stretch {
    candidate: usize,
    position: u32,
    length: u32,
}

impl Stretch {
    /// Begins at the `n`-th peer of all; `n` is smaller than their number.
    fn at(candidates: &[Candidates], n: u32, length: u32) -> Stretch {
        let mut n = n;
        let mut candidate = 0;
        while n >= candidates[candidate].len() {
            n -= candidates[candidate].len();
            candidate += 1;
        }
        Stretch {
            candidate,
            position: candidates[candidate].range.start + n,
            length,
        }
    }

    /// Takes out what it has of one candidate.
    fn next<'a>(&mut self, candidates: &'a [Candidates]) -> Option<(&'a Candidates, Range<u32>)> {
        if self.length == 0 {
            return None;
        }
        let candidate = &candidates[self.candidate];
        let start = self.position;
        let end = candidate.range.end.min(start + self.length);
        self.length -= end - start;
        if self.length > 0 {
            self.candidate += 1;
            if self.candidate == candidates.len() {
                self.candidate = 0;
            }
            self.position = candidates[self.candidate].range.start;
        }
        Some((candidate, start..end))
    }
}
