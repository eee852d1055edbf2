//! The peers of one swarm and address family.
//!
//! They stand in one row, cut into segments, one for each [`Class`]: peers that are alike for
//! the choice of whom to hand out stand side by side, so that an answer reads only peers that it
//! may contain. A peer finds its place by scanning while there are few, by an [`Index`] when
//! there are more. Entering, leaving and changing class move at most one peer of each segment.
//!
//! What an answer reads of a peer ([`Hot`]) is kept apart from the rest, so that a line of the
//! processor's cache holds five peers and not two: fetching them from memory is most of what an
//! answer costs.

use super::address::{Address, HashKeys};
use super::index::Index;
use super::marks::{Mark, Marks};
use super::peer::{Class, Cold, Hot, Peer, id_tag, split};
use crate::bittorrent::PeerId;
use std::cmp::Ordering;
use std::ops::Range;

/// Up to this many peers are scanned: 24 cache lines that the processor fetches ahead, and that
/// the choice of peers is about to read anyway. An index would take two that it cannot foresee.
const SCANNED: usize = 128;
/// Peers of which at least one lies in each line of the processor's cache.
const PER_LINE: usize = 5;

#[derive(Clone, Copy, Debug)]
struct Segment {
    class: Class,
    /// Where the next segment begins.
    end: u32,
}

/// All peers of one family in one swarm. Positions are valid until the next change.
#[derive(Debug)]
pub struct Peers<A> {
    hot: Vec<Hot<A>>,
    /// As many, in the same order.
    cold: Vec<Cold>,
    /// By class; none is empty.
    segments: Vec<Segment>,
    index: Option<Box<Index>>,
}

impl<A> Default for Peers<A> {
    fn default() -> Self {
        Peers {
            hot: Vec::new(),
            cold: Vec::new(),
            segments: Vec::new(),
            index: None,
        }
    }
}

impl<A: Address> Peers<A> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.hot.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hot.is_empty()
    }

    /// The peer at a position below [`Peers::len`].
    pub fn get(&self, position: usize) -> Peer<A> {
        let (hot, cold) = (&self.hot[position], &self.cold[position]);
        Peer {
            ip: hot.ip,
            port: hot.port,
            id: self.id(position),
            marks: cold.marks,
            stamp: cold.stamp,
            last_announce: hot.last_announce,
        }
    }

    /// Brings the peer at a position up to date. Its address and port stay the same.
    pub fn set(&mut self, position: usize, peer: Peer<A>) {
        let was = &self.hot[position];
        debug_assert!(was.ip == peer.ip && was.port == peer.port);
        (self.hot[position], self.cold[position]) = split(peer);
    }

    /// What the choice of peers reads of the peer at a position below [`Peers::len`].
    pub(super) fn hot(&self, position: usize) -> &Hot<A> {
        &self.hot[position]
    }

    /// The same of several.
    pub(super) fn hot_of(&self, positions: Range<usize>) -> &[Hot<A>] {
        &self.hot[positions]
    }

    /// The addresses and ports of peers that stand side by side, below [`Peers::len`].
    pub fn endpoints(&self, positions: Range<usize>) -> impl Iterator<Item = (A, u16)> {
        self.hot[positions].iter().map(|hot| (hot.ip, hot.port))
    }

    /// The id of the peer at a position below [`Peers::len`].
    pub fn id(&self, position: usize) -> PeerId {
        let mut id = [0; 20];
        let (begin, end) = id.split_at_mut(18);
        begin.copy_from_slice(&self.cold[position].id);
        end.copy_from_slice(&self.hot[position].tag.to_be_bytes());
        PeerId(id)
    }

    /// Whether the peer at a position below [`Peers::len`] has this id, which is not put together
    /// for that.
    pub fn has_id(&self, position: usize, id: &PeerId) -> bool {
        self.hot[position].tag == id_tag(id) && self.cold[position].id == id.0[..18]
    }

    /// What is remembered of the peer at a position below [`Peers::len`] beside its class.
    pub fn marks(&self, position: usize) -> Marks {
        self.cold[position].marks
    }

    /// The class of the peer at a position below [`Peers::len`].
    pub fn class(&self, position: usize) -> Class {
        self.segments[self.segment_of(position)].class
    }

    /// The classes that have peers, and where these stand.
    pub fn segments(&self) -> impl Iterator<Item = (Class, Range<usize>)> {
        let mut start = 0;
        self.segments.iter().map(move |segment| {
            let range = start..segment.end as usize;
            start = range.end;
            (segment.class, range)
        })
    }

    /// The peer with this address and port, if it is known.
    pub fn find(&self, ip: A, port: u16, keys: &HashKeys) -> Option<usize> {
        let is_it = |peer: &Hot<A>| peer.port == port && peer.ip == ip;
        match &self.index {
            None => self.hot.iter().position(is_it),
            Some(index) => index.find(keys.hash_address(ip), |at| is_it(&self.hot[at])),
        }
    }

    /// Who has to go so that another peer of this address may come, where no more than `most` are
    /// wanted: the one that announced the longest time ago. `None` if there is room.
    pub fn crowded_out(&self, ip: A, most: usize, keys: &HashKeys) -> Option<usize> {
        let (count, oldest) = self.foremost_at(ip, keys, |one, other| {
            one.last_announce < other.last_announce
        });
        oldest.filter(|_| count >= most)
    }

    /// The peer of this address that announced last.
    pub fn latest(&self, ip: A, keys: &HashKeys) -> Option<usize> {
        let (_, latest) = self.foremost_at(ip, keys, |one, other| {
            one.last_announce > other.last_announce
        });
        latest
    }

    /// How many peers have this address, and which of them goes before all others.
    fn foremost_at(
        &self,
        ip: A,
        keys: &HashKeys,
        goes_before: impl Fn(&Hot<A>, &Hot<A>) -> bool,
    ) -> (usize, Option<usize>) {
        let mut count = 0;
        let mut foremost: Option<usize> = None;
        self.each_at(ip, keys, |at, peer| {
            count += 1;
            if foremost.is_none_or(|foremost| goes_before(peer, &self.hot[foremost])) {
                foremost = Some(at);
            }
        });
        (count, foremost)
    }

    fn each_at(&self, ip: A, keys: &HashKeys, mut visit: impl FnMut(usize, &Hot<A>)) {
        let mut look_at = |at: usize, peer: &Hot<A>| {
            if peer.ip == ip {
                visit(at, peer);
            }
        };
        match &self.index {
            None => (0..)
                .zip(&self.hot)
                .for_each(|(at, peer)| look_at(at, peer)),
            Some(index) => index.each_match(keys.hash_address(ip), |at| {
                look_at(at, &self.hot[at]);
                true
            }),
        }
    }

    /// Reads, so that it is at hand when it is needed, what every search and every choice begins
    /// with: the classes, and the index or, without one, the peers that are scanned.
    pub(super) fn touch(&self) -> u32 {
        let ends = [self.segments.first(), self.segments.last()];
        let classes = ends.map(|segment| segment.map_or(0, |segment| segment.end));
        classes[0]
            ^ classes[1]
            ^ match &self.index {
                Some(index) => index.len() as u32,
                None => self.touch_each(0..self.hot.len()),
            }
    }

    /// The same of what the choice of peers reads of some that stand side by side.
    pub(super) fn touch_each(&self, positions: Range<usize>) -> u32 {
        let peers = &self.hot[positions];
        let ends = peers.last().map_or(0, |last| last.last_announce.0);
        let lines = peers.iter().step_by(PER_LINE);
        lines.fold(ends, |read, peer| read ^ peer.last_announce.0)
    }

    /// The same of the index's slot for an address of this hash.
    pub(super) fn touch_slot(&self, hash: u64) -> u32 {
        self.index.as_ref().map_or(0, |index| index.touch(hash))
    }

    /// Where the index most likely has an address of this hash; no peer is looked at.
    pub(super) fn likely(&self, hash: u64) -> Option<usize> {
        self.index.as_ref().and_then(|index| index.likely(hash))
    }

    /// The same of the peer at a position below [`Peers::len`], which may lie in two lines.
    pub(super) fn touch_peer(&self, position: usize) -> u32 {
        let (hot, cold) = (&self.hot[position], &self.cold[position]);
        let begin_of_id = u32::from(cold.id[0]);
        let behind_id = u32::from(cold.marks.has(Mark::Changed));
        hot.last_announce.0 ^ u32::from(hot.tag) ^ begin_of_id ^ behind_id
    }

    /// Adds a peer whose address and port are not in here.
    pub fn insert(&mut self, class: Class, peer: Peer<A>, keys: &HashKeys) {
        let at = self.open(class);
        let (hot, cold) = split(peer);
        reserve_for_one_more(&mut self.hot);
        reserve_for_one_more(&mut self.cold);
        self.hot.push(hot);
        self.cold.push(cold);
        let last = self.segments.len() - 1;
        self.segments[last].end += 1;
        let gap = self.move_gap_back(self.hot.len() - 1, at..last, keys);
        (self.hot[gap], self.cold[gap]) = (hot, cold);
        self.index_new(gap, keys);
    }

    /// Takes a peer out.
    pub fn remove(&mut self, position: usize, keys: &HashKeys) -> (Class, Peer<A>) {
        let at = self.segment_of(position);
        let class = self.segments[at].class;
        let removed = self.get(position);
        if let Some(index) = &mut self.index {
            let hot = &self.hot;
            let hash = keys.hash_address(removed.ip);
            index.remove(hash, position, |at| keys.hash_address(hot[at].ip));
        }
        self.move_gap_on(position, at..self.segments.len(), keys);
        self.hot.pop();
        self.cold.pop();
        self.close_if_empty(at);
        self.give_memory_back();
        (class, removed)
    }

    /// Puts a peer into another class. Of each segment on the way there one peer moves from its one
    /// end to its other; where the peer stands at the end of its own, and the other is the next,
    /// nobody does.
    pub fn reclassify(&mut self, position: usize, class: Class, keys: &HashKeys) {
        let to = self.open(class);
        let from = self.segment_of(position);
        let destination = match to.cmp(&from) {
            Ordering::Greater => self.start_of(to) as usize - 1,
            Ordering::Less => self.segments[to].end as usize,
            Ordering::Equal => return,
        };
        let (hot, cold) = (self.hot[position], self.cold[position]);
        let hash = keys.hash_address(hot.ip);
        // Meanwhile the index has it where nobody is: of two entries for one place it could take the
        // one for the other.
        let aside = self.hot.len();
        if destination != position {
            self.relocate(hash, position, aside);
        }
        // One of these ranges is empty.
        let gap = self.move_gap_on(position, from..to, keys);
        let gap = self.move_gap_back(gap, to..from, keys);
        if destination != position {
            (self.hot[gap], self.cold[gap]) = (hot, cold);
            self.relocate(hash, aside, gap);
        }
        self.close_if_empty(from);
    }

    /// The segment of a class, an empty one if nobody is in it yet.
    fn open(&mut self, class: Class) -> usize {
        let segments = &self.segments;
        let at = segments.partition_point(|segment| segment.class < class);
        if segments.get(at).is_none_or(|found| found.class != class) {
            let end = self.start_of(at);
            self.segments.reserve_exact(1);
            self.segments.insert(at, Segment { class, end });
        }
        at
    }

    /// The position at which a segment begins.
    fn start_of(&self, segment: usize) -> u32 {
        segment
            .checked_sub(1)
            .map_or(0, |before| self.segments[before].end)
    }

    fn segment_of(&self, position: usize) -> usize {
        self.segments
            .partition_point(|segment| segment.end as usize <= position)
    }

    /// Gives the gap, a place in the first of these segments, to the segment behind the last of
    /// them: the last peer of each fills it, and leaves the next. Returns where it is then.
    fn move_gap_on(&mut self, gap: usize, segments: Range<usize>, keys: &HashKeys) -> usize {
        segments.fold(gap, |gap, segment| {
            self.segments[segment].end -= 1;
            let last = self.segments[segment].end as usize;
            self.move_peer(last, gap, keys);
            last
        })
    }

    /// Gives the gap, a place in the segment behind these, to the first of them: the first peer of
    /// each that follows fills it, and leaves the next. Returns where it is then.
    fn move_gap_back(&mut self, gap: usize, segments: Range<usize>, keys: &HashKeys) -> usize {
        segments.rev().fold(gap, |gap, segment| {
            let first = self.segments[segment].end as usize;
            self.segments[segment].end += 1;
            self.move_peer(first, gap, keys);
            first
        })
    }

    fn close_if_empty(&mut self, segment: usize) {
        if self.segments[segment].end == self.start_of(segment) {
            self.segments.remove(segment);
        }
    }

    fn move_peer(&mut self, from: usize, to: usize, keys: &HashKeys) {
        if from != to {
            self.hot[to] = self.hot[from];
            self.cold[to] = self.cold[from];
            self.relocate(keys.hash_address(self.hot[to].ip), from, to);
        }
    }

    fn relocate(&mut self, hash: u64, from: usize, to: usize) {
        if let Some(index) = &mut self.index {
            index.relocate(hash, from, to);
        }
    }

    fn index_new(&mut self, position: usize, keys: &HashKeys) {
        let hot = &self.hot;
        let hash_of = |at: usize| keys.hash_address(hot[at].ip);
        if let Some(index) = &mut self.index {
            index.insert(hash_of(position), position, hash_of);
        } else if hot.len() > SCANNED {
            let mut index = Index::with_capacity(hot.len());
            (0..hot.len()).for_each(|at| index.insert(hash_of(at), at, hash_of));
            self.index = Some(Box::new(index));
        }
    }

    fn give_memory_back(&mut self) {
        let len = self.hot.len();
        if len < SCANNED / 2 {
            self.index = None;
        }
        if self.hot.capacity() > len * 2 + 4 {
            self.hot.shrink_to(len + headroom(len));
            self.cold.shrink_to(len + headroom(len));
        }
    }
}

/// Room beside `len` elements: a sixteenth, because memory per peer counts for more here than the
/// copies (large vectors do not even copy, the kernel moves their pages).
pub(super) fn headroom(len: usize) -> usize {
    2 + len / 16
}

pub(super) fn reserve_for_one_more<T>(elements: &mut Vec<T>) {
    if elements.len() == elements.capacity() {
        elements.reserve_exact(headroom(elements.len()));
    }
}

#[cfg(test)]
mod tests;
