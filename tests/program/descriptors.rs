//! Running out of file descriptors: who is connected is served on, nothing spins, and accepting
//! goes on as soon as there is room.

use crate::harness::{Client, Daemon, Settings, leecher};
use std::time::{Duration, Instant};

const FILES: u32 = 64;

#[test]
fn serving_goes_on_without_file_descriptors() {
    let daemon = Daemon::start_with_few_files(&Settings::default(), FILES);
    let mut served = daemon.connect();
    // It is served again and again, so that it is never the one that is idle for longest.
    let mut connect = || {
        served.announce(&leecher(1));
        daemon.connect()
    };
    let crowd: Vec<Client> = (0..2 * FILES).map(|_| connect()).collect();

    let (begin, ticks) = (Instant::now(), daemon.processor_ticks());
    while begin.elapsed() < Duration::from_secs(2) {
        assert!(
            !served.hears_within(Duration::from_millis(500)),
            "nobody asked anything"
        );
        served.announce(&leecher(1));
    }
    let used = daemon.processor_ticks() - ticks;
    assert!(
        used < 100,
        "{used} of 200 ticks of processor time used up by waiting for room"
    );

    drop(crowd);
    let mut newcomer = daemon.connect();
    assert_eq!(newcomer.announce(&leecher(2)).counts(), [0, 2, 0]);
    served.announce(&leecher(1));
}
