//! Whatever stands in a request line, it is read or refused, and what is read keeps its limits.

use btrt::protocol::http::head::{MAX_FIELDS, parse};
use btrt::protocol::http::{Reading, Request, ScrapeOf, query};
use std::mem::MaybeUninit;

const MAX_SCRAPE: usize = 3;

pub fn run(target: &[u8]) {
    let received = [b"GET ", target, b" HTTP/1.1\r\n\r\n"].concat();
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let Ok(Some((head, length))) = parse(&received, &mut fields) else {
        return;
    };
    assert!(length <= received.len());
    let values = query::parameters(head.query).map(|(name, value)| name.len() + value.len());
    assert!(values.sum::<usize>() <= head.query.len());
    let reading = Reading {
        max_scrape: MAX_SCRAPE,
        local_names: Some(&[]),
    };
    match Request::read(&head, reading) {
        Request::Announce(announce) => assert_ne!(announce.port, Some(0)),
        Request::Scrape(ScrapeOf::Hashes(hashes)) => assert!(hashes.len() <= MAX_SCRAPE),
        Request::Refused(failure) => assert!(!failure.to_string().is_empty()),
        _ => {}
    }
}
