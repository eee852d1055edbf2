//! The HTTP state of one connection: bytes go in, answers come out, and how the network cuts the
//! bytes changes nothing.

use super::head::{self, Head, MAX_FIELDS, MAX_HEAD, Refusal, escape_target};
use super::response::{self, Persistence};
use std::borrow::Cow;
use std::mem::MaybeUninit;

/// Requests that are served in one go, and bytes of answers after which no further request is.
/// What a client sends ahead waits for the next turn, so that no connection has the loop to
/// itself, and for the answers to be sent, so that nobody fills the memory with them.
const MAX_REQUESTS: usize = 16;
/// The same for a connection's first go: when a crowd comes at once, each of them is served one
/// request before any is served more.
const MAX_FIRST_REQUESTS: usize = 1;
const MAX_ANSWERS: usize = 64 * 1024;

/// Where requests are answered.
pub trait Service {
    /// Answers a request by appending to `answers`, or promises to do so later.
    fn serve(
        &mut self,
        head: &Head<'_>,
        persistence: Persistence,
        answers: &mut Vec<u8>,
    ) -> Verdict;

    /// Whether connections are to end with their next answer, whatever the client asks.
    fn is_closing(&self) -> bool {
        false
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered.
    Answered,
    /// Its answer needs something that is not there yet. Whoever brings the answer calls
    /// [`Session::resume`]; until then the connection's further requests wait.
    Later,
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The first byte of a request.
    Idle,
    /// The rest of a head.
    Receiving,
    /// Its turn: [`Session::resume`] when the answers so far are sent.
    Busy,
    /// A [`Verdict::Later`].
    Parked,
    /// Nothing: the connection ends when the answers are sent.
    Done,
    /// The same, and the client may be sending still what nobody will read.
    Refused,
}

/// The state. Connections that wait for a request hold no memory here.
#[derive(Debug, Default)]
pub struct Session {
    /// Received, but not served yet.
    unserved: Vec<u8>,
    parked: Option<Persistence>,
    /// How many requests have been served, wrapping around.
    requests: u32,
    /// The client will send no more.
    input_ended: bool,
    ended: Option<Status>,
}

impl Session {
    /// Takes what the connection has received, and serves the requests that are complete.
    pub fn receive(
        &mut self,
        input: &[u8],
        service: &mut impl Service,
        answers: &mut Vec<u8>,
    ) -> Status {
        if let Some(ended) = self.ended {
            return ended;
        }
        if self.parked.is_some() {
            self.unserved.extend_from_slice(input);
            return Status::Parked;
        }
        if self.unserved.is_empty() {
            let (served, status) = self.serve(input, service, answers);
            self.unserved.extend_from_slice(&input[served..]);
            return status;
        }
        self.unserved.extend_from_slice(input);
        self.resume(service, answers)
    }

    /// Goes on with what was received before: after [`Status::Busy`], or when the answer that
    /// [`Verdict::Later`] promised is written.
    pub fn resume(&mut self, service: &mut impl Service, answers: &mut Vec<u8>) -> Status {
        if let Some(Persistence::Close) = self.parked.take() {
            self.ended = Some(Status::Done);
        }
        if let Some(ended) = self.ended {
            return ended;
        }
        let mut unserved = std::mem::take(&mut self.unserved);
        let (served, status) = self.serve(&unserved, service, answers);
        if served < unserved.len() {
            unserved.drain(..served);
            self.unserved = unserved;
        }
        status
    }

    /// Takes note that the client has closed its sending side; what it sent is served all the
    /// same.
    pub fn end_of_input(&mut self, status: Status) -> Status {
        self.input_ended = true;
        match status {
            Status::Idle | Status::Receiving => self.end(Status::Done),
            other => other,
        }
    }

    /// Ends a session that has been silent for too long: with an answer if it waits for the rest
    /// of a head.
    pub fn time_out(&mut self, answers: &mut Vec<u8>) -> Status {
        if self.unserved.is_empty() {
            return self.end(Status::Done);
        }
        self.refuse(Refusal::TooSlow, answers)
    }

    /// How an answer that was promised for later must be written.
    pub fn parked(&self) -> Option<Persistence> {
        self.parked
    }

    /// How many requests have been served, wrapping around.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// Whether more has been served than in a first go, which is short.
    pub fn is_past_first_go(&self) -> bool {
        self.requests as usize > MAX_FIRST_REQUESTS
    }

    fn end(&mut self, status: Status) -> Status {
        self.unserved = Vec::new();
        self.ended = Some(status);
        status
    }

    fn refuse(&mut self, refusal: Refusal, answers: &mut Vec<u8>) -> Status {
        response::write_status(answers, refusal.into(), Persistence::Close);
        self.end(Status::Refused)
    }

    /// Serves the complete requests that `received` begins with, and returns how many bytes they
    /// have.
    fn serve(
        &mut self,
        received: &[u8],
        service: &mut impl Service,
        answers: &mut Vec<u8>,
    ) -> (usize, Status) {
        let mut served = 0;
        let most = match self.requests {
            0 => MAX_FIRST_REQUESTS,
            _ => MAX_REQUESTS,
        };
        for number in 0.. {
            let rest = &received[served..];
            if rest.is_empty() {
                let status = match self.input_ended {
                    true => self.end(Status::Done),
                    false => Status::Idle,
                };
                return (served, status);
            }
            if number == most || answers.len() >= MAX_ANSWERS {
                break;
            }
            match self.serve_one(rest, service, answers) {
                Ok(Some(length)) => served += length,
                Ok(None) if self.input_ended => return (served, self.end(Status::Done)),
                Ok(None) => return (served, Status::Receiving),
                Err(refusal) => return (served, self.refuse(refusal, answers)),
            }
            if let Some(ended) = self.ended {
                return (received.len(), ended);
            }
            if self.parked.is_some() {
                return (served, Status::Parked);
            }
        }
        (served, Status::Busy)
    }

    /// Serves the request that `received` begins with and returns its length, or nothing if it is
    /// not complete.
    fn serve_one(
        &mut self,
        received: &[u8],
        service: &mut impl Service,
        answers: &mut Vec<u8>,
    ) -> Result<Option<usize>, Refusal> {
        // A head ends in here or is too large: what comes behind has no say in which of the two.
        let received = received.get(..=MAX_HEAD).unwrap_or(received);
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        match head::parse(received, &mut fields) {
            Ok(Some((head, length))) => {
                self.answer(&head, service, answers);
                return Ok(Some(length));
            }
            Ok(None) => return Ok(None),
            Err(Refusal::NotHttp) => {}
            Err(refusal) => return Err(refusal),
        }
        match escape_target(received).ok_or(Refusal::NotHttp)? {
            Cow::Borrowed(incomplete) if incomplete.len() <= MAX_HEAD => Ok(None),
            Cow::Borrowed(_) => Err(Refusal::TooLarge),
            Cow::Owned(escaped) => {
                let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
                let Some((head, length)) = head::parse(&escaped, &mut fields)? else {
                    return Ok(None);
                };
                self.answer(&head, service, answers);
                Ok(Some(length - (escaped.len() - received.len())))
            }
        }
    }

    fn answer(&mut self, head: &Head<'_>, service: &mut impl Service, answers: &mut Vec<u8>) {
        self.requests = self.requests.wrapping_add(1);
        let keep_alive = head.keep_alive && !service.is_closing();
        let persistence = match (keep_alive, head.http_1_0) {
            (false, _) => Persistence::Close,
            (true, false) => Persistence::Open,
            (true, true) => Persistence::OpenFor1_0,
        };
        match service.serve(head, persistence, answers) {
            Verdict::Later => self.parked = Some(persistence),
            Verdict::Answered if persistence == Persistence::Close => {
                self.end(Status::Done);
            }
            Verdict::Answered => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Answers every request with its query, but `later` with a promise.
    struct Echo;

    impl Service for Echo {
        fn serve(
            &mut self,
            head: &Head<'_>,
            persistence: Persistence,
            answers: &mut Vec<u8>,
        ) -> Verdict {
            if head.path == b"/later" {
                return Verdict::Later;
            }
            response::write(answers, response::Status::Ok, persistence, head.query);
            Verdict::Answered
        }
    }

    /// What a client gets for these pieces, and what the session waits for at the end.
    fn serve(pieces: &[&[u8]], end_of_input: bool) -> (String, Status) {
        let mut session = Session::default();
        let mut answers = Vec::new();
        let mut all = String::new();
        let mut status = Status::Idle;
        for piece in pieces {
            status = session.receive(piece, &mut Echo, &mut answers);
            while status == Status::Busy {
                all.push_str(&String::from_utf8_lossy(&std::mem::take(&mut answers)));
                status = session.resume(&mut Echo, &mut answers);
            }
        }
        if end_of_input {
            status = session.end_of_input(status);
        }
        all.push_str(&String::from_utf8_lossy(&answers));
        (all, status)
    }

    fn bytewise(input: &[u8]) -> Vec<&[u8]> {
        input.chunks(1).collect()
    }

    #[test]
    fn pipelined_requests_are_answered_in_order_up_to_the_one_that_closes() {
        let input = b"GET /?1 HTTP/1.1\r\n\r\n\r\nGET /?2 HTTP/1.0\r\n\r\nGET /?3 HTTP/1.1\r\n\r\n";
        let (answers, status) = serve(&[input], false);
        assert_eq!(status, Status::Done);
        assert!(answers.find("\r\n\r\n1").unwrap() < answers.find("\r\n\r\n2").unwrap());
        assert!(!answers.contains("\r\n\r\n3"));
        assert_eq!(serve(&bytewise(input), false), (answers, status));
    }

    #[test]
    fn a_flood_of_pipelined_requests_is_served_in_turns_of_which_the_first_is_short() {
        let input = b"GET /?x HTTP/1.1\r\n\r\n".repeat(100);
        let mut session = Session::default();
        let mut answers = Vec::new();
        let mut turns = vec![session.receive(&input, &mut Echo, &mut answers)];
        let mut served = vec![session.requests() as usize];
        while turns.last() == Some(&Status::Busy) {
            turns.push(session.resume(&mut Echo, &mut answers));
            served.push(session.requests() as usize);
        }
        assert_eq!(turns.pop(), Some(Status::Idle));
        assert_eq!(served[..3], [1, 1 + MAX_REQUESTS, 1 + 2 * MAX_REQUESTS]);
        assert_eq!(served.last(), Some(&100));
    }

    #[test]
    fn a_turn_that_ends_with_the_last_request_is_the_last() {
        let mut session = Session::default();
        let mut answers = Vec::new();
        for count in [MAX_FIRST_REQUESTS, MAX_REQUESTS] {
            let input = b"GET /?x HTTP/1.1\r\n\r\n".repeat(count);
            let status = session.receive(&input, &mut Echo, &mut answers);
            assert_eq!(status, Status::Idle);
        }
    }

    #[test]
    fn requests_behind_one_that_is_parked_wait_for_its_answer() {
        let mut session = Session::default();
        let mut answers = Vec::new();
        let input = b"GET /later HTTP/1.1\r\n\r\nGET /?2 HTTP/1.1\r\n";
        let status = session.receive(input, &mut Echo, &mut answers);
        assert_eq!((status, answers.len()), (Status::Parked, 0));
        assert_eq!(session.parked(), Some(Persistence::Open));
        let status = session.receive(b"\r\n", &mut Echo, &mut answers);
        assert_eq!((status, answers.len()), (Status::Parked, 0));
        let status = session.resume(&mut Echo, &mut answers);
        assert_eq!(status, Status::Idle);
        assert!(answers.ends_with(b"\r\n\r\n2"));
    }

    #[test]
    fn a_client_that_closes_its_sending_side_gets_its_answers() {
        let input = b"GET /?1 HTTP/1.1\r\n\r\n";
        let (answers, status) = serve(&[input], true);
        assert_eq!(status, Status::Done);
        assert!(answers.ends_with('1'));
        assert_eq!(serve(&[b"GET /"], true), (String::new(), Status::Done));
    }

    #[test]
    fn silence_is_answered_only_within_a_head() {
        let mut session = Session::default();
        let mut answers = Vec::new();
        let _ = session.receive(b"GET /", &mut Echo, &mut answers);
        assert_eq!(session.time_out(&mut answers), Status::Refused);
        assert!(answers.starts_with(b"HTTP/1.1 408 "));
        answers.clear();
        assert_eq!(Session::default().time_out(&mut answers), Status::Done);
        assert!(answers.is_empty());
    }

    #[test]
    fn what_is_not_http_is_refused_at_once_and_raw_bytes_in_a_target_are_not() {
        for input in [
            &b"\x16\x03\x01\x02\x00"[..],
            b"GET /a b\r\n",
            b"PRI * HTTP/2.0\r\n\r\n",
        ] {
            let (answers, status) = serve(&[input], false);
            assert_eq!(status, Status::Refused, "{}", input.escape_ascii());
            assert!(answers.starts_with("HTTP/1.1 400 "));
            assert_eq!(serve(&bytewise(input), false), (answers, status));
        }
        let input = b"GET /?c=\xe9 x HTTP/1.1\r\n\r\n";
        let (answers, status) = serve(&[input], false);
        assert_eq!(status, Status::Idle);
        assert!(answers.ends_with("\r\n\r\nc=%E9%20x"));
        assert_eq!(serve(&bytewise(input), false), (answers, status));
    }

    #[test]
    fn a_head_is_too_large_before_it_is_not_http() {
        let mut input = vec![b'a'; MAX_HEAD + 1];
        input.extend_from_slice(b" /\xff HTTP/1.1\r\n\r\n");
        let (answers, status) = serve(&[&input], false);
        assert!(answers.starts_with("HTTP/1.1 431 "));
        assert_eq!(serve(&bytewise(&input), false), (answers, status));
    }

    /// Pieces of requests that are likely to be understood, or nearly.
    fn input() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"GET /?1 HTTP/1.1\r\n\r\n"[..]),
            Just(&b"GET /?c=\xff HTTP/1.1\r\nA: b\r\n\r\n"[..]),
            Just(&b"GET / x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"[..]),
            Just(&b"GET / HTTP/1.1\nConnection: close\n\n"[..]),
            Just(&b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"\r"[..]),
            Just(&b"GET"[..]),
            Just(&b"HEAD \xff"[..]),
            Just(&b"\x00"[..]),
            Just(&[b'a'; 3000][..]),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn cutting_the_input_anywhere_changes_nothing(
            input in prop_oneof![input(), proptest::collection::vec(any::<u8>(), 0..64)],
            cuts: Vec<prop::sample::Index>,
            end_of_input: bool,
        ) {
            let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
            places.extend([0, input.len()]);
            places.sort();
            let pieces: Vec<_> = places.windows(2).map(|ends| &input[ends[0]..ends[1]]).collect();
            prop_assert_eq!(serve(&pieces, end_of_input), serve(&[&input], end_of_input));
        }
    }
}
