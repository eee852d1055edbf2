//! Requests with a number each, which their log lines tell.

use crate::harness::{Client, leecher};
use std::collections::BTreeMap;

/// Announces `numbers` over one connection, many at a time, and insists on every answer.
pub fn announce(client: &mut Client, numbers: impl IntoIterator<Item = u32>) {
    let numbers: Vec<u32> = numbers.into_iter().collect();
    for some in numbers.chunks(100) {
        let requests: String = some.iter().map(|&number| request(number)).collect();
        client.send(requests);
        for number in some {
            assert_eq!(client.answer().status, 200, "the answer to {number}");
        }
    }
}

fn request(number: u32) -> String {
    let mut hash = *b"log line        ....";
    hash[16..].copy_from_slice(&number.to_be_bytes());
    let announce = leecher(1).set("numwant", 0).in_swarm(&hash);
    format!("GET {} HTTP/1.1\r\nHost: t\r\n\r\n", announce.target())
}

/// The number in a line, if it is the line of a request, which must all be made here and whole.
fn number(line: &str) -> Option<u32> {
    let (time, text) = line.split_once(" [debug] ")?;
    let digits = text
        .strip_prefix("announce 6c6f67206c696e652020202020202020")
        .and_then(|rest| rest.strip_suffix(" from 127.0.0.1"))
        .filter(|digits| time.len() == 23 && digits.len() == 8)
        .unwrap_or_else(|| panic!("no whole line: {line}"));
    Some(u32::from_str_radix(digits, 16).expect("hex digits"))
}

/// How often each number stands in these lines.
pub fn numbers(lines: impl IntoIterator<Item = String>) -> BTreeMap<u32, u32> {
    let mut count = BTreeMap::new();
    for number in lines.into_iter().filter_map(|line| number(&line)) {
        *count.entry(number).or_default() += 1;
    }
    count
}
