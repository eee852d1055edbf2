//! The head of a request.

use std::borrow::Cow;
use std::mem::MaybeUninit;

/// A longer head is refused. Real ones have 200 to 600 bytes; the longest announce URLs of
/// private trackers stay below 2 KiB.
pub const MAX_HEAD: usize = 8192;
/// A head with more header fields is refused. Real ones have 3 to 8, behind proxies 20.
pub const MAX_FIELDS: usize = 64;

/// The methods that a tracker tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Asks for something.
    Get,
    /// Asks for the head of the answer.
    Head,
    /// Anything else.
    Other,
}

/// A request head, all of it borrowed from the bytes received.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// What is to be done.
    pub method: Method,
    /// To what: the path without the query; of an absolute target the path alone.
    pub path: &'a [u8],
    /// Whom the client believes to ask, with the port if it is written: from an absolute target,
    /// else from the first `Host`.
    pub host: Option<&'a [u8]>,
    /// What stands behind the first question mark; empty if there is none.
    pub query: &'a [u8],
    /// HTTP/1.0, where a connection that stays open must be announced.
    pub http_1_0: bool,
    /// The connection stays open after the answer.
    pub keep_alive: bool,
    fields: &'a [httparse::Header<'a>],
}

impl<'a> Head<'a> {
    /// The values of all header fields of this name, in any case, in order.
    pub fn values(&self, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    }

    /// Takes note of the fields that decide how to go on: whom the client asks, and whether it wants
    /// the connection to stay open (RFC 9112, section 9.3). A request that says it has a body ends
    /// it: nobody reads bodies here, and what follows would be taken for the next request.
    fn read_fields(&mut self) {
        let mut host = None;
        let mut stays_open = !self.http_1_0;
        let mut ends = false;
        for field in self.fields {
            // Nearly all clients write them like this, and it takes a while to see that any case
            // will do.
            let is = |name: &str| field.name == name || field.name.eq_ignore_ascii_case(name);
            match field.name.len() {
                4 if is("Host") => host = host.or(Some(field.value)),
                10 if is("Connection") => match field.value {
                    b"keep-alive" => stays_open = true,
                    b"close" => ends = true,
                    options => {
                        for option in options.split(|&byte| byte == b',') {
                            let option = option.trim_ascii();
                            ends |= option.eq_ignore_ascii_case(b"close");
                            stays_open |= option.eq_ignore_ascii_case(b"keep-alive");
                        }
                    }
                },
                14 if is("Content-Length") => ends |= field.value != b"0",
                17 if is("Transfer-Encoding") => ends = true,
                _ => {}
            }
        }
        self.host = self.host.or(host);
        self.keep_alive = stays_open && !ends;
    }
}

/// Why bytes are not served as a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They are no HTTP request: 400.
    NotHttp,
    /// The head is too long or has too many fields: 431.
    TooLarge,
    /// The head did not come in time: 408.
    TooSlow,
}

/// Room for the fields of one head.
pub type Fields<'a> = [MaybeUninit<httparse::Header<'a>>; MAX_FIELDS];

/// A head and its length in bytes.
type Complete<'a> = (Head<'a>, usize);

/// Reads the head that `received` begins with. `Ok(None)` means that more bytes are needed.
///
/// What this says of some bytes it also says of every beginning of them, or else that it needs
/// more: how the network cuts a request changes nothing.
pub fn parse<'a>(
    received: &'a [u8],
    fields: &'a mut Fields<'a>,
) -> Result<Option<Complete<'a>>, Refusal> {
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(received, fields) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => {
            let head = read(request).ok_or(Refusal::NotHttp)?;
            Ok(Some((head, length)))
        }
        Ok(httparse::Status::Partial) if received.len() <= MAX_HEAD => Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(Refusal::TooLarge),
        Err(_) => Err(Refusal::NotHttp),
    }
}

fn read<'a>(request: httparse::Request<'a, 'a>) -> Option<Head<'a>> {
    let http_1_0 = request.version? == 0;
    let (authority, path, query) = split_target(request.path?.as_bytes());
    let mut head = Head {
        method: match request.method? {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other,
        },
        path,
        host: authority,
        query,
        http_1_0,
        keep_alive: !http_1_0,
        fields: request.headers,
    };
    head.read_fields();
    Some(head)
}

/// Cuts a request target into authority (of an absolute one), path and query.
fn split_target(target: &[u8]) -> (Option<&[u8]>, &[u8], &[u8]) {
    let scheme = match target {
        [b'/', ..] => None,
        _ => memchr::memmem::find(target, b"://"),
    };
    let (authority, origin_form) = match scheme {
        Some(scheme) if !target[..scheme].contains(&b'?') => {
            let authority = &target[scheme + b"://".len()..];
            let end = authority
                .iter()
                .position(|byte| matches!(byte, b'/' | b'?'));
            let (authority, rest) = authority.split_at(end.unwrap_or(authority.len()));
            (Some(authority), rest)
        }
        _ => (None, target),
    };
    match memchr::memchr(b'?', origin_form) {
        Some(at) => (authority, &origin_form[..at], &origin_form[at + 1..]),
        None => (authority, origin_form, b""),
    }
}

/// Escapes what some old torrents have in their announce URLs and no request line may contain:
/// bytes beyond ASCII and spaces. Returns `None` if `received` does not begin with such a line,
/// and the bytes unchanged if the line has not come to its end yet.
pub fn escape_target(received: &[u8]) -> Option<Cow<'_, [u8]>> {
    // Empty lines in front are passed over, a carriage return alone is none.
    let mut start = 0;
    while let [b'\n', ..] | [b'\r', b'\n', ..] = &received[start..] {
        start += if received[start] == b'\r' { 2 } else { 1 };
    }
    let method = [&b"GET "[..], b"HEAD "]
        .into_iter()
        .find(|method| received[start..].starts_with(method))?;
    let target_start = start + method.len();
    let rest = &received[target_start..];
    let line_end = memchr::memchr(b'\n', rest);
    let line = rest[..line_end.unwrap_or(rest.len())].trim_ascii_end();
    if line.iter().any(u8::is_ascii_control) {
        return None;
    }
    if line_end.is_none() {
        return Some(Cow::Borrowed(received));
    }
    let version = line.len().checked_sub(b" HTTP/1.1".len())?;
    let (target, version) = line.split_at(version);
    let needs_escape = |byte: u8| byte == b' ' || !byte.is_ascii();
    if !version.starts_with(b" HTTP/1.") || !target.iter().copied().any(needs_escape) {
        return None;
    }
    let mut escaped = received[..target_start].to_vec();
    for &byte in target {
        if needs_escape(byte) {
            escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            escaped.push(byte);
        }
    }
    escaped.extend_from_slice(&rest[target.len()..]);
    Some(Cow::Owned(escaped))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_head<T>(received: &[u8], look: impl FnOnce(Head<'_>) -> T) -> T {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let (head, length) = parse(received, &mut fields).unwrap().unwrap();
        assert_eq!(length, received.len());
        look(head)
    }

    #[test]
    fn targets_of_both_forms_are_cut_into_path_and_query() {
        for (target, path, query) in [
            ("/announce?a=1?b=2", "/announce", "a=1?b=2"),
            ("http://t.example/x/announce?a=1", "/x/announce", "a=1"),
            ("http://t.example?a=1", "", "a=1"),
            ("/announce?url=http://x/y", "/announce", "url=http://x/y"),
            ("/http://x/announce", "/http://x/announce", ""),
        ] {
            let received = format!("GET {target} HTTP/1.1\r\n\r\n");
            with_head(received.as_bytes(), |head| {
                assert_eq!(head.path, path.as_bytes(), "{target}");
                assert_eq!(head.query, query.as_bytes(), "{target}");
            });
        }
    }

    #[test]
    fn connections_stay_open_as_the_client_asks() {
        for (rest, stays_open) in [
            ("1.1\r\n\r\n", true),
            ("1.0\r\n\r\n", false),
            ("1.1\r\nconnection: Close\r\n\r\n", false),
            ("1.0\r\nConnection: TE, Keep-Alive\r\n\r\n", true),
            ("1.1\r\nContent-Length: 0\r\n\r\n", true),
            ("1.1\r\nContent-Length: 5\r\n\r\n", false),
            ("1.1\nTransfer-Encoding: chunked\n\n", false),
        ] {
            let received = format!("\r\nGET / HTTP/{rest}");
            with_head(received.as_bytes(), |head| {
                assert_eq!(head.keep_alive, stays_open, "{rest}")
            });
        }
    }

    #[test]
    fn long_heads_are_refused_at_the_same_length_whether_complete_or_not() {
        let mut long = b"GET /announce HTTP/1.1\r\nX: ".to_vec();
        long.resize(MAX_HEAD - 4, b'x');
        let mut fits = long.clone();
        fits.extend_from_slice(b"\r\n\r\n");
        with_head(&fits, |head| assert_eq!(head.path, b"/announce"));
        long.extend_from_slice(b"x\r\n\r\n");
        let verdict = |received: &[u8]| {
            let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
            parse(received, &mut fields).map(|complete| complete.is_some())
        };
        assert_eq!(verdict(&long), Err(Refusal::TooLarge));
        assert_eq!(verdict(&long[..MAX_HEAD]), Ok(false));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
        assert_eq!(verdict(many.as_bytes()), Err(Refusal::TooLarge));
    }

    #[test]
    fn raw_bytes_in_a_target_are_escaped_and_nothing_else_is() {
        let escaped = |line: &[u8]| escape_target(line).map(Cow::into_owned);
        assert_eq!(
            escaped(b"GET /a?c=\xc3\xa9 b&x=1 HTTP/1.1\r\nHost: x\r\n").unwrap(),
            b"GET /a?c=%C3%A9%20b&x=1 HTTP/1.1\r\nHost: x\r\n"
        );
        assert_eq!(escaped(b"GET /a?c=\xc3").unwrap(), b"GET /a?c=\xc3");
        for refused in [
            &b"POST /\xc3 HTTP/1.1\r\n"[..],
            b"GET /a b HTTQ\r\n",
            b"GET /a HTTP/1.1\r\n",
            b"GET /\x01\xc3 HTTP/1.1\r\n",
            b"\rGET /\xc3 HTTP/1.1\r\n",
            b"\x16\x03\x01",
            b"",
        ] {
            assert_eq!(escaped(refused), None, "{}", refused.escape_ascii());
        }
    }
}
