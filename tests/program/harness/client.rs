//! A raw HTTP client: it sends exactly the bytes it is told, in the pieces it is told, and reads
//! exactly one answer at a time, by its Content-Length.

use super::{Announce, DEADLINE, Reply};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// One connection to the daemon.
pub struct Client {
    stream: TcpStream,
    /// Bytes that came together with the answers read so far.
    received: Vec<u8>,
}

/// One HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&to, DEADLINE).expect("the daemon takes connections"))
    }

    /// Connects from one of this machine's own addresses; every 127.x.y.z is one.
    pub fn connect_from(source: impl Into<IpAddr>, to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::new(source.into(), 0).into())
            .expect("the source address is ours");
        socket
            .connect_timeout(&to.into(), DEADLINE)
            .expect("the daemon takes connections");
        Self::over(socket.into())
    }

    /// Connects with the smallest receive buffer: longer answers stay with the daemon until read.
    pub fn connect_with_small_buffer(to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(1).expect("a socket option");
        socket
            .connect_timeout(&to.into(), DEADLINE)
            .expect("the daemon takes connections");
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP option");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a socket option");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a socket option");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the daemon takes what is sent");
    }

    /// Each byte a packet of its own, as far as the kernel lets us.
    pub fn send_bytewise(&mut self, bytes: impl AsRef<[u8]>) {
        bytes.as_ref().iter().for_each(|byte| self.send([*byte]));
    }

    /// Says that nothing more will be sent; answers may still come.
    pub fn finish_sending(&mut self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("the connection stands");
    }

    /// Sends `request` over and over without reading one answer, until nothing more is taken for
    /// `patience`; says how many were sent in full, 100,000 at most.
    pub fn flood(&mut self, request: &[u8], patience: Duration) -> usize {
        self.stream
            .set_write_timeout(Some(patience))
            .expect("a socket option");
        let enough = 100_000;
        (0..enough)
            .find(|_| self.stream.write_all(request).is_err())
            .unwrap_or(enough)
    }

    /// Sends a GET with headers of its own, each a line without its end, and reads the answer.
    pub fn get_with(&mut self, target: &str, headers: &[&str]) -> Answer {
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        self.send(format!(
            "GET {target} HTTP/1.1\r\nHost: retracker.local\r\n{headers}\r\n"
        ));
        self.answer()
    }

    pub fn get(&mut self, target: &str) -> Answer {
        self.get_with(target, &[])
    }

    /// The answer to a GET, unless the daemon closes the connection instead.
    pub fn try_to_get(&mut self, target: &str) -> Option<Answer> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n");
        self.stream.write_all(request.as_bytes()).ok()?;
        self.next_answer()
    }

    pub fn announce(&mut self, announce: &Announce) -> Reply {
        self.announce_with(announce, &[])
    }

    /// Announces and insists on peers: a failure reason fails the test.
    pub fn announce_with(&mut self, announce: &Announce, headers: &[&str]) -> Reply {
        let reply = Reply::from_answer(&self.get_with(&announce.target(), headers));
        assert_eq!(reply.failure(), None, "{}", announce.query());
        reply
    }

    pub fn scrape(&mut self, target: &str) -> Reply {
        Reply::from_answer(&self.get(target))
    }

    /// Reads one answer and not a byte more.
    pub fn answer(&mut self) -> Answer {
        self.next_answer()
            .expect("an answer and not the end of the connection")
    }

    /// Reads one answer; `None` if the connection ends before its first byte. A torn one fails.
    pub fn next_answer(&mut self) -> Option<Answer> {
        let mut answer = self.next_head()?;
        let length = answer
            .header("content-length")
            .expect("every answer tells its length");
        let length: usize = length.parse().expect("a length is a number");
        while self.received.len() < length {
            assert!(self.receive(), "torn off in its body: {answer:?}");
        }
        answer.body = self.received.drain(..length).collect();
        Some(answer)
    }

    /// Reads the answer to a HEAD, which has no body and need not tell the length of one.
    pub fn answer_to_head(&mut self) -> Answer {
        self.next_head()
            .expect("an answer and not the end of the connection")
    }

    fn next_head(&mut self) -> Option<Answer> {
        let end_of_head = loop {
            match self
                .received
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
            {
                Some(position) => break position + 4,
                None if self.receive() => {}
                None if self.received.is_empty() => return None,
                None => panic!("torn off: {}", self.received.escape_ascii()),
            }
        };
        let head = self.received.drain(..end_of_head).collect();
        let head = String::from_utf8(head).expect("an ASCII head");
        let status = status_of(&head);
        Some(Answer {
            status,
            head,
            body: Vec::new(),
        })
    }

    /// Insists that the daemon closes, without another byte, while we only wait.
    pub fn expect_closed(&mut self) {
        let more = self.receive();
        assert!(
            !more,
            "instead of the end came: {}",
            self.received.escape_ascii()
        );
    }

    /// Whether something, an answer or the end, arrives within `patience`.
    pub fn hears_within(&mut self, patience: Duration) -> bool {
        self.stream
            .set_read_timeout(Some(patience))
            .expect("a socket option");
        let outcome = self.stream.peek(&mut [0]);
        self.stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a socket option");
        !matches!(outcome, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Adds to `received` what arrives next; false at the end of the connection. A reset is an
    /// end as well: the daemon may close with bytes of ours unread.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.received.extend_from_slice(&buffer[..length]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.receive(),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came within {DEADLINE:?}: {error}"),
        }
    }
}

impl Answer {
    /// The value of a header, whose name is given in lower case; it must not be there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        let mut values = lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} stands twice in {self:?}");
        value
    }
}

fn status_of(head: &str) -> u16 {
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    status
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status line: {head}"))
}
