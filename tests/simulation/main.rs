//! A tracker's life by the dice: clients, neighbors, external trackers, workers, a database, an
//! operator and a clock that all do what they like, as a number (the seed) decides, while what is
//! promised is checked after every step.
//!
//! Nothing here has a socket or a thread, so that a life of hours takes a few milliseconds, and the
//! same seed is the same life. A failure prints its seed:
//!
//! ```sh
//! BTRT_SEED=1234 cargo test --test simulation     # that life again, with each step told
//! BTRT_SEEDS=100000 cargo test --test simulation  # more lives than usual
//! ```

#![expect(clippy::panic, reason = "a helper fails its test by panicking")]

mod checks;
mod clients;
mod database;
mod found;
mod hearsay;
#[path = "../model/networks.rs"]
#[expect(dead_code, reason = "its strategies are for the model")]
mod networks;
mod operator;
#[path = "../model/real.rs"]
#[expect(dead_code, reason = "some of it is for the model")]
mod real;
mod workers;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use world::World;

/// Lives in an ordinary run.
const LIVES: u64 = 2_000;
/// Steps of one life.
const STEPS: usize = 100;

fn live(seed: u64, telling: bool) {
    let mut world = World::new(seed, telling);
    for _ in 0..STEPS {
        world.step();
    }
    world.end();
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn promises_hold_whatever_happens() {
    if let Some(seed) = number("BTRT_SEED") {
        return live(seed, true);
    }
    let lives = number("BTRT_SEEDS").unwrap_or(LIVES);
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || {
                for seed in (first..lives).step_by(threads as usize) {
                    let life = AssertUnwindSafe(|| live(seed, false));
                    if let Err(panic) = catch_unwind(life) {
                        eprintln!("again with: BTRT_SEED={seed} cargo test --test simulation");
                        resume_unwind(panic);
                    }
                }
            });
        }
    });
}
