//! The floor that `scripts/bench` measures trackers against: a mio program that answers a constant
//! of the size of an announce answer with 50 peers and does not look at what was asked. What it
//! costs is what the kernel costs; what a tracker costs above it is the tracker's own doing.
//!
//! It is honest about HTTP only as far as a load generator on loopback needs: a request comes in
//! one piece, an answer goes out in one piece, `Connection: close` is the last line of the head.

use std::error::Error;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// Head and body come to about 480 bytes, as an announce answer with 50 compact peers does.
const BODY: [u8; 415] = [b'x'; 415];

/// Room for requests that are pipelined far deeper than the benchmark does.
const READ_BUFFER: usize = 64 * 1024;

const LISTENER: Token = Token(usize::MAX);

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".into());
    let mut listener = TcpListener::bind(address.parse()?)?;
    println!("listening on {}", listener.local_addr()?);

    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;

    let kept = answer("");
    let mut floor = Floor {
        connections: Vec::new(),
        buffer: vec![0; READ_BUFFER],
        // No request of the benchmark is as short as 64 bytes.
        kept_answers: kept.repeat(READ_BUFFER / 64),
        kept_length: kept.len(),
        closing_answer: answer("Connection: close\r\n"),
    };
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => floor.accept(&listener, &poll)?,
                token => floor.serve(token, event.is_read_closed()),
            }
        }
    }
}

fn answer(connection_header: &str) -> Vec<u8> {
    let length = BODY.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n{connection_header}\r\n"
    );
    [head.as_bytes(), &BODY].concat()
}

struct Floor {
    /// By file descriptor, which is also the token: the kernel hands out the smallest free one.
    connections: Vec<Option<TcpStream>>,
    buffer: Vec<u8>,
    kept_answers: Vec<u8>,
    kept_length: usize,
    closing_answer: Vec<u8>,
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> Result<(), Box<dyn Error>> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let slot = usize::try_from(stream.as_raw_fd())?;
            poll.registry()
                .register(&mut stream, Token(slot), Interest::READABLE)?;
            if slot >= self.connections.len() {
                self.connections.resize_with(slot + 1, || None);
            }
            self.connections[slot] = Some(stream);
        }
    }

    /// One read and one write: a read that did not fill the buffer has drained the socket, so the
    /// next bytes raise the next edge. Only an end of stream may hide behind them, hence `ended`.
    fn serve(&mut self, token: Token, ended: bool) {
        let Some(slot) = self.connections.get_mut(token.0) else {
            return;
        };
        let Some(stream) = slot else { return };
        let keep = match stream.read(&mut self.buffer) {
            Ok(length) if length > 0 => {
                let requests = &self.buffer[..length];
                let close = requests.ends_with(b"close\r\n\r\n");
                let answers = if close {
                    &self.closing_answer[..]
                } else {
                    let count = memmem::find_iter(requests, b"\r\n\r\n").count();
                    &self.kept_answers[..count * self.kept_length]
                };
                stream.write_all(answers).is_ok() && !close && !ended
            }
            Ok(_) => false,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if !keep {
            *slot = None;
        }
    }
}
