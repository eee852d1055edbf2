//! The counter at which operators are served: what a head asks for goes to [`admin`].

use crate::admin::{self, Counter, Surroundings};
use crate::job::Ticket;
use crate::protocol::http::response::Persistence;
use crate::protocol::http::{Head, Service, Verdict};
use crate::time::Now;
use crate::tracker::Tracker;
use std::collections::HashMap;

/// Serves the requests of one operator's connection for one turn.
pub(super) struct AdminFront<'a> {
    pub tracker: &'a mut Tracker,
    pub promised: &'a mut HashMap<Ticket, admin::Request>,
    pub ticket: Ticket,
    pub now: Now,
    pub surroundings: Surroundings,
    /// The daemon is stopping: no connection stays open.
    pub closing: bool,
}

impl Service for AdminFront<'_> {
    fn serve(
        &mut self,
        head: &Head<'_>,
        persistence: Persistence,
        answers: &mut Vec<u8>,
    ) -> Verdict {
        let request = admin::Request::read(head);
        let counter = Counter {
            tracker: self.tracker,
            ticket: self.ticket,
            now: self.now,
            surroundings: self.surroundings.clone(),
        };
        let Some(document) = admin::answer(&request, counter) else {
            self.promised.insert(self.ticket, request);
            return Verdict::Later;
        };
        document.write(answers, persistence, request.head_only);
        Verdict::Answered
    }

    fn is_closing(&self) -> bool {
        self.closing
    }
}
