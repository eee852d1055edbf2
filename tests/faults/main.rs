//! Bad luck: clocks that fail and go backwards, memory and descriptors that run out, a reload after
//! the other. The real program goes on, or ends and says why.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "waiting with a deadline needs the real clock, and a helper fails its test by panicking"
)]

mod clock;
mod descriptors;
#[path = "../program/harness/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the tests of the program use all of it"
)]
mod harness;
mod memory;
mod panics;
mod reloads;
#[path = "../upstream/server.rs"]
#[expect(dead_code, reason = "the tests of fetches use all of it")]
mod server;
mod shim;
