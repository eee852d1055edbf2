//! Debian's opentracker, killed when it goes out of scope.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Opentracker {
    child: Child,
    /// Where it listens, for TCP and UDP.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Opentracker {
    /// Starts one that knows a single info hash, in hex: Debian builds it to ask for a list.
    pub fn start(ip: impl Into<IpAddr>, hash: &str) -> Opentracker {
        let address = free_address(ip.into());
        Opentracker::start_at(address, hash)
    }

    pub fn start_at(address: SocketAddr, hash: &str) -> Opentracker {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("whitelist");
        std::fs::write(&list, format!("{hash}\n")).unwrap();
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let child = Command::new("opentracker")
            .args(["-i", &ip, "-p", &port, "-P", &port])
            .args(["-u", "nobody", "-d", "/", "-w"])
            .arg(&list)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("opentracker is missing: install Debian's package `opentracker`");
        let tracker = Opentracker {
            child,
            address,
            _folder: folder,
        };
        let started = Instant::now();
        // It listens before it has read its list, and refuses everybody meanwhile.
        while !tracker.accepts("started", hash) {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "opentracker does not begin to work"
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
        tracker.accepts("stopped", hash);
        tracker
    }

    /// Whether an announce is answered, and not with a refusal.
    fn accepts(&self, event: &str, hash: &str) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else {
            return false;
        };
        let escaped: String = (0..40)
            .step_by(2)
            .map(|at| format!("%{}", &hash[at..at + 2]))
            .collect();
        let request = format!(
            "GET /announce?info_hash={escaped}&peer_id=aaaaaaaaaaaaaaaaaaaa&port=1&left=1\
             &event={event} HTTP/1.0\r\n\r\n"
        );
        let mut answer = Vec::new();
        let exchanged = stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.read_to_end(&mut answer));
        exchanged.is_ok() && !answer.windows(14).any(|bytes| bytes == b"failure reason")
    }
}

impl Drop for Opentracker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that neither TCP nor UDP uses.
fn free_address(ip: IpAddr) -> SocketAddr {
    loop {
        let tcp = TcpListener::bind((ip, 0)).unwrap();
        let address = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
