//! One table of an [`Index`](super::index::Index): slots, and how a search goes through them.
//!
//! A slot holds a position in its low bits and a tag in the rest. Most swarms that have an index
//! are not large, and 2 bytes a slot hold their positions and a tag that is worth having; larger
//! tables have 4.

/// A slot that ends every search.
const EMPTY: u32 = u32::MAX;
/// A slot of a table that is being emptied, already moved or removed.
pub(super) const MOVED: u32 = u32::MAX - 1;
/// Positions of so many bits leave 4 of 16 for the tag, so that a search in the fullest table,
/// which passes 13 slots on average, looks at less than one key in vain.
const NARROW: u32 = 12;
pub(super) const SMALLEST: usize = 16;
/// Slots that one or two lines of the processor's cache hold.
const SIDE_BY_SIDE: usize = 16;

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub slots: Slots,
    /// How many low bits of a slot are the position.
    position_bits: u32,
    pub len: usize,
}

impl Table {
    pub fn none() -> Table {
        Table {
            slots: Slots::none(),
            position_bits: 1,
            len: 0,
        }
    }

    pub fn with_slots(slots: usize) -> Table {
        let slots = slots.max(SMALLEST);
        // Two values are taken, and a full table is four fifths full: positions never reach them.
        let position_bits = (usize::BITS - (slots + 2).leading_zeros()).min(31);
        Table {
            slots: Slots::new(slots, position_bits),
            position_bits,
            len: 0,
        }
    }

    /// Where the search for a hash begins: its upper half scaled to the number of slots.
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.slots.len() as u64) >> 32) as usize
    }

    pub fn value(&self, hash: u64, position: usize) -> u32 {
        debug_assert!(position < low_bits(self.position_bits) as usize - 1);
        self.slots
            .kept((hash as u32) << self.position_bits | position as u32)
    }

    fn tag(&self, hash: u64) -> u32 {
        self.slots.kept((hash as u32) << self.position_bits)
    }

    pub fn position(&self, value: u32) -> usize {
        (value & low_bits(self.position_bits)) as usize
    }

    fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() {
            0
        } else {
            slot + 1
        }
    }

    pub fn touch(&self, hash: u64) -> u32 {
        if self.slots.is_empty() {
            return EMPTY;
        }
        self.slots.get(self.home(hash))
    }

    /// Looks at no more slots than stand side by side in the processor's cache.
    pub fn likely(&self, hash: u64) -> Option<usize> {
        let tag = self.tag(hash);
        let mask = low_bits(self.position_bits);
        let home = self.home(hash);
        let slots = home..self.slots.len().min(home + SIDE_BY_SIDE);
        let values = slots.map(|slot| self.slots.get(slot));
        let mut candidates = values.take_while(|&value| value != EMPTY);
        let found = candidates.find(|value| value & !mask == tag && *value != MOVED)?;
        Some(self.position(found))
    }

    pub fn each_match(&self, hash: u64, visit: &mut impl FnMut(usize) -> bool) -> bool {
        let tag = self.tag(hash);
        let mask = low_bits(self.position_bits);
        let mut slot = self.home(hash);
        for _ in 0..self.slots.len() {
            let value = self.slots.get(slot);
            if value == EMPTY {
                break;
            }
            if value & !mask == tag && value != MOVED && !visit(self.position(value)) {
                return false;
            }
            slot = self.after(slot);
        }
        true
    }

    pub fn slot_of(&self, hash: u64, position: usize) -> Option<usize> {
        if self.slots.is_empty() || position >= low_bits(self.position_bits) as usize - 1 {
            return None;
        }
        let wanted = self.value(hash, position);
        let mut slot = self.home(hash);
        for _ in 0..self.slots.len() {
            match self.slots.get(slot) {
                EMPTY => return None,
                value if value == wanted => return Some(slot),
                _ => slot = self.after(slot),
            }
        }
        None
    }

    pub fn insert(&mut self, hash: u64, position: usize) {
        let value = self.value(hash, position);
        let mut slot = self.home(hash);
        while self.slots.get(slot) != EMPTY {
            slot = self.after(slot);
        }
        self.slots.set(slot, value);
        self.len += 1;
    }

    /// Empties a slot and closes the gap, so that every search still finds its end.
    pub fn remove(&mut self, slot: usize, hash_of: &impl Fn(usize) -> u64) {
        let mut gap = slot;
        let mut slot = self.after(slot);
        while self.slots.get(slot) != EMPTY {
            let home = self.home(hash_of(self.position(self.slots.get(slot))));
            let stays = if gap < slot {
                gap < home && home <= slot
            } else {
                gap < home || home <= slot
            };
            if !stays {
                self.slots.set(gap, self.slots.get(slot));
                gap = slot;
            }
            slot = self.after(slot);
        }
        self.slots.set(gap, EMPTY);
        self.len -= 1;
    }
}

fn low_bits(count: u32) -> u32 {
    (1 << count) - 1
}

/// Slots of either width. A narrow one is read as if its highest bit went on, so that the values
/// that are taken are the same for both.
#[derive(Clone, Debug)]
pub(super) enum Slots {
    Narrow(Box<[u16]>),
    Wide(Box<[u32]>),
}

impl Slots {
    pub fn none() -> Slots {
        Slots::Narrow(Box::default())
    }

    /// So many empty ones, for positions of so many bits.
    pub fn new(count: usize, position_bits: u32) -> Slots {
        if position_bits <= NARROW {
            Slots::Narrow(vec![EMPTY as u16; count].into())
        } else {
            Slots::Wide(vec![EMPTY; count].into())
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Slots::Narrow(slots) => slots.len(),
            Slots::Wide(slots) => slots.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn get(&self, slot: usize) -> u32 {
        match self {
            Slots::Narrow(slots) => widened(slots[slot]),
            Slots::Wide(slots) => slots[slot],
        }
    }

    pub fn set(&mut self, slot: usize, value: u32) {
        match self {
            Slots::Narrow(slots) => slots[slot] = value as u16,
            Slots::Wide(slots) => slots[slot] = value,
        }
    }

    /// What a slot will say that is set to this value.
    #[inline]
    pub fn kept(&self, value: u32) -> u32 {
        match self {
            Slots::Narrow(_) => widened(value as u16),
            Slots::Wide(_) => value,
        }
    }
}

fn widened(slot: u16) -> u32 {
    i32::from(slot.cast_signed()).cast_unsigned()
}
