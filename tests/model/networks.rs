//! Peer groups by a scan over all prefixes, and the ones that the tests use.

use btrt::swarm::{GroupDefinition, GroupNames, OTHER_NAME, PeerGroups};
use proptest::prelude::*;
use std::net::IpAddr;

/// What the operator says, and the numbers that the names have got.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    pub definitions: Vec<GroupDefinition>,
    pub names: GroupNames,
}

impl Networks {
    /// The same as the real groups, which are built on the way.
    pub fn build(definitions: &[GroupDefinition], previous: &GroupNames) -> (Networks, PeerGroups) {
        let groups = PeerGroups::new(definitions.to_vec(), previous);
        let networks = Networks {
            definitions: definitions.to_vec(),
            names: groups.names(),
        };
        (networks, groups)
    }

    /// The name of an address's group.
    pub fn find(&self, ip: IpAddr) -> &str {
        let mut best: Option<(u8, u32, &str)> = None;
        for group in &self.definitions {
            for network in group
                .networks
                .iter()
                .filter(|network| network.contains(&ip))
            {
                let better = best.is_none_or(|(length, priority, _)| {
                    (network.prefix_len(), priority) > (length, group.priority)
                });
                if better {
                    best = Some((network.prefix_len(), group.priority, &group.name));
                }
            }
        }
        best.map_or(OTHER_NAME, |(_, _, name)| name)
    }

    fn definition(&self, name: &str) -> Option<&GroupDefinition> {
        self.definitions.iter().find(|group| group.name == name)
    }

    /// Smaller is earlier; `other`, and what is no group any more, comes last.
    pub fn priority(&self, name: &str) -> u32 {
        self.definition(name)
            .map_or(u32::MAX, |group| group.priority)
    }

    /// Whether members of `asker` may be given peers of `name`.
    pub fn visible(&self, name: &str, asker: &str) -> bool {
        let visible_to = self
            .definition(name)
            .and_then(|group| group.visible_to.as_ref());
        name == asker || visible_to.is_none_or(|names| names.iter().any(|name| name == asker))
    }
}

/// Networks of all kinds, some within others.
const NETWORKS: [&str; 10] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.0/24",
    "100.64.0.0/10",
    "127.1.0.0/16",
    "127.1.0.128/25",
    "198.51.100.0/24",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "fd00::/8",
];
const NAMES: [&str; 4] = ["home", "city", "partner", "transit"];

/// Up to four groups. Their priorities may be the same; of one network that two of them have,
/// the one with the smaller number wins, so that these must differ.
pub fn definitions() -> impl Strategy<Value = Vec<GroupDefinition>> {
    let networks = proptest::sample::subsequence(&NETWORKS[..], 0..=4);
    let names = NAMES.into_iter().chain([OTHER_NAME]).collect::<Vec<_>>();
    let visible_to = proptest::option::weighted(0.3, proptest::sample::subsequence(names, 0..=2));
    let group = (0..3u32, networks, visible_to);
    proptest::collection::vec(proptest::option::weighted(0.8, group), NAMES.len()).prop_map(
        |groups| {
            let mut definitions = Vec::<GroupDefinition>::new();
            for (name, group) in NAMES.iter().zip(groups) {
                let Some((priority, networks, visible_to)) = group else {
                    continue;
                };
                let parse = |text: &&str| text.parse().expect("a network");
                let mut networks: Vec<_> = networks.iter().map(parse).collect();
                let rivals = definitions
                    .iter()
                    .filter(|rival| rival.priority == priority);
                let taken: Vec<_> = rivals.flat_map(|rival| &rival.networks).copied().collect();
                networks.retain(|network| !taken.contains(network));
                definitions.push(GroupDefinition {
                    name: (*name).to_owned(),
                    priority,
                    networks,
                    visible_to: visible_to
                        .map(|names| names.into_iter().map(str::to_owned).collect()),
                });
            }
            definitions
        },
    )
}
