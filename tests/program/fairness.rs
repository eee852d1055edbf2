//! The choice among peers of one priority: every peer equally likely, another choice every time.

use crate::harness::{Daemon, Settings, leecher, network_of};
use crate::priority::populate;
use std::collections::HashMap;
use std::net::SocketAddr;

const PEERS_PER_NETWORK: u32 = 1000;
const ANSWERS: u32 = 1500;

/// Fails unless `counts`, how often each of a network's peers was handed out when each answer
/// held `drawn` of them, look like fair draws without replacement.
///
/// The sum of squared deviations over the expected count, scaled for drawing without replacement,
/// has the mean of a chi-square distribution with one degree of freedom less than there are peers.
/// It spreads more widely, as peers are drawn in blocks of eight that stand side by side: those `k`
/// places apart share `8 - k` of eight chances to be drawn, and the squares of these shares sum up
/// to 5.375. The bounds lie at six standard deviations (Wilson and Hilferty's approximation), where
/// chance alone fails about one run in 10^8. The lower one catches what is too even to be chance: a
/// tracker that takes turns hands out the same lists in the same order to everybody.
fn assert_fair(counts: &HashMap<SocketAddr, u32>, drawn: u32) {
    let peers = f64::from(PEERS_PER_NETWORK);
    let expected = f64::from(ANSWERS * drawn) / peers;
    let seen: f64 = counts
        .values()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum();
    let never_seen = f64::from(PEERS_PER_NETWORK - u32::try_from(counts.len()).expect("few peers"));
    let statistic = (seen + never_seen * expected) * (peers - 1.0) / (peers - f64::from(drawn));
    let freedom = peers - 1.0;
    let spread = 2.0 / (9.0 * freedom / 5.375);
    let bound = |deviations: f64| freedom * (1.0 - spread + deviations * spread.sqrt()).powi(3);
    let fair = bound(-6.0)..bound(6.0);
    assert!(
        fair.contains(&statistic),
        "chi-square {statistic:.0} is not in {fair:.0?}"
    );
}

#[test]
fn in_a_swarm_of_3000_the_own_network_comes_first_and_everybody_gets_a_turn() {
    let daemon = Daemon::start(&Settings::with_two_groups().tracker("outside_peers: 12"));
    for network in [1, 2, 3] {
        populate(&daemon, network, PEERS_PER_NETWORK, leecher);
    }
    let mut client = daemon.connect_from([127, 3, 250, 1]);
    let asker = leecher(9).set("numwant", 50);
    let mut counts = [HashMap::new(), HashMap::new()];
    let mut orders = HashMap::new();
    for _ in 0..ANSWERS {
        let peers = client.announce(&asker).peers();
        let networks: Vec<_> = peers.iter().map(network_of).collect();
        assert_eq!(
            networks,
            [[1; 38].as_slice(), &[2; 12]].concat(),
            "{peers:?}"
        );
        for peer in &peers {
            *counts[usize::from(network_of(peer)) - 1]
                .entry(*peer)
                .or_insert(0) += 1;
        }
        *orders.entry(peers).or_insert(0) += 1;
    }
    assert_fair(&counts[0], 38);
    assert_fair(&counts[1], 12);
    assert_eq!(
        orders.len(),
        usize::try_from(ANSWERS).expect("few"),
        "the same list came twice"
    );
}
