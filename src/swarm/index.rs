//! A hash index from keys to positions: the keys themselves stay where they are, in a dense
//! vector of the caller's, and the index holds 2 or 4 bytes a slot.
//!
//! Open addressing with linear probing. A slot holds a position in its low bits and, in those
//! that are left over, a tag from the key's hash, so that hardly any key but the right one is
//! looked at. Two things set it apart from a table of the standard library: it is filled to four
//! fifths and grows by a quarter, which saves memory, and it grows a few slots at a time, with each
//! insertion, because moving millions of entries in one go would stop the daemon's only thread.

use super::table::{MOVED, SMALLEST, Table};

/// Slots moved to the new table with each insertion or removal. The new table has room until the
/// old one is empty (see [`Index::grow_if_needed`]).
const STEP: usize = 32;

/// The index. Positions must be dense: smaller than the number of entries, but for the moment of
/// an insertion.
#[derive(Clone, Debug)]
pub(super) struct Index {
    current: Table,
    /// The table before the last resize, until all its slots have been moved.
    old: Table,
    /// Slots of `old` before this one have been moved.
    moved: usize,
}

impl Index {
    /// An index with room for `entries`.
    pub fn with_capacity(entries: usize) -> Index {
        Index {
            current: Table::with_slots(entries + entries / 3),
            old: Table::none(),
            moved: 0,
        }
    }

    /// The position for which `is_it` says yes, of those whose key has this hash.
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut found = None;
        self.each_match(hash, |position| {
            if is_it(position) {
                found = Some(position);
            }
            found.is_none()
        });
        found
    }

    /// Calls `visit` for every position whose key may have this hash, until it returns false.
    pub fn each_match(&self, hash: u64, mut visit: impl FnMut(usize) -> bool) {
        if self.current.each_match(hash, &mut visit) && !self.old.slots.is_empty() {
            self.old.each_match(hash, &mut visit);
        }
    }

    /// Reads the slots where the search for a hash begins, so that they are at hand when it does.
    pub fn touch(&self, hash: u64) -> u32 {
        self.current.touch(hash) ^ self.old.touch(hash)
    }

    /// The position whose key most likely has this hash; no key is looked at.
    pub fn likely(&self, hash: u64) -> Option<usize> {
        let current = self.current.likely(hash);
        current.or_else(|| self.old.likely(hash))
    }

    /// Adds a position that is not in the index. `hash_of` is the hash of the key at a position.
    pub fn insert(&mut self, hash: u64, position: usize, hash_of: impl Fn(usize) -> u64) {
        self.grow_if_needed(&hash_of);
        self.move_some(STEP, &hash_of);
        self.current.insert(hash, position);
    }

    /// Removes a position that is in the index.
    pub fn remove(&mut self, hash: u64, position: usize, hash_of: impl Fn(usize) -> u64) {
        match self.current.slot_of(hash, position) {
            Some(slot) => self.current.remove(slot, &hash_of),
            None => self.take_from_old(hash, position),
        }
        self.move_some(STEP, &hash_of);
        self.shrink_if_needed(&hash_of);
    }

    /// The key at `from` is now at `to`.
    pub fn relocate(&mut self, hash: u64, from: usize, to: usize) {
        match self.current.slot_of(hash, from) {
            Some(slot) => self.current.slots.set(slot, self.current.value(hash, to)),
            None => {
                self.take_from_old(hash, from);
                self.current.insert(hash, to);
            }
        }
    }

    fn take_from_old(&mut self, hash: u64, position: usize) {
        let slot = self.old.slot_of(hash, position);
        debug_assert!(slot.is_some(), "position {position} is not in the index");
        if let Some(slot) = slot {
            self.old.slots.set(slot, MOVED);
            self.old.len -= 1;
        }
    }

    /// Begins to move to a larger table. With four fifths of S slots full, the new 1.25 S slots
    /// take another 0.2 S entries, and the old table is empty after S / STEP calls.
    fn grow_if_needed(&mut self, hash_of: &impl Fn(usize) -> u64) {
        let slots = self.current.slots.len();
        if self.len() + 1 > slots / 5 * 4 {
            self.resize(slots + slots / 4, hash_of);
        }
    }

    /// For removals only: an index made with room for what is about to come is nearly empty too.
    fn shrink_if_needed(&mut self, hash_of: &impl Fn(usize) -> u64) {
        let (len, slots) = (self.len(), self.current.slots.len());
        if slots > SMALLEST && len < slots / 4 && self.old.len == 0 {
            self.resize(len * 2, hash_of);
        }
    }

    fn resize(&mut self, slots: usize, hash_of: &impl Fn(usize) -> u64) {
        self.move_some(self.old.slots.len(), hash_of);
        let new = Table::with_slots(slots);
        self.old = std::mem::replace(&mut self.current, new);
        self.moved = 0;
    }

    fn move_some(&mut self, slots: usize, hash_of: &impl Fn(usize) -> u64) {
        if self.old.slots.is_empty() {
            return;
        }
        let end = self.old.slots.len().min(self.moved + slots);
        for slot in self.moved..end {
            let value = self.old.slots.get(slot);
            if value < MOVED {
                let position = self.old.position(value);
                self.current.insert(hash_of(position), position);
                self.old.slots.set(slot, MOVED);
                self.old.len -= 1;
            }
        }
        self.moved = end;
        if end == self.old.slots.len() {
            self.old = Table::none();
        }
    }

    /// How many positions are in the index.
    pub fn len(&self) -> usize {
        self.current.len + self.old.len
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::Slots;
    use super::*;
    use std::collections::HashSet;

    /// A poor hash, so that keys collide and clusters wrap around the end.
    fn hash(key: u32) -> u64 {
        let mixed = u64::from(key / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ u64::from(key % 2)
    }

    /// Keys in a dense vector, as the callers keep them.
    struct Dense {
        keys: Vec<u32>,
        index: Index,
    }

    impl Dense {
        fn find(&self, key: u32) -> Option<usize> {
            self.index
                .find(hash(key), |position| self.keys[position] == key)
        }

        fn insert(&mut self, key: u32) {
            let position = self.keys.len();
            self.keys.push(key);
            let keys = &self.keys;
            self.index
                .insert(hash(key), position, |position| hash(keys[position]));
        }

        fn remove(&mut self, key: u32) {
            let position = self.find(key).unwrap();
            let keys = &self.keys;
            self.index
                .remove(hash(key), position, |position| hash(keys[position]));
            self.keys.swap_remove(position);
            if let Some(&moved) = self.keys.get(position) {
                self.index.relocate(hash(moved), self.keys.len(), position);
            }
        }

        fn is_narrow(&self) -> bool {
            matches!(self.index.current.slots, Slots::Narrow(_))
        }

        /// Whether slots are being moved from one width to the other; then every key is looked for.
        fn is_changing_width(&self) -> bool {
            let old = &self.index.old.slots;
            let changing = !old.is_empty() && matches!(old, Slots::Narrow(_)) != self.is_narrow();
            if changing {
                for (position, &key) in self.keys.iter().enumerate() {
                    assert_eq!(self.find(key), Some(position));
                    let likely = self.index.likely(hash(key));
                    assert!(likely.is_none_or(|likely| likely < self.keys.len()));
                }
            }
            changing
        }
    }

    #[test]
    fn agrees_with_a_map_while_it_grows_and_shrinks() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut dense = Dense {
            keys: Vec::new(),
            index: Index::with_capacity(0),
        };
        let mut model = HashSet::new();
        let (mut widening, mut narrowing) = (0, 0);
        for round in 0..12 {
            let growing = round % 3 != 2;
            for _ in 0..3_000 {
                let key = random.u32(0..20_000);
                if model.contains(&key) {
                    if !growing {
                        dense.remove(key);
                        model.remove(&key);
                    }
                } else if growing || random.u32(0..8) == 0 {
                    dense.insert(key);
                    model.insert(key);
                }
                assert_eq!(dense.find(key).is_some(), model.contains(&key));
                widening += usize::from(dense.is_changing_width());
            }
            for key in 0..20_000 {
                assert_eq!(dense.find(key).is_some(), model.contains(&key), "{key}");
            }
            assert_eq!(dense.index.len(), model.len());
        }
        assert!(!dense.is_narrow() && widening > STEP, "{widening} steps");
        for key in model {
            dense.remove(key);
            narrowing += usize::from(dense.is_changing_width());
        }
        assert!(dense.is_narrow() && narrowing > STEP, "{narrowing} steps");
        assert_eq!(dense.index.len(), 0);
        assert!(dense.index.current.slots.len() < 200);
    }
}
