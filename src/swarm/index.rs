//! A hash index from keys to positions: the keys themselves stay where they are, in a dense
//! vector of the caller's, and the index holds 4 bytes a slot.
//!
//! Open addressing with linear probing. A slot holds a position in its low bits and, in those
//! that are left over, a tag from the key's hash, so that hardly any key but the right one is
//! looked at. Two things set it apart from a table of the standard library: it is filled to four
//! fifths and grows by a quarter, which saves memory, and it grows a few slots at a time, with each
//! insertion, because moving millions of entries in one go would stop the daemon's only thread.

const EMPTY: u32 = u32::MAX;
/// A slot of a table that is being emptied, already moved or removed.
const MOVED: u32 = u32::MAX - 1;
/// Slots moved to the new table with each insertion or removal. The new table has room until the
/// old one is empty (see [`Index::resize_if_needed`]).
const STEP: usize = 32;
const SMALLEST: usize = 16;
/// Slots that one or two lines of the processor's cache hold.
const SIDE_BY_SIDE: usize = 16;

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

#[derive(Clone, Debug)]
struct Table {
    slots: Box<[u32]>,
    /// How many low bits of a slot are the position.
    position_bits: u32,
    len: usize,
}

impl Index {
    /// An index with room for `entries`.
    pub fn with_capacity(entries: usize) -> Index {
        Index {
            current: Table::with_slots(entries + entries / 2),
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
        self.resize_if_needed(&hash_of);
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
        self.resize_if_needed(&hash_of);
    }

    /// The key at `from` is now at `to`.
    pub fn relocate(&mut self, hash: u64, from: usize, to: usize) {
        match self.current.slot_of(hash, from) {
            Some(slot) => self.current.slots[slot] = self.current.value(hash, to),
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
            self.old.slots[slot] = MOVED;
            self.old.len -= 1;
        }
    }

    /// Begins to move to a larger or smaller table. With four fifths of S slots full, the new
    /// 1.25 S slots take another 0.2 S entries, and the old table is empty after S / STEP calls.
    fn resize_if_needed(&mut self, hash_of: &impl Fn(usize) -> u64) {
        let (len, slots) = (self.len(), self.current.slots.len());
        let too_small = len + 1 > slots / 5 * 4;
        let too_large = slots > SMALLEST && len < slots / 4 && self.old.len == 0;
        if too_small || too_large {
            self.move_some(self.old.slots.len(), hash_of);
            let wanted = if too_small {
                slots + slots / 4
            } else {
                len * 2
            };
            let new = Table::with_slots(wanted);
            self.old = std::mem::replace(&mut self.current, new);
            self.moved = 0;
        }
    }

    fn move_some(&mut self, slots: usize, hash_of: &impl Fn(usize) -> u64) {
        if self.old.slots.is_empty() {
            return;
        }
        let end = self.old.slots.len().min(self.moved + slots);
        for slot in &mut self.old.slots[self.moved..end] {
            if *slot < MOVED {
                let position = (*slot & low_bits(self.old.position_bits)) as usize;
                self.current.insert(hash_of(position), position);
                *slot = MOVED;
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

fn low_bits(count: u32) -> u32 {
    (1 << count) - 1
}

impl Table {
    fn none() -> Table {
        Table {
            slots: Box::default(),
            position_bits: 1,
            len: 0,
        }
    }

    fn with_slots(slots: usize) -> Table {
        let slots = slots.max(SMALLEST);
        // Two values are taken, and a full table is four fifths full: positions never reach them.
        let position_bits = usize::BITS - (slots + 2).leading_zeros();
        Table {
            slots: vec![EMPTY; slots].into_boxed_slice(),
            position_bits: position_bits.min(31),
            len: 0,
        }
    }

    /// Where the search for a hash begins: its upper half scaled to the number of slots.
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.slots.len() as u64) >> 32) as usize
    }

    fn value(&self, hash: u64, position: usize) -> u32 {
        debug_assert!(position < low_bits(self.position_bits) as usize - 1);
        (hash as u32) << self.position_bits | position as u32
    }

    fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() {
            0
        } else {
            slot + 1
        }
    }

    fn touch(&self, hash: u64) -> u32 {
        self.slots.get(self.home(hash)).copied().unwrap_or(EMPTY)
    }

    /// Looks at no more slots than stand side by side in the processor's cache.
    fn likely(&self, hash: u64) -> Option<usize> {
        let tag = (hash as u32) << self.position_bits;
        let mask = low_bits(self.position_bits);
        let slots = self.slots.get(self.home(hash)..).unwrap_or_default();
        let slots = slots.iter().take(SIDE_BY_SIDE);
        let mut candidates = slots.take_while(|&&value| value != EMPTY);
        let found = candidates.find(|&&value| value & !mask == tag && value != MOVED)?;
        Some((found & mask) as usize)
    }

    fn each_match(&self, hash: u64, visit: &mut impl FnMut(usize) -> bool) -> bool {
        let tag = (hash as u32) << self.position_bits;
        let mask = low_bits(self.position_bits);
        let mut slot = self.home(hash);
        for _ in 0..self.slots.len() {
            let value = self.slots[slot];
            if value == EMPTY {
                break;
            }
            if value & !mask == tag && value != MOVED && !visit((value & mask) as usize) {
                return false;
            }
            slot = self.after(slot);
        }
        true
    }

    fn slot_of(&self, hash: u64, position: usize) -> Option<usize> {
        if self.slots.is_empty() || position >= low_bits(self.position_bits) as usize - 1 {
            return None;
        }
        let wanted = self.value(hash, position);
        let mut slot = self.home(hash);
        for _ in 0..self.slots.len() {
            match self.slots[slot] {
                EMPTY => return None,
                value if value == wanted => return Some(slot),
                _ => slot = self.after(slot),
            }
        }
        None
    }

    fn insert(&mut self, hash: u64, position: usize) {
        let value = self.value(hash, position);
        let mut slot = self.home(hash);
        while self.slots[slot] != EMPTY {
            slot = self.after(slot);
        }
        self.slots[slot] = value;
        self.len += 1;
    }

    /// Empties a slot and closes the gap, so that every search still finds its end.
    fn remove(&mut self, slot: usize, hash_of: &impl Fn(usize) -> u64) {
        let mask = low_bits(self.position_bits);
        let mut gap = slot;
        let mut slot = self.after(slot);
        while self.slots[slot] != EMPTY {
            let home = self.home(hash_of((self.slots[slot] & mask) as usize));
            let stays = if gap < slot {
                gap < home && home <= slot
            } else {
                gap < home || home <= slot
            };
            if !stays {
                self.slots[gap] = self.slots[slot];
                gap = slot;
            }
            slot = self.after(slot);
        }
        self.slots[gap] = EMPTY;
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn agrees_with_a_map_while_it_grows_and_shrinks() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut dense = Dense {
            keys: Vec::new(),
            index: Index::with_capacity(0),
        };
        let mut model = HashSet::new();
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
            }
            for key in 0..20_000 {
                assert_eq!(dense.find(key).is_some(), model.contains(&key), "{key}");
            }
            assert_eq!(dense.index.len(), model.len());
        }
        for key in model {
            dense.remove(key);
        }
        assert_eq!(dense.index.len(), 0);
        assert!(dense.index.current.slots.len() < 200);
    }
}
