//! Numbers in an order that chance decides, without a list of them.

/// The numbers below another one, in an order of which there are very many and that takes no
/// memory: steps of an odd width lead past all numbers below a power of two, and so does
/// multiplying them by an odd one; those that are too large are passed over.
pub(super) struct Scattered {
    end: u32,
    mask: u32,
    next: u64,
    width: u32,
    first: u32,
    factor: u32,
    shift: u32,
}

impl Scattered {
    pub(super) fn new(end: u32, random: &mut fastrand::Rng) -> Scattered {
        let mask = end.next_power_of_two() - 1;
        let (one, other) = (random.u64(..), random.u64(..));
        Scattered {
            end,
            mask,
            next: 0,
            width: one as u32 | 1,
            first: (one >> 32) as u32,
            factor: other as u32 | 1,
            shift: (mask.count_ones() / 2).max(1),
        }
    }
}

impl Iterator for Scattered {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.next <= u64::from(self.mask) {
            let number = self.width.wrapping_mul(self.next as u32);
            let number = number.wrapping_add(self.first) & self.mask;
            // Without this, what comes next to each other would always be as far apart.
            let number = number ^ number >> self.shift;
            let number = number.wrapping_mul(self.factor) & self.mask;
            self.next += 1;
            if number < self.end {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_numbers_come_once_each_and_in_many_orders() {
        let mut random = fastrand::Rng::with_seed(5);
        for end in [1, 2, 3, 7, 8, 9, 125, 1_000] {
            let mut orders = std::collections::HashSet::new();
            for _ in 0..200 {
                let order: Vec<u32> = Scattered::new(end, &mut random).collect();
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..end));
                orders.insert(order);
            }
            if end >= 125 {
                assert!(orders.len() > 195, "{end}: {}", orders.len());
            }
        }
    }
}
