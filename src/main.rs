//! The `btrt` program.

fn main() {}
