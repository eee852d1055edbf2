//! Answers for those who were told to wait for them.

use super::{Reactor, Reload, write_answer};
use crate::admin;
use crate::protocol::http::response::{self, Status};
use crate::tracker::Answer;
use mio::Token;

/// Clients in one turn that get the answer they were told to wait for: thousands may wait for one.
pub(super) const PER_TURN: usize = 64;

impl<R: Reload> Reactor<R> {
    /// Answers those who were told to wait and need not any longer, but no more than so many.
    pub(super) fn deliver_answers(&mut self, at_most: usize) {
        let interval = self.tracker.settings().interval;
        self.undelivered = true;
        for _ in 0..at_most {
            let Some((ticket, answer)) = self.tracker.next_answer(self.now) else {
                self.undelivered = false;
                return;
            };
            let token = Token(ticket.0 as usize);
            if let Some(request) = self.promised.remove(&ticket) {
                let document = admin::deliver(&request, answer);
                self.serve(token, |connection| {
                    let body = document.body_for(request.head_only);
                    connection
                        .deliver(|to, persistence| document.write_head(to, persistence), body);
                });
                continue;
            }
            let body = match answer {
                Answer::Written(body) => body,
                answer => {
                    let mut body = Vec::new();
                    write_answer(&mut body, answer, interval);
                    body.into()
                }
            };
            self.serve(token, |connection| {
                let length = body.len();
                let write_head = |to: &mut Vec<u8>, persistence| {
                    response::write_head(to, Status::Ok, persistence, length);
                };
                connection.deliver(write_head, body);
            });
        }
    }
}
