//! Peer groups: which networks belong together, who comes first, and who may see whom.

use super::ranges::{Flattening, Ranges};
use ipnet::IpNet;
use itertools::Itertools;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// A group's number. It stays the same as long as the group's name does, so that after a reload
/// the peers already known need no other number, however the order of the groups has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupId(pub u16);

/// By number, but [`OTHER`] comes last, as its peers are handed out last: what is kept in this order
/// is mostly in the order of handing out as well.
impl Ord for GroupId {
    fn cmp(&self, other: &GroupId) -> Ordering {
        let place = |id: &GroupId| id.0.wrapping_sub(OTHER.0 + 1);
        place(self).cmp(&place(other))
    }
}

impl PartialOrd for GroupId {
    fn partial_cmp(&self, other: &GroupId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The group of all addresses that are in no other.
pub const OTHER: GroupId = GroupId(0);
/// The name of [`OTHER`].
pub const OTHER_NAME: &str = "other";

/// What the operator says of a group; its networks in whatever can be gone through.
#[derive(Clone, Debug)]
pub struct GroupDefinition<N = Vec<IpNet>> {
    /// Unique, and not `other`.
    pub name: String,
    /// Smaller numbers are handed out first.
    pub priority: u32,
    /// The group's networks in ascending order, host bits cleared.
    pub networks: N,
    /// Names of the other groups whose members may be given these peers; `None` is all.
    pub visible_to: Option<Vec<String>>,
}

/// All groups, ready for use. Built away from the loop: a full routing table takes its time.
#[derive(Debug)]
pub struct PeerGroups {
    ipv4: Ranges<u32>,
    ipv6: Ranges<u128>,
    /// By group number; `None` for a number whose group is gone.
    groups: Vec<Option<Group>>,
    other: Arc<str>,
}

#[derive(Debug)]
struct Group {
    name: Arc<str>,
    priority: Priority,
    visible_to: Option<BTreeSet<GroupId>>,
}

/// The numbers that group names have; see [`GroupId`].
pub type GroupNames = BTreeMap<String, GroupId>;

/// A place in the order of handing out: smaller is earlier. [`OTHER`] has the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(pub u64);

impl Priority {
    /// Of the group `other`; no other group has it, as it is beyond what can be configured.
    pub const LAST: Priority = Priority(1 << 32);

    /// As it was configured; `None` of `other`.
    pub fn configured(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }
}

impl Default for PeerGroups {
    /// No groups but [`OTHER`].
    fn default() -> PeerGroups {
        PeerGroups::new(Vec::<GroupDefinition>::new(), &GroupNames::new())
    }
}

impl PeerGroups {
    /// Builds the tables. Names that `previous` knows keep their numbers, and new names get
    /// numbers that `previous` does not use.
    pub fn new<N: IntoIterator<Item = IpNet>>(
        definitions: Vec<GroupDefinition<N>>,
        previous: &GroupNames,
    ) -> PeerGroups {
        // The most important group first: it wins where two groups name one network.
        let mut definitions = definitions;
        definitions.sort_by_key(|group| group.priority);
        let names = number(&definitions, previous);
        let mut groups: Vec<Option<Group>> = Vec::new();
        let mut set = |id: GroupId, group| {
            let place = usize::from(id.0);
            if groups.len() <= place {
                groups.resize_with(place + 1, || None);
            }
            groups[place] = Some(group);
        };
        set(
            OTHER,
            Group {
                name: OTHER_NAME.into(),
                priority: Priority::LAST,
                visible_to: None,
            },
        );
        let mut networks = Vec::new();
        for (rank, definition) in definitions.into_iter().enumerate() {
            let id = names[&definition.name];
            let visible_to = definition.visible_to.map(|visible_to| {
                let ids = visible_to.iter().filter_map(|name| names.get(name));
                ids.copied().collect()
            });
            set(
                id,
                Group {
                    name: definition.name.into(),
                    priority: Priority(definition.priority.into()),
                    visible_to,
                },
            );
            let ranked = move |network| (network, rank, id);
            networks.push(definition.networks.into_iter().map(ranked));
        }
        let (ipv4, ipv6) = flatten(networks);
        PeerGroups {
            ipv4,
            ipv6,
            groups,
            other: OTHER_NAME.into(),
        }
    }

    /// The group of an address: that of the longest prefix it matches.
    pub fn find(&self, address: IpAddr) -> GroupId {
        match address {
            IpAddr::V4(ip) => self.ipv4.find(ip.to_bits()),
            IpAddr::V6(ip) => self.ipv6.find(ip.to_bits()),
        }
    }

    /// When the group's peers are handed out. A group that is gone counts as `other` until its
    /// peers have been put into their new groups.
    pub fn priority(&self, id: GroupId) -> Priority {
        self.group(id)
            .map_or(Priority::LAST, |group| group.priority)
    }

    /// Whether members of `asker` may be given peers of `id`, as far as the operator says.
    pub fn visible(&self, id: GroupId, asker: GroupId) -> bool {
        let visible_to = self.group(id).and_then(|group| group.visible_to.as_ref());
        id == asker || visible_to.is_none_or(|groups| groups.contains(&asker))
    }

    /// The group's name; that of a group that is gone is `other`.
    pub fn name(&self, id: GroupId) -> &Arc<str> {
        self.group(id).map_or(&self.other, |group| &group.name)
    }

    /// Names and numbers, for the next [`PeerGroups::new`].
    pub fn names(&self) -> GroupNames {
        let numbered = self.groups.iter().zip(0..);
        numbered
            .filter_map(|(group, id)| Some((group.as_ref()?.name.to_string(), GroupId(id))))
            .collect()
    }

    /// All groups with their names and priorities, by number.
    pub fn all(&self) -> impl Iterator<Item = (GroupId, &Arc<str>, Priority)> {
        let numbered = (0..).map(GroupId).zip(&self.groups);
        numbered.filter_map(|(id, group)| {
            let group = group.as_ref()?;
            Some((id, &group.name, group.priority))
        })
    }

    /// Whether there is a group of this number.
    pub fn contains(&self, id: GroupId) -> bool {
        self.group(id).is_some()
    }

    fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(usize::from(id.0))?.as_ref()
    }
}

/// Lays the networks of all groups flat. Each list is in ascending order, and its networks have the
/// rank and the number of their group beside them.
fn flatten(
    networks: Vec<impl Iterator<Item = (IpNet, usize, GroupId)>>,
) -> (Ranges<u32>, Ranges<u128>) {
    let room = networks.iter().map(|list| list.size_hint().0).sum();
    let mut ipv4 = Flattening::with_room_for(room);
    let mut ipv6 = Flattening::with_room_for(room);
    for (network, _, id) in networks.into_iter().kmerge() {
        match network {
            IpNet::V4(network) => {
                let end = network.broadcast().to_bits().checked_add(1);
                ipv4.push(network.network().to_bits(), end, id);
            }
            IpNet::V6(network) => {
                let end = network.broadcast().to_bits().checked_add(1);
                ipv6.push(network.network().to_bits(), end, id);
            }
        }
    }
    (ipv4.finish(), ipv6.finish())
}

/// Gives each name its number. Those of new names ascend.
fn number<N>(definitions: &[GroupDefinition<N>], previous: &GroupNames) -> GroupNames {
    let used: BTreeSet<GroupId> = previous.values().copied().collect();
    let mut free = (OTHER.0 + 1..).map(GroupId).filter(|id| !used.contains(id));
    let mut names = GroupNames::from([(OTHER_NAME.to_owned(), OTHER)]);
    for definition in definitions {
        let id = previous.get(&definition.name).copied();
        if let Some(id) = id.or_else(|| free.next()) {
            names.insert(definition.name.clone(), id);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn group(name: &str, priority: u32, networks: &[&str]) -> GroupDefinition {
        let networks = networks.iter().map(|text| text.parse().unwrap());
        group_of(name, priority, networks.collect())
    }

    fn group_of(name: &str, priority: u32, mut networks: Vec<IpNet>) -> GroupDefinition {
        networks.sort_unstable();
        GroupDefinition {
            name: name.to_owned(),
            priority,
            networks,
            visible_to: None,
        }
    }

    fn name_of<'a>(groups: &'a PeerGroups, ip: &str) -> &'a str {
        groups.name(groups.find(ip.parse().unwrap()))
    }

    #[test]
    fn the_longest_prefix_decides_then_the_smaller_priority() {
        let groups = PeerGroups::new(
            vec![
                group("wide", 0, &["10.0.0.0/8", "2001:db8::/32"]),
                group(
                    "narrow",
                    5,
                    &["10.1.0.0/16", "10.2.0.0/16", "2001:db8:1::/48"],
                ),
                group("rival", 7, &["10.2.0.0/16", "10.1.2.3/32"]),
            ],
            &GroupNames::new(),
        );
        assert_eq!(name_of(&groups, "10.9.9.9"), "wide");
        assert_eq!(name_of(&groups, "10.1.9.9"), "narrow");
        assert_eq!(name_of(&groups, "10.1.2.3"), "rival");
        assert_eq!(name_of(&groups, "10.2.0.1"), "narrow");
        assert_eq!(name_of(&groups, "2001:db8:1::7"), "narrow");
        assert_eq!(name_of(&groups, "2001:db8:2::7"), "wide");
        assert_eq!(name_of(&groups, "192.0.2.1"), "other");
    }

    /// An address of which all but the last eight bits are alike.
    fn address(is_ipv6: bool, begin: bool, low: u8) -> IpAddr {
        let bits = if begin { 0 } else { u128::MAX } ^ u128::from(low);
        match is_ipv6 {
            true => Ipv6Addr::from_bits(bits).into(),
            false => Ipv4Addr::from_bits(bits as u32).into(),
        }
    }

    /// Networks that lie in each other or side by side, at the beginning and the end of everything.
    fn network(random: &mut fastrand::Rng) -> IpNet {
        let is_ipv6 = random.bool();
        let ip = address(is_ipv6, random.bool(), random.u8(..));
        let longest = if is_ipv6 { 128 } else { 32 };
        let lengths = [0, 1, longest - random.u8(0..=9), longest - random.u8(0..=9)];
        let network = IpNet::new(ip, lengths[random.usize(..4)]);
        network.unwrap().trunc()
    }

    #[test]
    fn ranges_say_what_going_through_all_networks_says() {
        let mut random = fastrand::Rng::with_seed(8);
        for _ in 0..1_000 {
            let definitions: Vec<_> = (0..4)
                .map(|number| {
                    let networks = (0..random.usize(0..6)).map(|_| network(&mut random));
                    group_of(&number.to_string(), 9 - number, networks.collect())
                })
                .collect();
            let groups = PeerGroups::new(definitions.clone(), &GroupNames::new());
            for place in 0..1_024 {
                let ip = address(place & 1 == 0, place & 2 == 0, (place >> 2) as u8);
                let networks = definitions.iter().flat_map(|group| {
                    let around = group
                        .networks
                        .iter()
                        .filter(|network| network.contains(&ip));
                    around.map(|network| {
                        (
                            network.prefix_len(),
                            -i64::from(group.priority),
                            &group.name,
                        )
                    })
                });
                let expected = networks.max().map_or("other", |(.., name)| name);
                let found = groups.name(groups.find(ip));
                assert_eq!(&**found, expected, "{ip} among {definitions:?}");
            }
        }
    }

    #[test]
    fn names_keep_their_numbers_and_numbers_are_not_reused_at_once() {
        let first = PeerGroups::new(
            vec![group("a", 0, &[]), group("b", 1, &[])],
            &GroupNames::new(),
        );
        let names = first.names();
        let second = PeerGroups::new(vec![group("c", 0, &[]), group("b", 9, &[])], &names);
        assert_eq!(second.names()["b"], names["b"]);
        assert_ne!(second.names()["c"], names["a"]);
        assert_eq!(second.priority(names["a"]), Priority::LAST);
        let third = PeerGroups::new(vec![group("d", 0, &[])], &second.names());
        assert_eq!(third.names()["d"], names["a"]);
    }

    #[test]
    fn groups_that_are_all_new_stand_in_the_order_of_handing_out() {
        let definitions = vec![group("c", 9, &[]), group("a", 1, &[]), group("b", 5, &[])];
        let groups = PeerGroups::new(definitions, &GroupNames::new());
        let mut ids: Vec<GroupId> = groups.names().into_values().collect();
        ids.sort_unstable();
        assert!(ids.is_sorted_by_key(|&id| groups.priority(id)));
        assert_eq!(ids.last(), Some(&OTHER));
    }

    #[test]
    fn a_group_is_visible_to_itself_and_to_those_it_names() {
        let mut home = group("home", 0, &[]);
        home.visible_to = Some(vec!["friends".to_owned()]);
        let groups = PeerGroups::new(vec![home, group("friends", 1, &[])], &GroupNames::new());
        let names = groups.names();
        let (home, friends) = (names["home"], names["friends"]);
        assert!(groups.visible(home, home) && groups.visible(home, friends));
        assert!(!groups.visible(home, OTHER) && groups.visible(friends, OTHER));
    }
}
