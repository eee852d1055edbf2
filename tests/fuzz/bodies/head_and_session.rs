//! How the network cuts what a client sends changes nothing: the input goes through one session
//! in a piece and through another in pieces, and both give the same answers.
//!
//! Its last byte says after how many of the others the input is cut, again and again; if its
//! lowest bit is set the client closes its sending side.

use btrt::protocol::http::response::{self, Persistence, Status as Code};
use btrt::protocol::http::{Head, Service, Session, Status, Verdict};

/// Answers with all that it was asked.
struct Echo;

impl Service for Echo {
    fn serve(
        &mut self,
        head: &Head<'_>,
        persistence: Persistence,
        answers: &mut Vec<u8>,
    ) -> Verdict {
        let mut body = format!("{:?} {} ", head.method, head.http_1_0).into_bytes();
        body.extend_from_slice(head.path);
        body.push(b'?');
        body.extend_from_slice(head.query);
        for value in head.values("host") {
            body.push(b' ');
            body.extend_from_slice(value);
        }
        if head.path == b"/later" {
            return Verdict::Later;
        }
        response::write(answers, Code::Ok, persistence, &body);
        Verdict::Answered
    }
}

/// What the client gets for its pieces, and what the session waits for in the end.
fn serve<'a>(pieces: impl Iterator<Item = &'a [u8]>, ends: bool) -> (Vec<u8>, Status) {
    let mut session = Session::default();
    let mut all = Vec::new();
    let mut status = Status::Idle;
    for piece in pieces {
        let mut answers = Vec::new();
        status = session.receive(piece, &mut Echo, &mut answers);
        status = catch_up(&mut session, status, &mut answers, &mut all);
    }
    if ends {
        status = session.end_of_input(status);
        status = catch_up(&mut session, status, &mut Vec::new(), &mut all);
    }
    (all, status)
}

/// Sends the answers, and brings those that were promised, until the session waits for input.
fn catch_up(
    session: &mut Session,
    mut status: Status,
    answers: &mut Vec<u8>,
    all: &mut Vec<u8>,
) -> Status {
    loop {
        all.append(answers);
        match (status, session.parked()) {
            (Status::Busy, _) => {}
            (Status::Parked, Some(persistence)) => {
                response::write(answers, Code::Ok, persistence, b"promised");
            }
            _ => return status,
        }
        status = session.resume(&mut Echo, answers);
    }
}

pub fn run(input: &[u8]) {
    let Some((&last, input)) = input.split_last() else {
        return;
    };
    let (piece, ends) = (usize::from(last >> 1).max(1), last & 1 == 1);
    let whole = serve(std::iter::once(input), ends);
    assert_eq!(serve(input.chunks(piece), ends), whole);
}
