//! Announces and scrapes that were on their way to an external tracker.

use super::{Announce, InfoHash, Scheme, Target, UpstreamRequest};
use std::net::IpAddr;

/// What a client wanted of an external tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Where to, with the client's own query.
    pub target: Target,
    /// The announce URL without what clients send by themselves: who comes with the same one has
    /// the same tracker, account and all. It may hold a passkey and is never shown.
    pub tracker: Box<[u8]>,
    /// What the client's program calls itself.
    pub user_agent: Option<String>,
    /// The client, if the request names it (`client_ip`).
    pub client_ip: Option<IpAddr>,
    /// What it wanted.
    pub wants: Wants,
}

/// What a client wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// To announce.
    Announce {
        /// As it is understood here.
        announce: Announce,
        /// The same for a tracker that is asked over UDP.
        request: UpstreamRequest,
        /// The query has an `ip` of its own.
        names_ip: bool,
    },
    /// To scrape.
    Scrape(Vec<InfoHash>),
}

impl Forwarded {
    /// Tells the external tracker the client's address, unless the client has told it one itself,
    /// so that it does not take us for the peer.
    pub fn name_client(&mut self, ip: IpAddr) {
        let Wants::Announce {
            request, names_ip, ..
        } = &mut self.wants
        else {
            return;
        };
        if *names_ip {
            return;
        }
        if self.target.scheme == Scheme::Udp {
            if let (UpstreamRequest::Announce { ip: field, .. }, IpAddr::V4(ip)) = (request, ip) {
                *field = Some(ip);
            }
            return;
        }
        let parameter = format!("&ip={ip}");
        self.target.path_and_query.extend(parameter.into_bytes());
    }
}
