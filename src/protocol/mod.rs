//! Bytes to words and back. Nothing here owns a socket, reads a clock or remembers a swarm: bytes
//! go in, [`bittorrent`](crate::bittorrent) words come out, and the other way round.

pub mod bencode;
pub mod bencode_reader;
pub mod http;
mod peers;
pub mod udp;
pub mod upstream;
