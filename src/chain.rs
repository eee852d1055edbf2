//! Lists threaded through the elements of a slice, for orders that change all the time: least
//! recently used, next to time out. Every operation is a handful of loads and stores, and an
//! element's place costs it 8 bytes.

/// No element.
const NONE: u32 = u32::MAX;

/// An element's place in its chain. An element is in one chain at a time, or in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    previous: u32,
    next: u32,
}

impl Default for Links {
    fn default() -> Self {
        Links {
            previous: NONE,
            next: NONE,
        }
    }
}

/// Something that can be an element of a [`Chain`].
pub trait Linked {
    /// The element's place.
    fn links(&mut self) -> &mut Links;
}

/// One chain. Elements are named by their position in the slice that is handed to each call,
/// which must be the same slice every time.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    first: u32,
    last: u32,
    len: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Chain {
            first: NONE,
            last: NONE,
            len: 0,
        }
    }
}

impl Chain {
    /// The position of the element that was pushed first.
    pub fn first(&self) -> Option<usize> {
        (self.first != NONE).then_some(self.first as usize)
    }

    /// How many elements are in the chain.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an element that is in no chain at the end.
    pub fn push<T: Linked>(&mut self, elements: &mut [T], position: usize) {
        let at = u32::try_from(position).unwrap_or(NONE);
        debug_assert_ne!(at, NONE);
        *elements[position].links() = Links {
            previous: self.last,
            next: NONE,
        };
        match self.last {
            NONE => self.first = at,
            last => elements[last as usize].links().next = at,
        }
        self.last = at;
        self.len += 1;
    }

    /// Takes an element of this chain out.
    pub fn remove<T: Linked>(&mut self, elements: &mut [T], position: usize) {
        let Links { previous, next } = std::mem::take(elements[position].links());
        self.join(elements, previous, next);
        self.len -= 1;
    }

    /// Tells the chain that an element of it, which stands at `position` by now, was at another
    /// position before.
    pub fn moved<T: Linked>(&mut self, elements: &mut [T], position: usize) {
        let Links { previous, next } = *elements[position].links();
        let at = u32::try_from(position).unwrap_or(NONE);
        self.join(elements, previous, at);
        self.join(elements, at, next);
    }

    /// Makes two elements neighbors; either may be the end of the chain.
    fn join<T: Linked>(&mut self, elements: &mut [T], before: u32, after: u32) {
        match before {
            NONE => self.first = after,
            before => elements[before as usize].links().next = after,
        }
        match after {
            NONE => self.last = before,
            after => elements[after as usize].links().previous = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Element(Links);

    impl Linked for Element {
        fn links(&mut self) -> &mut Links {
            &mut self.0
        }
    }

    fn order(chain: &Chain, elements: &mut [Element]) -> Vec<usize> {
        let mut order = Vec::new();
        let mut at = chain.first;
        while at != NONE {
            order.push(at as usize);
            at = elements[at as usize].links().next;
        }
        assert_eq!(order.len(), chain.len());
        assert_eq!(order.last().map_or(NONE, |&last| last as u32), chain.last);
        order
    }

    #[test]
    fn elements_leave_from_anywhere_and_keep_the_order_of_the_others() {
        let mut elements: Vec<_> = (0..5).map(|_| Element(Links::default())).collect();
        let mut chain = Chain::default();
        for position in [3, 1, 4, 0] {
            chain.push(&mut elements, position);
        }
        chain.remove(&mut elements, 1);
        assert_eq!(order(&chain, &mut elements), [3, 4, 0]);
        chain.remove(&mut elements, 0);
        chain.push(&mut elements, 1);
        chain.remove(&mut elements, 3);
        assert_eq!(order(&chain, &mut elements), [4, 1]);
        elements.swap(4, 2);
        chain.moved(&mut elements, 2);
        assert_eq!(order(&chain, &mut elements), [2, 1]);
        chain.remove(&mut elements, 2);
        chain.remove(&mut elements, 1);
        assert!(chain.is_empty() && chain.first().is_none());
    }
}
