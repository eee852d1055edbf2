//! The counter at which requests are served: what a head asks for goes to the tracker, and what
//! the tracker says into an answer.

use super::{Settings, contains};
use crate::bittorrent::{Failure, Forwarded};
use crate::job::Ticket;
use crate::protocol::http::client_address::client_address;
use crate::protocol::http::response::{self, PeerForm, Persistence, Status};
use crate::protocol::http::{Form, Head, Reading, Request, ScrapeOf, Service, Verdict};
use crate::time::Now;
use crate::tracker::{Answer, Tracker};
use log::trace;
use std::net::IpAddr;

/// Serves the requests of one connection for one turn.
pub struct Front<'a> {
    /// Who decides.
    pub tracker: &'a mut Tracker,
    /// Whom to believe, above all.
    pub settings: &'a Settings,
    /// The connection's other end.
    pub remote: IpAddr,
    /// The connection, for answers that come later.
    pub ticket: Ticket,
    /// The present.
    pub now: Now,
    /// The daemon is stopping: no connection stays open.
    pub closing: bool,
    /// Memory for the bodies of answers.
    pub body: &'a mut Vec<u8>,
}

impl Service for Front<'_> {
    fn serve(
        &mut self,
        head: &Head<'_>,
        persistence: Persistence,
        answers: &mut Vec<u8>,
    ) -> Verdict {
        self.body.clear();
        let reading = Reading {
            max_scrape: self.tracker.settings().max_scrape,
            local_names: self.settings.local_names.as_deref(),
        };
        let request = if self.comes_from_us(head) {
            Request::Refused(Failure::Loop)
        } else {
            Request::read(head, reading)
        };
        match request {
            Request::Announce(announce) => {
                let client = self.client(head);
                trace!("announce {} from {client}", announce.info_hash);
                let reply = self.tracker.handle_announce(&announce, client, self.now);
                write_answer(self.body, Answer::Announce(reply, announce.compact), 0);
            }
            Request::Scrape(ScrapeOf::Hashes(hashes)) => {
                trace!("scrape of {} from {}", hashes.len(), self.client(head));
                let files = self.tracker.handle_scrape(hashes);
                let interval = self.tracker.settings().interval;
                write_answer(self.body, Answer::Scrape(files), interval);
            }
            Request::Scrape(ScrapeOf::All) => {
                trace!("scrape of everything from {}", self.client(head));
                if self.tracker.handle_full_scrape(self.ticket, self.now) {
                    return Verdict::Later;
                }
                self.tracker.note_refusal();
                response::failure_body(self.body, &Failure::FullScrapeOff);
            }
            Request::Forwarded(forwarded, form) => {
                let interval = self.tracker.settings().interval;
                match self.forward(*forwarded, form, head) {
                    Some(answer) => write_answer(answer.0, answer.1, interval),
                    None => return Verdict::Later,
                }
            }
            Request::Refused(failure) => {
                self.tracker.note_refusal();
                trace!("refused {}: {failure}", self.client(head));
                response::failure_body(self.body, &failure);
            }
            Request::HeadOnly => {
                response::write_head_only(answers, persistence);
                return Verdict::Answered;
            }
            Request::NotFound => {
                response::write_status(answers, Status::NotFound, persistence);
                return Verdict::Answered;
            }
            Request::MethodNotAllowed => {
                response::write_status(answers, Status::MethodNotAllowed, persistence);
                return Verdict::Answered;
            }
        }
        response::write(answers, Status::Ok, persistence, self.body);
        Verdict::Answered
    }

    fn is_closing(&self) -> bool {
        self.closing
    }
}

/// Writes what somebody is told into the body of an answer. `interval` is for scrapes.
pub fn write_answer(body: &mut Vec<u8>, answer: Answer<'_>, interval: u32) {
    match answer {
        Answer::Announce(reply, true) => response::announce_body(body, reply, PeerForm::Compact),
        Answer::Announce(reply, false) => {
            response::announce_body(body, reply, PeerForm::Dictionaries);
        }
        Answer::Scrape(files) => response::scrape_body(body, &files, interval),
        Answer::Failure(failure) => response::failure_body(body, &failure),
        Answer::Written(written) => body.extend_from_slice(&written),
        Answer::HashList(list) => body.extend_from_slice(&list.bytes),
    }
}

impl Front<'_> {
    /// Hands a forwarded request on if its sender may forward, together with the body to write
    /// the answer to.
    fn forward(
        &mut self,
        mut forwarded: Forwarded,
        form: Form,
        head: &Head<'_>,
    ) -> Option<(&mut Vec<u8>, Answer<'_>)> {
        let heard = self.client(head);
        let platform = contains(&self.settings.allow_from, self.remote);
        let (client, may) = match form {
            Form::Addressed => (forwarded.client_ip.unwrap_or(heard), platform),
            Form::Transparent => (heard, platform || self.tracker.is_member(heard)),
        };
        if !may {
            trace!("{} may not forward", self.remote);
            self.tracker.note_refusal();
            let failure = Failure::MayNotForward(self.remote);
            return Some((self.body, Answer::Failure(failure)));
        }
        trace!("forwarded to {} from {client}", forwarded.target);
        forwarded.name_client(client);
        let (ticket, now) = (self.ticket, self.now);
        let answer = self
            .tracker
            .handle_forwarded(forwarded, client, ticket, now)?;
        Some((self.body, answer))
    }

    /// Whether the request is one of our own that came back, by way of whomever we asked.
    fn comes_from_us(&self, head: &Head<'_>) -> bool {
        let via = self.settings.via.as_bytes();
        let mut values = head.values("via");
        values.any(|value| memchr::memmem::find(value, via).is_some())
    }

    fn client(&self, head: &Head<'_>) -> IpAddr {
        let names = &self.settings.client_address_headers;
        let is_trusted = |address| {
            contains(&self.settings.trusted_proxies, address)
                || contains(&self.settings.allow_from, address)
        };
        client_address(self.remote, head, names, is_trusted)
    }
}
