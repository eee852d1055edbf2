//! The counter at which requests are served: what a head asks for goes to the tracker, and what
//! the tracker says into an answer.

use super::{Settings, contains};
use crate::bittorrent::Failure;
use crate::job::Ticket;
use crate::protocol::http::client_address::client_address;
use crate::protocol::http::response::{self, PeerForm, Persistence, Status};
use crate::protocol::http::{Head, Request, ScrapeOf, Service, Verdict};
use crate::time::Now;
use crate::tracker::{FullScrape, Tracker};
use log::trace;
use std::net::IpAddr;

/// Serves the requests of one connection for one turn.
pub(super) struct Front<'a> {
    pub tracker: &'a mut Tracker,
    pub settings: &'a Settings,
    pub remote: IpAddr,
    pub ticket: Ticket,
    pub now: Now,
    /// The daemon is stopping: no connection stays open.
    pub closing: bool,
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
        match Request::read(head, self.tracker.settings().max_scrape) {
            Request::Announce(announce) => {
                let client = self.client(head);
                trace!("announce {} from {client}", announce.info_hash);
                let reply = self.tracker.handle_announce(&announce, client, self.now);
                let form = if announce.compact {
                    PeerForm::Compact
                } else {
                    PeerForm::Dictionaries
                };
                response::announce_body(self.body, reply, form);
            }
            Request::Scrape(ScrapeOf::Hashes(hashes)) => {
                trace!("scrape of {} from {}", hashes.len(), self.client(head));
                let files = self.tracker.handle_scrape(hashes);
                let min_request_interval = self.tracker.settings().interval;
                response::scrape_body(self.body, &files, min_request_interval);
            }
            Request::Scrape(ScrapeOf::All) => {
                trace!("scrape of everything from {}", self.client(head));
                match self.tracker.handle_full_scrape(self.ticket, self.now) {
                    Some(FullScrape::Now(body)) => self.body.extend_from_slice(&body),
                    Some(FullScrape::Later) => return Verdict::Later,
                    None => response::failure_body(self.body, &Failure::FullScrapeOff),
                }
            }
            Request::Forwarded => {
                trace!("forwarded announce from {}, refused", self.remote);
                response::failure_body(self.body, &Failure::MayNotForward(self.remote));
            }
            Request::Refused(failure) => {
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

impl Front<'_> {
    fn client(&self, head: &Head<'_>) -> IpAddr {
        let names = &self.settings.client_address_headers;
        let is_trusted = |address| contains(&self.settings.trusted_proxies, address);
        client_address(self.remote, head, names, is_trusted)
    }
}
