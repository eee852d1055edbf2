//! Giving way: threads that work long for the loop let it have its turn.

use std::thread;

/// Lets the loop have the processor at once, if it waits for the one that the calling thread is on.
/// To be called from time to time by whoever works long: however nice a thread is, the kernel lets
/// it finish a time slice of some milliseconds before others get their turn.
pub fn give_way() {
    thread::yield_now();
}

/// Gives way at every so many steps of something long.
pub struct Pace {
    steps: usize,
    /// Steps since the last time.
    made: usize,
}

impl Pace {
    /// At every `steps`-th step.
    pub fn every(steps: usize) -> Pace {
        Pace { steps, made: 0 }
    }

    /// A step is made.
    pub fn step(&mut self) {
        self.made += 1;
        if self.made >= self.steps {
            self.made = 0;
            give_way();
        }
    }
}
