//! The command line's side of the admin face: what it asks the running daemon, and how it shows
//! the answers.

mod explain;
mod status;
mod table;

pub use explain::{Explain, explained};
pub use status::status;

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The daemon answers at once, or something is wrong with it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Answers longer than this are not the daemon's.
const LONGEST_ANSWER: u64 = 64 << 20;

/// Asks the daemon that listens for operators at an address for a path with its query, and returns
/// the body of its answer, or for the operator why there is none.
pub fn get(admin_listen: Option<SocketAddr>, target: &str) -> Result<Vec<u8>, String> {
    let Some(address) = admin_listen.map(reachable) else {
        return Err("server.admin_listen is off (~): the daemon cannot be asked".to_owned());
    };
    let failed = |error: &dyn std::fmt::Display| {
        format!(
            "cannot ask the daemon at {address}: {error} (does it run, with this configuration?)"
        )
    };
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .timeout_global(Some(PATIENCE))
        .build();
    let url = format!("http://{address}{target}");
    let answer = ureq::Agent::new_with_config(config).get(url).call();
    let mut answer = answer.map_err(|error| failed(&error))?;
    let mut body = Vec::new();
    let mut reader = answer.body_mut().as_reader().take(LONGEST_ANSWER);
    reader
        .read_to_end(&mut body)
        .map_err(|error| failed(&error))?;
    if answer.status() != 200 {
        let text = String::from_utf8_lossy(&body);
        return Err(format!(
            "the daemon at {address} answered {}: {}",
            answer.status(),
            text.trim_end().escape_debug()
        ));
    }
    Ok(body)
}

/// Where to connect to reach a listener: one at all addresses is at the loopback as well.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_at_all_addresses_is_asked_at_the_loopback() {
        for (listener, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.1:8080", "10.0.0.1:8080"),
        ] {
            assert_eq!(reachable(listener.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn a_daemon_without_an_admin_face_cannot_be_asked() {
        let error = get(None, "/").unwrap_err();
        assert!(error.contains("admin_listen"), "{error}");
    }
}
