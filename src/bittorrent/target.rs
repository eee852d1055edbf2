//! Where another tracker is asked: its URL, taken apart.

use std::fmt;

/// A tracker's URL with the query of one request.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// A name or an address, in lower case; IPv6 without brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
    /// What the request line says, byte for byte; it begins with `/`. It may hold a passkey.
    pub path_and_query: Vec<u8>,
}

/// How a tracker is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP (BEP 3).
    Http,
    /// HTTP over TLS.
    Https,
    /// UDP (BEP 15).
    Udp,
}

/// Why a URL is no [`Target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTarget {
    /// It does not begin with `http://`, `https://` or `udp://`.
    Scheme,
    /// The host is missing, too long, or has bytes that no host name has.
    Host,
    /// The port is no number from 1 to 65535, or missing for UDP.
    Port,
    /// There is a user name or a password in it.
    UserInfo,
    /// There is a control byte in it.
    Control,
    /// It is longer than any tracker's.
    TooLong,
}

/// How long a path with its query may be, in bytes: more than three times what a request to us may
/// have, as each byte may have to be escaped.
const MAX_PATH_AND_QUERY: usize = 32 * 1024;

/// RFC 1035, section 2.3.4.
const MAX_HOST: usize = 253;

impl Scheme {
    /// As it stands in a URL.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Udp => "udp",
        }
    }

    /// The port of a URL that names none.
    pub fn default_port(self) -> Option<u16> {
        match self {
            Scheme::Http => Some(80),
            Scheme::Https => Some(443),
            Scheme::Udp => None,
        }
    }
}

impl Target {
    /// Reads an absolute URL (RFC 3986). The path and the query stay as they are, except that
    /// bytes no request line may contain are percent-encoded; a `#fragment` is dropped.
    pub fn parse(url: &[u8]) -> Result<Target, BadTarget> {
        let schemes = [Scheme::Http, Scheme::Https, Scheme::Udp];
        let after = |scheme: Scheme| {
            let (name, rest) = url.split_at_checked(scheme.name().len())?;
            let rest = rest.strip_prefix(b"://")?;
            name.eq_ignore_ascii_case(scheme.name().as_bytes())
                .then_some((scheme, rest))
        };
        let found = schemes.into_iter().find_map(after);
        let (scheme, rest) = found.ok_or(BadTarget::Scheme)?;
        Target::parse_after_scheme(scheme, rest)
    }

    /// Where a `Location` leads that was found here (RFC 9110, section 10.2.2): a URL, or part of
    /// one.
    pub fn join(&self, location: &[u8]) -> Result<Target, BadTarget> {
        if let Some(rest) = location.strip_prefix(b"//") {
            return Target::parse_after_scheme(self.scheme, rest);
        }
        let path_end = |url: &[u8]| url.iter().position(|byte| b"?#".contains(byte));
        let path = location
            .split_at(path_end(location).unwrap_or(location.len()))
            .0;
        let first_segment = path.split(|&byte| byte == b'/').next().unwrap_or(path);
        if first_segment.contains(&b':') {
            return Target::parse(location);
        }
        let own_path_end = path_end(&self.path_and_query).unwrap_or(self.path_and_query.len());
        let own_path = self.path_and_query.get(..own_path_end).unwrap_or_default();
        let kept = match path.first() {
            Some(b'/') => 0,
            Some(_) => 1 + own_path.iter().rposition(|&byte| byte == b'/').unwrap_or(0),
            None => own_path_end,
        };
        let kept = own_path.get(..kept).unwrap_or_default();
        Ok(Target {
            path_and_query: escape([kept, location].concat())?,
            ..self.clone()
        })
    }

    /// Host and port as they stand in a URL; the port only if it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.scheme.default_port() == Some(self.port) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    fn parse_after_scheme(scheme: Scheme, rest: &[u8]) -> Result<Target, BadTarget> {
        let authority_end = rest.iter().position(|byte| b"/?#".contains(byte));
        let (authority, path) = rest.split_at(authority_end.unwrap_or(rest.len()));
        if authority.iter().any(u8::is_ascii_control) {
            return Err(BadTarget::Control);
        }
        if authority.contains(&b'@') {
            return Err(BadTarget::UserInfo);
        }
        let (host, port) = if let Some(bracketed) = authority.strip_prefix(b"[") {
            let end = bracketed.iter().position(|&byte| byte == b']');
            let (host, after) = bracketed.split_at(end.ok_or(BadTarget::Host)?);
            let host = std::str::from_utf8(host).map_err(|_| BadTarget::Host)?;
            let ip: std::net::Ipv6Addr = host.parse().map_err(|_| BadTarget::Host)?;
            (ip.to_string(), &after[1..])
        } else {
            let end = authority.iter().position(|&byte| byte == b':');
            let (host, port) = authority.split_at(end.unwrap_or(authority.len()));
            (host_name(host)?, port)
        };
        let port = match port {
            [] | [b':'] => scheme.default_port(),
            [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
                std::str::from_utf8(digits)
                    .ok()
                    .and_then(|digits| digits.parse().ok())
            }
            _ => None,
        };
        Ok(Target {
            scheme,
            host,
            port: port.filter(|&port| port != 0).ok_or(BadTarget::Port)?,
            path_and_query: escape(path.to_vec())?,
        })
    }
}

fn host_name(host: &[u8]) -> Result<String, BadTarget> {
    let is_valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    if host.is_empty() || host.len() > MAX_HOST || !host.iter().all(is_valid) {
        return Err(BadTarget::Host);
    }
    let name = host
        .iter()
        .map(|byte| char::from(byte.to_ascii_lowercase()));
    Ok(name.collect())
}

/// What a request line may say for this path and query.
fn escape(path_and_query: Vec<u8>) -> Result<Vec<u8>, BadTarget> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = Vec::with_capacity(path_and_query.len() + 1);
    if path_and_query.first() != Some(&b'/') {
        escaped.push(b'/');
    }
    for byte in path_and_query {
        match byte {
            b'#' => break,
            0..b' ' | 0x7f => return Err(BadTarget::Control),
            b' ' | b'"' | b'<' | b'>' | b'`' | 0x80.. => {
                let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
                escaped.extend([b'%', high, low]);
            }
            _ => escaped.push(byte),
        }
    }
    if escaped.len() > MAX_PATH_AND_QUERY {
        return Err(BadTarget::TooLong);
    }
    Ok(escaped)
}

/// For the log: scheme, host and port, never the path or the query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.authority())
    }
}

/// The same as for the log.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadTarget::Scheme => "the URL has a scheme that cannot be used here",
            BadTarget::Host => "the URL has no valid host",
            BadTarget::Port => "the URL has no valid port",
            BadTarget::UserInfo => "the URL has a user name in it",
            BadTarget::Control => "the URL has control characters in it",
            BadTarget::TooLong => "the URL is too long",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: impl AsRef<[u8]>) -> (Scheme, String, u16, String) {
        let target = Target::parse(url.as_ref()).unwrap();
        let path = String::from_utf8(target.path_and_query).unwrap();
        (target.scheme, target.host, target.port, path)
    }

    #[test]
    fn a_url_is_taken_apart_and_its_query_left_as_it_is() {
        let expected = (
            Scheme::Http,
            "t.example".into(),
            80,
            "/announce?a=%fF%Zz&b=%&c=+|{}^[]'\\".into(),
        );
        assert_eq!(
            parsed("HTTP://T.Example/announce?a=%fF%Zz&b=%&c=+|{}^[]'\\#end"),
            expected
        );
        assert_eq!(parsed("https://a:/").2, 443);
        assert_eq!(
            parsed("http://a:81?b@c/d"),
            (Scheme::Http, "a".into(), 81, "/?b@c/d".into())
        );
        assert_eq!(
            parsed("udp://[2001:DB8::1]:6969"),
            (Scheme::Udp, "2001:db8::1".into(), 6969, "/".into())
        );
        assert_eq!(
            parsed(b"http://a/\xc3\xa9?x=a b\"<>`\xff").3,
            "/%C3%A9?x=a%20b%22%3C%3E%60%FF"
        );
    }

    #[test]
    fn what_is_no_url_of_a_tracker_is_refused() {
        let refused = [
            ("ftp://a/", BadTarget::Scheme),
            ("//a/", BadTarget::Scheme),
            ("http:/a", BadTarget::Scheme),
            (" http://a/", BadTarget::Scheme),
            ("http://", BadTarget::Host),
            ("http:///announce", BadTarget::Host),
            ("http://:80/", BadTarget::Host),
            ("http://[::1/", BadTarget::Host),
            ("http://[1.2.3.4]/", BadTarget::Host),
            ("http://[fe80::1%25eth0]/", BadTarget::Host),
            ("http://a%2eb/", BadTarget::Host),
            ("http://a\\b/", BadTarget::Host),
            ("http://é/", BadTarget::Host),
            ("udp://a/", BadTarget::Port),
            ("http://a:0/", BadTarget::Port),
            ("http://a:65536/", BadTarget::Port),
            ("http://a:+80/", BadTarget::Port),
            ("http://[::1]80/", BadTarget::Port),
            ("http://u:p@a/", BadTarget::UserInfo),
            ("http://a@b/", BadTarget::UserInfo),
            ("http://a/\r\nX: y", BadTarget::Control),
            ("http://a\r\n/", BadTarget::Control),
            ("http://a/?\x7f", BadTarget::Control),
        ];
        for (url, why) in refused {
            assert_eq!(Target::parse(url.as_bytes()), Err(why), "{url}");
        }
        let long = format!("http://a/{}", "é".repeat(MAX_PATH_AND_QUERY / 6 + 1));
        assert_eq!(Target::parse(long.as_bytes()), Err(BadTarget::TooLong));
    }

    #[test]
    fn a_location_leads_from_where_it_was_found() {
        let base = Target::parse(b"https://a.example:444/x/announce?k=v/w").unwrap();
        let joined = |location: &str| {
            let target = base.join(location.as_bytes()).unwrap();
            let path = String::from_utf8(target.path_and_query.clone()).unwrap();
            format!("{target}{path}")
        };
        assert_eq!(joined("http://b:80/c?d#e"), "http://b/c?d");
        assert_eq!(joined("//b/c"), "https://b/c");
        assert_eq!(joined("/c?d:e"), "https://a.example:444/c?d:e");
        assert_eq!(joined("c"), "https://a.example:444/x/c");
        assert_eq!(joined("?c"), "https://a.example:444/x/announce?c");
        assert_eq!(joined(""), "https://a.example:444/x/announce");
        assert_eq!(base.join(b"ftp://b/"), Err(BadTarget::Scheme));
        assert_eq!(base.join(b"/c\n"), Err(BadTarget::Control));
    }

    #[test]
    fn a_log_line_never_holds_the_query() {
        let target = Target::parse(b"http://[::1]:8080/passkey/announce?secret").unwrap();
        assert_eq!(target.to_string(), "http://[::1]:8080");
        assert_eq!(format!("{target:?}"), "Target(http://[::1]:8080)");
    }
}
