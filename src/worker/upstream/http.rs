//! HTTP and HTTPS trackers.
//!
//! No connection is kept: the next fetch is for another host, as a rule, and an idle one is a file
//! descriptor. TLS believes the certificates that Mozilla believes, which are built in.

use super::deadline::Deadline;
use super::resolve::Resolver;
use super::{check_port, is_trusted, socket_error};
use crate::bittorrent::{BadTarget, Scheme, Target, UpstreamReply};
use crate::job::{Fetch, FetchError};
use crate::protocol::bencode_reader::Fault;
use crate::protocol::upstream::read_reply;
use std::io;
use std::net::SocketAddr;
use ureq::config::Config;
use ureq::http::header::{CONNECTION, LOCATION, USER_AGENT, VIA};
use ureq::http::{self, HeaderValue, StatusCode, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as UreqResolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// Bytes that an answer may have.
const MAX_BODY: u64 = 1024 * 1024;

/// Bytes that the head of an answer may have.
const MAX_HEAD: usize = 32 * 1024;

/// Bytes that a `User-Agent` may have.
const MAX_USER_AGENT: usize = 256;

/// Asks a tracker, and whom it redirects to.
pub fn fetch(
    fetch: &Fetch,
    resolver: &mut Resolver,
    deadline: Deadline,
) -> Result<UpstreamReply, FetchError> {
    let mut target = fetch.target.clone();
    for _ in 0..=MAX_REDIRECTS {
        let is_trusted = is_trusted(fetch, &target);
        if !is_trusted {
            check_port(&fetch.policy, target.port)?;
        }
        let addresses = resolver.resolve(&target, &fetch.policy, is_trusted, deadline)?;
        let response = send(fetch, &target, addresses, deadline)?;
        if is_loop(&response, fetch) {
            return Err(FetchError::Loop);
        }
        let Some(location) = location(&response) else {
            return read(response, fetch);
        };
        target = redirected(&target, location)?;
    }
    Err(FetchError::TooManyRedirects)
}

fn send(
    fetch: &Fetch,
    target: &Target,
    addresses: Vec<SocketAddr>,
    deadline: Deadline,
) -> Result<http::Response<Body>, FetchError> {
    let config = Config::builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .max_response_header_size(MAX_HEAD)
        .accept("")
        .accept_encoding("")
        .timeout_global(Some(deadline.left()?))
        .build();
    // An agent for one request: it knows no other addresses than those that were checked.
    let agent = Agent::with_parts(config, DefaultConnector::default(), Checked(addresses));
    let request = http::Request::get(uri(target)?)
        .header(USER_AGENT, user_agent(fetch))
        .header(VIA, format!("1.1 {}", fetch.policy.via))
        .header(CONNECTION, "close")
        .body(())
        .map_err(|_| FetchError::Internal)?;
    agent.run(request).map_err(error)
}

fn uri(target: &Target) -> Result<Uri, FetchError> {
    Uri::builder()
        .scheme(target.scheme.name())
        .authority(target.authority())
        .path_and_query(target.path_and_query.as_slice())
        .build()
        // Whatever passes as a target passes here as well.
        .map_err(|_| FetchError::Internal)
}

/// The client's, if it gave a proper one: some trackers answer only clients that they know.
fn user_agent(fetch: &Fetch) -> HeaderValue {
    let given = fetch.user_agent.as_deref().unwrap_or_default();
    let is_proper = (1..=MAX_USER_AGENT).contains(&given.len())
        && given.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let own = concat!("btrt/", env!("CARGO_PKG_VERSION"));
    let given = is_proper
        .then(|| HeaderValue::from_str(given).ok())
        .flatten();
    given.unwrap_or(HeaderValue::from_static(own))
}

/// The addresses of the one host that is asked.
#[derive(Debug)]
struct Checked(Vec<SocketAddr>);

impl UreqResolver for Checked {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        self.0.iter().for_each(|&address| addresses.push(address));
        Ok(addresses)
    }
}

/// Whether the request reached ourselves in the end: we are among those who passed the answer on,
/// or somebody refused it for that reason (RFC 5842, section 7.2).
fn is_loop(response: &http::Response<Body>, fetch: &Fetch) -> bool {
    let via = response.headers().get_all(VIA).iter();
    let mut names = via.flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    let is_own = |hop: &[u8]| {
        let mut words = hop.trim_ascii().split(u8::is_ascii_whitespace);
        words.nth(1) == Some(fetch.policy.via.as_bytes())
    };
    response.status() == StatusCode::LOOP_DETECTED || names.any(is_own)
}

/// Where the answer redirects to, if it does.
fn location(response: &http::Response<Body>) -> Option<&[u8]> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| redirects);
    location.map(HeaderValue::as_bytes)
}

fn redirected(from: &Target, location: &[u8]) -> Result<Target, FetchError> {
    let target = from.join(location).map_err(FetchError::BadRedirect)?;
    if target.scheme == Scheme::Udp {
        return Err(FetchError::BadRedirect(BadTarget::Scheme));
    }
    Ok(target)
}

/// Reads the body. Some trackers refuse with another status than 200, and say why in bencode.
fn read(response: http::Response<Body>, fetch: &Fetch) -> Result<UpstreamReply, FetchError> {
    let status = response.status();
    let body = response.into_body().into_with_config().limit(MAX_BODY);
    let body = body.read_to_vec().map_err(error)?;
    let reply = read_reply(&body, |ip| fetch.policy.allows(ip));
    let is_refusal = reply.as_ref().is_ok_and(|reply| reply.failure.is_some());
    if !status.is_success() && !is_refusal {
        return Err(FetchError::Status(status.as_u16()));
    }
    reply.map_err(|fault| match fault {
        Fault::NotBencode => FetchError::NotBencode,
        Fault::TooDeep => FetchError::TooDeep,
        Fault::TooMany => FetchError::TooLarge,
    })
}

/// What the operator needs to know of an error, without the URL that some name.
fn error(error: ureq::Error) -> FetchError {
    match error {
        ureq::Error::Timeout(_) => FetchError::Timeout,
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => {
            FetchError::TooLarge
        }
        ureq::Error::Tls(why) => FetchError::Tls(why.into()),
        ureq::Error::Rustls(why) => FetchError::Tls(why.to_string()),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => FetchError::Timeout,
            // That is how a failed handshake comes out of a read or a write.
            io::ErrorKind::InvalidData => FetchError::Tls(error.to_string()),
            _ => socket_error(&error),
        },
        _ => FetchError::NotHttp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_of_a_query_is_sent() {
        let bytes: Vec<u8> = (b' '..=0xff)
            .filter(|&byte| !matches!(byte, b'#' | 0x7f))
            .collect();
        for between in ["/", "/a?"] {
            let url = [b"http://a", between.as_bytes(), &bytes].concat();
            let target = Target::parse(&url).unwrap();
            let uri = uri(&target).unwrap();
            let sent = uri.path_and_query().unwrap().as_str();
            assert_eq!(sent.as_bytes(), target.path_and_query);
        }
    }

    proptest! {
        #[test]
        fn every_target_can_be_asked(rest in proptest::collection::vec(any::<u8>(), 0..40)) {
            let url = [b"http://", &rest[..]].concat();
            if let Ok(target) = Target::parse(&url) {
                let uri = uri(&target).unwrap();
                prop_assert_eq!(uri.port_u16().unwrap_or(80), target.port);
                let sent = uri.path_and_query().unwrap().as_str();
                prop_assert_eq!(sent.as_bytes(), target.path_and_query);
            }
        }

        #[test]
        fn every_host_can_be_asked(host in "[a-zA-Z0-9._-]{1,20}(:[0-9]{0,5})?") {
            if let Ok(target) = Target::parse(format!("https://{host}/").as_bytes()) {
                prop_assert!(uri(&target).is_ok());
            }
        }
    }
}
