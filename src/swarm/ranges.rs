//! Which group an address is in: networks, which may lie in each other, laid flat.
//!
//! A range begins where the answer changes, and ends where the next one begins. However many
//! networks there are, and however deep they lie in each other, an address is found by one search
//! in a row of numbers; neighboring networks of one group are one range. The row is written from
//! its beginning to its end, so that making it can be interrupted anywhere, and it is never copied
//! as it grows.

use super::groups::{GroupId, OTHER};

/// The ranges of one address family, of all addresses together; `N` is [`u32`] or [`u128`].
#[derive(Debug)]
pub(super) struct Ranges<N> {
    /// Where each begins, in ascending order; the first is 0.
    starts: Vec<N>,
    /// Whose it is; as many.
    groups: Vec<GroupId>,
}

impl<N: Copy + Ord> Ranges<N> {
    /// The group of the smallest network that the address is in; [`OTHER`] if it is in none.
    pub fn find(&self, address: N) -> GroupId {
        let begun = self.starts.partition_point(|start| *start <= address);
        self.groups[begun - 1]
    }
}

/// A network that the addresses looked at are in.
#[derive(Debug)]
struct Open<N> {
    start: N,
    /// The first address behind it; `None` is behind the last address there is.
    end: Option<N>,
    group: GroupId,
}

/// Makes [`Ranges`] of networks that come in ascending order: by their first addresses, the larger
/// one first where these are the same, the more important one first where both are.
#[derive(Debug)]
pub(super) struct Flattening<N> {
    ranges: Ranges<N>,
    /// Each lies in the one before it.
    open: Vec<Open<N>>,
}

impl<N: Copy + Ord + Default> Flattening<N> {
    /// With room for so many networks. Memory that is not used is given back in the end.
    pub fn with_room_for(networks: usize) -> Flattening<N> {
        let most = 2 * networks + 1;
        let mut ranges = Ranges {
            starts: Vec::with_capacity(most),
            groups: Vec::with_capacity(most),
        };
        ranges.starts.push(N::default());
        ranges.groups.push(OTHER);
        Flattening {
            ranges,
            open: Vec::new(),
        }
    }

    /// Takes the next network: from `start` up to `end`, or up to the last address there is.
    pub fn push(&mut self, start: N, end: Option<N>, group: GroupId) {
        debug_assert!(self.ranges.starts.last() <= Some(&start), "not in order");
        self.close(|open| open.end.is_some_and(|end| end <= start));
        let innermost = self.open.last();
        if innermost.is_none_or(|open| (open.start, open.end) != (start, end)) {
            self.begin(start, group);
            self.open.push(Open { start, end, group });
        }
    }

    /// No more networks come.
    pub fn finish(mut self) -> Ranges<N> {
        self.close(|_| true);
        self.ranges.starts.shrink_to_fit();
        self.ranges.groups.shrink_to_fit();
        self.ranges
    }

    /// Ends the innermost networks, as long as they are `over`; what they lie in goes on.
    fn close(&mut self, over: impl Fn(&Open<N>) -> bool) {
        while let Some(closed) = self.open.pop_if(|open| over(open)) {
            let around = self.open.last().map_or(OTHER, |open| open.group);
            if let Some(end) = closed.end {
                self.begin(end, around);
            }
        }
    }

    /// From this address on, which is none before the last one, everything is this group's.
    fn begin(&mut self, start: N, group: GroupId) {
        let Ranges { starts, groups } = &mut self.ranges;
        if starts.last() == Some(&start) {
            starts.pop();
            groups.pop();
        }
        if groups.last() != Some(&group) {
            starts.push(start);
            groups.push(group);
        }
    }
}
