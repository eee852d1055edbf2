//! Faults in this program itself.
//!
//! Where the loop panics, nothing can be said of what it holds any more: the process ends, and
//! whoever looks after it starts it again. Other threads go on: a panic costs what they were at.

use log::error;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::thread;

/// Has the log say where a panic came from. What it says may hold what came from outside, and is
/// for standard error alone.
pub fn report() {
    let print = take_hook();
    set_hook(Box::new(move |panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("without a name");
        let place = panic.location().map(|place| format!(" at {place}"));
        error!(
            "a fault in this program: a panic of the thread {name}{} (standard error says more)",
            place.unwrap_or_default()
        );
        print(panic);
    }));
}

/// Does something; `None` if it panics. What `work` may have left half done must be dropped, or be
/// good for anything that comes next.
pub fn survive<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
