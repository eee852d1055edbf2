//! How many rows a second. A measurement and no test:
//! `cargo test --release --test database -- --ignored --nocapture figures`

use crate::records::{CLOCK, changes, peer, swarm};
use crate::{Folder, server_with_tables, sqlite};
use btrt::bittorrent::InfoHash;
use btrt::record::PeerRecord;
use btrt::worker::store::Store;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

const PEERS: u32 = 1_000_000;
const BATCH: usize = 10_000;

#[test]
#[ignore = "a measurement"]
fn of_sqlite() {
    let folder = Folder::new();
    measure("SQLite", &mut sqlite(&folder.0.join("btrt.sqlite")));
}

#[test]
#[ignore = "a measurement"]
fn of_mariadb() {
    let sizes = [
        "--innodb-buffer-pool-size=512M",
        "--innodb-log-file-size=256M",
    ];
    let (_server, mut store) = server_with_tables(&sizes);
    measure("MariaDB", &mut store);
}

/// A million peers, most in small swarms all over the key space and a quarter in one of them.
fn peers() -> Vec<PeerRecord> {
    let mut random = fastrand::Rng::with_seed(7);
    let swarms: Vec<_> = (0..50_000)
        .map(|_| InfoHash(std::array::from_fn(|_| random.u8(..))))
        .collect();
    let one = |number: u32| {
        let mut peer = peer(1, "::1", random.u16(1..));
        peer.key.ip = IpAddr::V4(Ipv4Addr::from_bits(number.wrapping_mul(2_654_435_761)));
        peer.group = Arc::from("local peers");
        peer.key.info_hash = match number % 4 {
            0 => swarms[0],
            _ => swarms[random.usize(..swarms.len())],
        };
        peer
    };
    (0..PEERS).map(one).collect()
}

#[expect(clippy::disallowed_methods, reason = "a measurement of time")]
fn timed(name: &str, rows: usize, act: impl FnOnce()) {
    let start = Instant::now();
    act();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{name}: {rows} rows in {seconds:.2} s, {:.0}/s",
        rows as f64 / seconds
    );
}

fn write(store: &mut Store, peers: &[PeerRecord]) {
    for batch in peers.chunks(BATCH) {
        let mut changes = changes();
        changes.peers = batch.to_vec();
        store.write(&changes, &CLOCK()).unwrap();
    }
}

fn measure(name: &str, store: &mut Store) {
    let mut peers = peers();
    let mut timed = |what: &str, rows, act: &mut dyn FnMut(&mut Store)| {
        timed(&format!("{name}, {what}"), rows, || act(store));
    };
    timed("new peers", peers.len(), &mut |store| write(store, &peers));
    fastrand::Rng::with_seed(8).shuffle(&mut peers);
    let some = &peers[..200_000];
    timed("known peers", some.len(), &mut |store| write(store, some));
    timed("new swarms", 100_000, &mut |store| {
        for batch in 0..10 {
            let mut changes = changes();
            changes.swarms = vec![swarm(0); BATCH];
            for (number, swarm) in changes.swarms.iter_mut().enumerate() {
                let number = (batch * BATCH + number) as u64 * 0x9e37_79b9_7f4a_7c15;
                swarm.info_hash.0[..8].copy_from_slice(&number.to_be_bytes());
            }
            store.write(&changes, &CLOCK()).unwrap();
        }
    });
    timed("pages of 10,000 peers", peers.len(), &mut |store| {
        let (mut after, mut read) = (None, 0);
        while let Some(last) = {
            let page = store.read_peers(&CLOCK(), after.as_ref(), BATCH).unwrap();
            read += page.records.len();
            page.records.last().map(|peer| peer.key)
        } {
            after = Some(last);
        }
        assert_eq!(read, peers.len());
    });
    let gone = &peers[..50_000];
    timed("gone peers", gone.len(), &mut |store| {
        for batch in gone.chunks(BATCH) {
            let mut changes = changes();
            changes.gone_peers = batch.iter().map(|peer| peer.key).collect();
            store.write(&changes, &CLOCK()).unwrap();
        }
    });
    let large = *peers
        .iter()
        .map(|peer| &peer.key.info_hash)
        .find(|hash| {
            peers[..1_000]
                .iter()
                .filter(|peer| peer.key.info_hash == **hash)
                .count()
                > 100
        })
        .unwrap();
    timed("a gone swarm", PEERS as usize / 4, &mut |store| {
        let mut changes = changes();
        changes.gone_swarms = vec![large];
        store.write(&changes, &CLOCK()).unwrap();
    });
}
