//! Numbers in an order that chance decides, without a list of them.

/// The numbers below another one, each of them once, in an order that takes no memory. They are
/// cut into parts of equal length: first comes one number of each part, which one is for chance to
/// say, then the next of each, and so on. There are no numbers that are drawn in vain, which a
/// processor could not foresee, and which would cost it more than all the rest.
pub(super) struct Scattered {
    end: u32,
    /// The logarithm of how many parts there are.
    part_bits: u32,
    /// How many parts have been asked, each once in a round.
    asked: u32,
    /// What chance says of the first part, and by how much it differs from one part to the next: a
    /// step of a random width makes any two of them as good as independent.
    first: u32,
    width: u32,
}

impl Scattered {
    /// Numbers below `end`, of which the first `apart` and more come from different parts, or from
    /// as many as there are numbers.
    pub(super) fn new(end: u32, apart: u32, random: &mut fastrand::Rng) -> Scattered {
        let chance = random.u64(..);
        Scattered {
            end,
            part_bits: apart.next_power_of_two().trailing_zeros(),
            asked: 0,
            first: chance as u32,
            width: (chance >> 32) as u32,
        }
    }

    fn begin_of(&self, part: u32) -> u32 {
        scaled(part, self.part_bits, self.end)
    }
}

impl Iterator for Scattered {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let round = self.asked >> self.part_bits;
            let part = self.asked - (round << self.part_bits);
            // No part is longer than this.
            if round > self.end >> self.part_bits {
                return None;
            }
            self.asked += 1;
            let (begin, end) = (self.begin_of(part), self.begin_of(part + 1));
            let length = end - begin;
            let chance = self.first.wrapping_add(self.width.wrapping_mul(part));
            let number = begin + scaled(chance, u32::BITS, length) + round;
            if round < length {
                return Some(if number < end {
                    number
                } else {
                    number - length
                });
            }
        }
    }
}

/// What part of `end` a number is if it is that part of all numbers of so many bits.
fn scaled(number: u32, bits: u32, end: u32) -> u32 {
    ((u64::from(number) * u64::from(end)) >> bits) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn scattered_numbers_come_once_each_and_in_many_orders() {
        let mut random = fastrand::Rng::with_seed(5);
        for end in [1, 2, 3, 7, 8, 9, 125, 1_000] {
            for apart in [1, 3, 8, 100] {
                let mut orders = HashSet::new();
                for _ in 0..200 {
                    let order: Vec<u32> = Scattered::new(end, apart, &mut random).collect();
                    let mut sorted = order.clone();
                    sorted.sort_unstable();
                    assert!(sorted.into_iter().eq(0..end), "{end}, {apart}: {order:?}");
                    orders.insert(order);
                }
                if end >= 125 && apart == 8 {
                    assert!(orders.len() > 195, "{end}: {}", orders.len());
                }
            }
        }
    }

    #[test]
    fn any_two_numbers_of_different_parts_meet_as_often_as_any_others() {
        let mut random = fastrand::Rng::with_seed(6);
        let mut met = [[0_u32; 16]; 16];
        for _ in 0..64_000 {
            let drawn: Vec<u32> = Scattered::new(16, 4, &mut random).take(4).collect();
            for &one in &drawn {
                for &other in &drawn {
                    met[one as usize][other as usize] += 1;
                }
            }
        }
        for (one, meetings) in met.iter().enumerate() {
            for (other, &times) in meetings.iter().enumerate() {
                let expected = match () {
                    () if one == other => 16_000.0,
                    () if one / 4 == other / 4 => 0.0,
                    () => 4_000.0,
                };
                // Six standard deviations, and no more where the expectation is certain.
                let bound = 6.0 * f64::sqrt(expected);
                assert!(
                    (f64::from(times) - expected).abs() <= bound,
                    "{one}, {other}: {times}"
                );
            }
        }
    }
}
