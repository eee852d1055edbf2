//! What is done with the inputs of each fuzz target. `tests/corpus.rs` does the same with the
//! inputs that are kept, without a fuzzer.

mod answer;
#[path = "../../program/harness/bencode.rs"]
mod bencode;
mod cidr_file;
mod client_address;
mod config;
mod forwarded;
mod head_and_session;
mod query;
mod scratch;
mod target;
mod udp;
mod upstream;

/// What a target does with an input; it panics if something is wrong.
type Body = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Body)] = &[
    ("answer", answer::run),
    ("cidr_file", cidr_file::run),
    ("client_address", client_address::run),
    ("config", config::run),
    ("forwarded", forwarded::run),
    ("head_and_session", head_and_session::run),
    ("query", query::run),
    ("target", target::run),
    ("udp", udp::run),
    ("upstream", upstream::run),
];

/// Hands an input to a target.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.expect("a target of this name").1(input);
}
