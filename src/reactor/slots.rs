//! Where connections live. A token names a slot and its generation, so that an event or an
//! outcome that comes late never reaches the slot's next tenant.

use super::connection::{Connection, Phase};
use super::listener::Face;
use crate::chain::{Chain, Linked, Links};
use crate::time::Now;
use mio::Token;

/// What a slot can hold.
pub(super) trait Tenant {
    /// Its name, as [`Slots::insert`] told it.
    fn token(&self) -> Token;
    /// Which lists it belongs to, for good.
    fn face(&self) -> Face;
    /// Which of these lists, and since when.
    fn phase(&self) -> (Phase, Now);
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    tenant: Option<T>,
    /// In which list the slot is, and since when the tenant belongs there.
    listed: Option<(Face, Phase, Now)>,
    links: Links,
}

impl<T> Linked for Slot<T> {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// A tenant that enters its phase anew, as one does with each request, keeps its place in the list
/// if that is no older than this, in milliseconds: nobody's time is measured more finely, and
/// moving it costs the memory of its neighbors in the list.
const FRESH: u64 = 100;

/// All connections, and for each face and phase the list of those that are in it, the one that
/// entered it first at the front, give or take as much.
#[derive(Debug)]
pub(super) struct Slots<T = Connection> {
    slots: Vec<Slot<T>>,
    vacant: Vec<u32>,
    lists: [[Chain; Phase::COUNT]; Face::ALL.len()],
    counts: [usize; Face::ALL.len()],
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots {
            slots: Vec::new(),
            vacant: Vec::new(),
            lists: Default::default(),
            counts: Default::default(),
        }
    }
}

fn place(token: Token) -> (usize, u32) {
    (token.0 & 0xffff_ffff, (token.0 >> 32) as u32)
}

impl<T: Tenant> Slots<T> {
    /// Makes room for so many tenants, so that nobody waits for it when they come. The system gives
    /// the memory as it is used; where it cannot promise that much, room is made as they come.
    pub fn reserve(&mut self, count: usize) {
        let more = count.saturating_sub(self.slots.len());
        let _ = self.slots.try_reserve(more);
    }

    /// How many tenants a face has.
    pub fn count(&self, face: Face) -> usize {
        self.counts[face as usize]
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        self.slots.len() == self.vacant.len()
    }

    /// Moves a tenant in.
    pub fn insert(&mut self, tenant: impl FnOnce(Token) -> T) -> Token {
        let slot = match self.vacant.pop() {
            Some(slot) => slot as usize,
            None => {
                self.slots.push(Slot {
                    generation: 0,
                    tenant: None,
                    listed: None,
                    links: Links::default(),
                });
                self.slots.len() - 1
            }
        };
        let token = Token(slot | (self.slots[slot].generation as usize) << 32);
        let tenant = tenant(token);
        self.counts[tenant.face() as usize] += 1;
        self.slots[slot].tenant = Some(tenant);
        token
    }

    /// The tenant with this token, if it has not moved out.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let (slot, generation) = place(token);
        let slot = self.slots.get_mut(slot)?;
        slot.tenant
            .as_mut()
            .filter(|_| slot.generation == generation)
    }

    /// Moves a tenant out.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let face = self.get_mut(token)?.face();
        self.counts[face as usize] -= 1;
        let (place, _) = place(token);
        self.unlist(place);
        let slot = &mut self.slots[place];
        slot.generation = slot.generation.wrapping_add(1);
        self.vacant.push(place as u32);
        slot.tenant.take()
    }

    /// Puts a tenant at the end of the list of its phase, unless it has been there since about the
    /// time at which it entered the phase.
    pub fn sort(&mut self, token: Token) {
        let Some(tenant) = self.get_mut(token) else {
            return;
        };
        let (face, (phase, since)) = (tenant.face(), tenant.phase());
        let (place, _) = place(token);
        let is_listed = self.slots[place].listed.is_some_and(|(of, under, listed)| {
            (of, under) == (face, phase) && since < listed.plus(FRESH)
        });
        if !is_listed {
            self.unlist(place);
            self.lists[face as usize][phase as usize].push(&mut self.slots, place);
            self.slots[place].listed = Some((face, phase, since));
        }
    }

    fn unlist(&mut self, place: usize) {
        if let Some((face, phase, _)) = self.slots[place].listed.take() {
            self.lists[face as usize][phase as usize].remove(&mut self.slots, place);
        }
    }

    /// The tenant of a face that has been in a phase for the longest time.
    pub fn first(&self, face: Face, phase: Phase) -> Option<&T> {
        let first = self.lists[face as usize][phase as usize].first()?;
        self.slots[first].tenant.as_ref()
    }

    /// All tenants.
    pub fn tokens(&self) -> Vec<Token> {
        let tenants = self.slots.iter().filter_map(|slot| slot.tenant.as_ref());
        tenants.map(Tenant::token).collect()
    }
}
