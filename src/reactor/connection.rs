//! One connection: a socket, and the session that makes requests of its bytes.
//!
//! Readiness, what the kernel said (edge-triggered: once), is kept apart from what the session
//! wants, and [`Connection::work`] does whatever both allow. It reads until the kernel has no
//! more, writes first and asks for writability only after a short write, and reads nothing while
//! answers are unsent, so that a client that does not read cannot make us remember its answers.

use super::listener::Face;
use super::slots::Tenant;
use crate::protocol::http::response::Persistence;
use crate::protocol::http::{Service, Session, Status};
use crate::time::Now;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;

/// Bytes of a shared body that are sent in one turn: a reader that is fast enough would have the
/// loop to itself otherwise.
const SENT_AT_ONCE: usize = 256 * 1024;
/// Reads of one connection in one turn.
const READS_PER_TURN: usize = 4;

/// What a connection waits for, and by that, how long it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first byte ever.
    Fresh,
    /// The first byte of the next request.
    Idle,
    /// The rest of a head.
    Receiving,
    /// The client to take its answers.
    Sending,
    /// The client to notice that it was refused.
    Lingering,
    /// Its next turn.
    Busy,
    /// An answer that somebody else prepares, within limits of their own.
    Parked,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 7;
    /// Those that end by themselves.
    pub const WITH_DEADLINE: [Phase; 5] = [
        Phase::Fresh,
        Phase::Idle,
        Phase::Receiving,
        Phase::Sending,
        Phase::Lingering,
    ];
}

/// What is to be done with a connection after it has proceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing, until the kernel or a deadline says so.
    Waits,
    /// It can go on at once, in its next turn.
    Busy,
    /// Close it.
    Ended,
}

/// What has come of the first half of a connection's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be answers to send, and some request or none has been served.
    Answers { served: bool },
    /// There is no second half.
    Over(Progress),
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    remote: IpAddr,
    face: Face,
    token: Token,
    session: Session,
    status: Status,
    /// What came of receiving ahead of its turn to be served.
    received_ahead: Option<io::Result<usize>>,
    outgoing: Outgoing,
    /// The answer to a parked request is in `outgoing`.
    delivered: bool,
    /// There may be something to receive.
    readable: bool,
    /// The client will send no more than what the kernel has already.
    read_closed: bool,
    /// The client is not there any more, or the connection to it.
    is_gone: bool,
    timed_out: bool,
    /// It has a place among those that go on in the next turn.
    pub queued: bool,
    /// It has once sent more than is served in one go (but for its first, which is short), or taken
    /// less than it was sent. From then on those who have not go first.
    pub greedy: bool,
    registered: Option<Interest>,
    phase: Phase,
    since: Now,
}

/// What the kernel has not taken yet.
#[derive(Debug, Default)]
struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    /// Follows `bytes`; the same for many connections.
    shared: Option<Arc<[u8]>>,
    shared_sent: usize,
}

impl Connection {
    /// A connection that has just been accepted. Its first bytes are mostly there already.
    pub fn new(
        stream: TcpStream,
        (remote, face): (IpAddr, Face),
        token: Token,
        now: Now,
    ) -> Connection {
        Connection {
            stream,
            remote,
            face,
            token,
            session: Session::default(),
            status: Status::Idle,
            received_ahead: None,
            outgoing: Outgoing::default(),
            delivered: false,
            readable: true,
            read_closed: false,
            is_gone: false,
            timed_out: false,
            queued: false,
            greedy: false,
            registered: None,
            phase: Phase::Fresh,
            since: now,
        }
    }

    /// Who is at the other end.
    pub fn remote(&self) -> IpAddr {
        self.remote
    }

    /// When it entered its phase.
    pub fn since(&self) -> Now {
        self.since
    }

    /// Takes note of what the kernel says.
    pub fn take_readiness(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.read_closed |= event.is_read_closed() || event.is_error();
        self.is_gone |= event.is_error() || event.is_write_closed();
    }

    /// Has [`Connection::work`] look for something to receive that no event has told of yet.
    pub fn try_reading(&mut self) {
        self.readable = true;
    }

    /// Receives what it would next, so that it can be seen what is coming. It is for the next
    /// [`Connection::work`], which must be given the same memory.
    pub fn receive_ahead<'a>(&mut self, received: &'a mut [u8]) -> &'a [u8] {
        let would_receive = matches!(self.status, Status::Idle | Status::Receiving)
            && self.readable
            && self.outgoing.is_empty();
        if !would_receive {
            return &[];
        }
        let read = self.stream.read(received);
        let length = *read.as_ref().unwrap_or(&0);
        self.received_ahead = Some(read);
        &received[..length]
    }

    /// Has [`Connection::work`] end it, with an answer if the client is owed one.
    pub fn time_out(&mut self) {
        self.timed_out = true;
    }

    /// Brings the answer that was promised to a parked request: what `write_head` appends, and
    /// behind it the body.
    pub fn deliver(&mut self, write_head: impl FnOnce(&mut Vec<u8>, Persistence), body: Arc<[u8]>) {
        if let Some(persistence) = self.session.parked() {
            write_head(&mut self.outgoing.bytes, persistence);
            self.outgoing.shared = Some(body);
            self.delivered = true;
        }
    }

    /// Tells the poll what to wait for, unless it knows.
    pub fn register(&mut self, registry: &Registry) -> io::Result<()> {
        let interest = if self.phase == Phase::Sending {
            Interest::READABLE | Interest::WRITABLE
        } else {
            // An interest in writability is kept: it does not cost a thing until the next time
            // that the socket's buffer was full.
            self.registered.unwrap_or(Interest::READABLE)
        };
        if self.registered == Some(interest) {
            return Ok(());
        }
        let (stream, token) = (&mut self.stream, self.token);
        match self.registered.replace(interest) {
            None => registry.register(stream, token, interest),
            Some(_) => registry.reregister(stream, token, interest),
        }
    }

    /// Sends what is left of earlier answers, or else receives and serves what is possible now.
    /// `received` and `answers` are memory to work with; what `answers` holds afterwards is for
    /// [`Connection::finish`].
    pub fn work(
        &mut self,
        service: &mut impl Service,
        received: &mut [u8],
        answers: &mut Vec<u8>,
        now: Now,
    ) -> Step {
        answers.clear();
        if self.is_gone && self.status == Status::Parked {
            return Step::Over(Progress::Ended);
        }
        let Ok((sent, may_go_on)) = self.outgoing.send(&mut self.stream) else {
            return Step::Over(Progress::Ended);
        };
        if !self.outgoing.is_empty() {
            if self.timed_out {
                return Step::Over(Progress::Ended);
            }
            self.enter(Phase::Sending, sent, now);
            return Step::Over(match may_go_on {
                true => Progress::Busy,
                false => Progress::Waits,
            });
        }
        let before = self.session.requests();
        match self.take_turn(service, received, answers) {
            Ok(()) => Step::Answers {
                served: self.session.requests() != before,
            },
            Err(_) => Step::Over(Progress::Ended),
        }
    }

    /// Sends the answers that [`Connection::work`] has written.
    pub fn finish(&mut self, step: Step, answers: &[u8], now: Now) -> Progress {
        match step {
            Step::Over(progress) => progress,
            Step::Answers { .. } if self.send(answers).is_err() => Progress::Ended,
            Step::Answers { served } => self.settle(served, now),
        }
    }

    /// Serves what has been received before, and receives more.
    fn take_turn(
        &mut self,
        service: &mut impl Service,
        received: &mut [u8],
        answers: &mut Vec<u8>,
    ) -> io::Result<()> {
        if std::mem::take(&mut self.delivered) || self.status == Status::Busy {
            self.status = self.session.resume(service, answers);
        }
        for _ in 0..READS_PER_TURN {
            let wants_input = matches!(self.status, Status::Idle | Status::Receiving);
            if !self.readable || !(wants_input || self.status == Status::Refused) {
                break;
            }
            let ahead = self.received_ahead.take();
            match ahead.unwrap_or_else(|| self.stream.read(received)) {
                Ok(0) => {
                    self.readable = false;
                    self.status = match self.status {
                        Status::Refused => Status::Done,
                        status => self.session.end_of_input(status),
                    };
                }
                Ok(length) => {
                    // The kernel had no more than that, and will say so when it has.
                    self.readable = length == received.len() || self.read_closed;
                    let input = &received[..length];
                    self.status = self.session.receive(input, service, answers);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if std::mem::take(&mut self.timed_out) {
            self.status = match self.status {
                Status::Refused => Status::Done,
                _ => self.session.time_out(answers),
            };
        }
        Ok(())
    }

    /// Sends answers, and keeps what the kernel does not take.
    fn send(&mut self, answers: &[u8]) -> io::Result<()> {
        debug_assert!(self.outgoing.is_empty(), "answers keep their order");
        if answers.is_empty() {
            return Ok(());
        }
        let sent = write(&mut self.stream, answers)?;
        if sent < answers.len() {
            self.outgoing.bytes.extend_from_slice(&answers[sent..]);
        }
        Ok(())
    }

    fn settle(&mut self, served: bool, now: Now) -> Progress {
        let can_go_on = self.readable && matches!(self.status, Status::Idle | Status::Receiving);
        let phase = match self.status {
            _ if !self.outgoing.is_empty() => Phase::Sending,
            Status::Done => return Progress::Ended,
            Status::Refused => {
                if !self.shut_down() {
                    return Progress::Ended;
                }
                Phase::Lingering
            }
            Status::Parked => Phase::Parked,
            Status::Busy => Phase::Busy,
            Status::Receiving => Phase::Receiving,
            Status::Idle if self.session.requests() == 0 => Phase::Fresh,
            Status::Idle => Phase::Idle,
        };
        self.greedy |= match phase {
            Phase::Busy => self.session.is_past_first_go(),
            Phase::Sending => true,
            _ => false,
        };
        self.enter(phase, served, now);
        match phase {
            Phase::Sending => Progress::Waits,
            Phase::Busy => Progress::Busy,
            Phase::Lingering if self.readable => Progress::Busy,
            _ if can_go_on => Progress::Busy,
            _ => Progress::Waits,
        }
    }

    /// Sends the end of the answers, and returns whether the client has still to see it.
    fn shut_down(&mut self) -> bool {
        self.phase == Phase::Lingering || self.stream.shutdown(Shutdown::Write).is_ok()
    }

    fn enter(&mut self, phase: Phase, anew: bool, now: Now) {
        if self.phase != phase || anew {
            self.phase = phase;
            self.since = now;
        }
    }
}

impl Tenant for Connection {
    fn token(&self) -> Token {
        self.token
    }

    fn face(&self) -> Face {
        self.face
    }

    fn phase(&self) -> (Phase, Now) {
        (self.phase, self.since)
    }
}

impl Outgoing {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.shared.is_none()
    }

    /// Sends a piece of it. Returns whether the kernel took anything, and whether it may take more
    /// at once.
    fn send(&mut self, stream: &mut TcpStream) -> io::Result<(bool, bool)> {
        let mut any = false;
        if !self.bytes.is_empty() {
            let sent = write(stream, &self.bytes[self.sent..])?;
            any |= sent > 0;
            self.sent += sent;
            if self.sent < self.bytes.len() {
                return Ok((any, false));
            }
            self.bytes = Vec::new();
            self.sent = 0;
        }
        let Some(shared) = &self.shared else {
            return Ok((any, false));
        };
        let rest = &shared[self.shared_sent..];
        let piece = &rest[..rest.len().min(SENT_AT_ONCE)];
        let sent = write(stream, piece)?;
        let may_go_on = sent == piece.len();
        self.shared_sent += sent;
        if self.shared_sent == shared.len() {
            self.shared = None;
            self.shared_sent = 0;
        }
        Ok((any | (sent > 0), may_go_on))
    }
}

/// Writes until the kernel takes no more, and returns how much it took.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(length) => sent += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
