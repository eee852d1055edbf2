//! `/stats.json`: all figures as plain data, for the page and for programs.
//!
//! Times are in seconds. What could be long is cut: groups, neighbors and external trackers at
//! [`MAX_ROWS`] and [`MAX_HOSTS`], everything else is short by itself.

use super::Counter;
use crate::VERSION;
use crate::bittorrent::{Counts, InfoHash};
use crate::swarm::{GroupId, OTHER, Priority};
use crate::time::Now;
use crate::tracker::{ExternalHost, History, NeighborFigures, Sample, Tracker};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Groups and neighbors that are shown.
const MAX_ROWS: usize = 1_000;
/// External trackers that are shown, of those for which there are figures.
const MAX_HOSTS: usize = 200;

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Of the program.
    pub version: String,
    /// Whole seconds.
    pub uptime: u64,
    /// UTC, seconds since 1970.
    pub time: u64,
    /// Swarms with peers.
    pub torrents: usize,
    /// Peers in all of them.
    pub peers: usize,
    /// Those that have the whole content.
    pub seeders: usize,
    /// Those that do not.
    pub leechers: usize,
    /// Open on the public listeners.
    pub connections: usize,
    /// In order of priority, `other` last.
    pub groups: Vec<Group>,
    /// Groups that a reload has removed.
    pub former_groups: Vec<FormerGroup>,
    /// Answered since the start.
    pub announces: u64,
    /// Answered since the start, but for those of everything.
    pub scrapes: u64,
    /// Scrapes of everything.
    pub full_scrapes: u64,
    /// Announces and scrapes that were forwarded.
    pub forwarded: u64,
    /// Requests answered with a failure reason of our own.
    pub refused: u64,
    /// Peers that neighbors were given.
    pub handed_out_to_neighbors: u64,
    /// Of the peers handed out in the last hour.
    pub inside_share: Option<f64>,
    /// Of announces in the last hour.
    pub answer_seconds: Quantiles,
    /// By peers, when the sweep last came by.
    pub busiest: Vec<Torrent>,
    /// What was written.
    pub database: Database,
    /// In the operator's order.
    pub neighbors: Vec<Neighbor>,
    /// External trackers.
    pub external: External,
    /// Lately.
    pub history: Histories,
}

/// A peer group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Unique.
    pub name: String,
    /// `None` for `other`.
    pub priority: Option<u64>,
    /// Whether it is the own network.
    pub inside: bool,
    /// That have announced.
    pub peers: usize,
    /// Peers handed out since the start.
    pub handed_out: u64,
    /// And in the last hour.
    pub handed_out_last_hour: u64,
}

/// A group that is not there any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormerGroup {
    /// Unique.
    pub name: String,
    /// Peers handed out while it was there.
    pub handed_out: u64,
}

/// Upper bounds for how long answers took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Of half of them.
    pub p50: Option<f64>,
    /// Of 99 in 100.
    pub p99: Option<f64>,
}

/// A torrent with many peers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Torrent {
    /// In hex.
    pub info_hash: String,
    /// Peers with the whole content.
    pub seeders: u32,
    /// Peers without.
    pub leechers: u32,
    /// Finished downloads.
    pub completed: u32,
}

/// The database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// `sqlite`, `mysql` or `none`.
    pub kind: String,
    /// `up`, `down` or `off`.
    pub state: String,
    /// Since the start.
    pub rows_written: u64,
    /// For what is in them.
    pub rows_refused: u64,
}

/// A partner's tracker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Neighbor {
    /// Unique.
    pub name: String,
    /// `up`, `down` or `not asked yet`.
    pub state: String,
    /// Questions.
    pub asked: u64,
    /// Answered.
    pub answered: u64,
    /// Not answered.
    pub failed: u64,
    /// In all its answers.
    pub peers: u64,
}

/// External trackers, all together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct External {
    /// Fetches.
    pub asked: u64,
    /// Fetches that brought an answer.
    pub answered: u64,
    /// Answers that were a failure reason.
    pub refused: u64,
    /// Fetches that brought none, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Clients that shared the fetch of another.
    pub shared: u64,
    /// Fetches that were not even tried.
    pub declined: u64,
    /// That workers have spent on fetches.
    pub took_seconds: f64,
    /// The most asked first.
    pub trackers: Vec<ExternalTracker>,
    /// How many there are figures for.
    pub trackers_known: usize,
}

/// One external tracker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExternalTracker {
    /// And port; never a path.
    pub host: String,
    /// Fetches.
    pub asked: u64,
    /// Answered.
    pub answered: u64,
    /// Answers that were a failure reason.
    pub refused: u64,
    /// Not answered.
    pub failed: u64,
    /// For so long it is left alone.
    pub paused_seconds: u64,
}

/// What has been, by steps that are over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histories {
    /// By minutes.
    pub hour: Series,
    /// By quarters of an hour.
    pub day: Series,
}

/// Figures by steps, the oldest first; all of the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Of one figure.
    pub step: u64,
    /// A second.
    pub announces: Vec<f64>,
    /// `None` where no peers were handed out.
    pub inside_share: Vec<Option<f64>>,
    /// `None` where there were no announces.
    pub answer_p99: Vec<Option<f64>>,
}

impl Stats {
    /// All figures as they are now.
    pub fn gather(counter: Counter<'_>) -> Stats {
        let Counter {
            tracker,
            surroundings,
            now,
            ..
        } = counter;
        let history = tracker.history();
        let hour = history.last_hour();
        let histories = histories(history);
        let groups = groups(tracker);
        let (swarms, figures) = (tracker.swarms(), tracker.figures());
        let totals = swarms.totals();
        let (upstream, database) = (&figures.external, &figures.database);
        let former = figures.handed_out.gone().take(MAX_ROWS);
        let external = tracker.external_hosts(MAX_HOSTS, now);
        Stats {
            version: VERSION.to_owned(),
            uptime: (now.0 - Now::after_start(0).0) / 1000,
            time: surroundings.time,
            torrents: swarms.len(),
            peers: totals.peers(),
            seeders: totals.seeders,
            leechers: totals.leechers,
            connections: surroundings.connections,
            groups,
            former_groups: former
                .map(|(name, handed_out)| FormerGroup {
                    name: name.to_owned(),
                    handed_out,
                })
                .collect(),
            announces: figures.announces,
            scrapes: figures.scrapes,
            full_scrapes: figures.full_scrapes,
            forwarded: figures.forwarded,
            refused: figures.refused,
            handed_out_to_neighbors: figures.handed_out.to_neighbors(),
            inside_share: hour.inside_share(),
            answer_seconds: Quantiles {
                p50: quantile(&hour, 0.5),
                p99: quantile(&hour, 0.99),
            },
            busiest: swarms.busiest().iter().map(torrent).collect(),
            database: Database {
                kind: surroundings.database.to_owned(),
                state: match tracker.database_is_up() {
                    None => "off",
                    Some(true) => "up",
                    Some(false) => "down",
                }
                .to_owned(),
                rows_written: database.written,
                rows_refused: database.refused,
            },
            neighbors: tracker.neighbors().take(MAX_ROWS).map(neighbor).collect(),
            external: External {
                asked: upstream.asked,
                answered: upstream.answered,
                refused: upstream.refused,
                failed: {
                    let failed = upstream.failed.iter();
                    failed
                        .map(|(reason, count)| ((*reason).to_owned(), *count))
                        .collect()
                },
                shared: upstream.shared,
                declined: upstream.declined,
                took_seconds: Duration::from_millis(upstream.took_ms).as_secs_f64(),
                trackers: external.into_iter().map(external_tracker).collect(),
                trackers_known: tracker.external_hosts_known(),
            },
            history: histories,
        }
    }
}

fn groups(tracker: &mut Tracker) -> Vec<Group> {
    let groups = tracker.groups();
    let mut order: Vec<_> = groups.all().map(|(id, _, at)| (at, id)).collect();
    order.sort_unstable();
    if order.len() > MAX_ROWS {
        // Nobody misses the last but one as much as `other`.
        order.drain(MAX_ROWS - 1..order.len() - 1);
    }
    let inside = tracker.inside_priority();
    let mut shown = Vec::with_capacity(order.len());
    let peers = &tracker.swarms().totals().by_group;
    // A number without a group: its peers are about to be put into another, `other` for all that
    // is known until then.
    let numbered = (0..).map(GroupId).zip(peers);
    let strays = numbered.filter(|(id, _)| !groups.contains(*id));
    let strays: usize = strays.map(|(_, count)| count).sum();
    for (priority, id) in order {
        let own = peers.get(usize::from(id.0)).copied().unwrap_or(0);
        shown.push(Group {
            name: groups.name(id).to_string(),
            priority: (priority != Priority::LAST).then_some(priority.0),
            inside: priority <= inside,
            peers: own + if id == OTHER { strays } else { 0 },
            handed_out: tracker.figures().handed_out.of(id, groups),
            handed_out_last_hour: 0,
        });
    }
    let history = tracker.history();
    for group in &mut shown {
        group.handed_out_last_hour = history.handed_out(&group.name);
    }
    shown
}

fn quantile(sample: &Sample, share: f64) -> Option<f64> {
    sample.times.quantile(share).map(|time| time.as_secs_f64())
}

fn torrent((info_hash, counts): &(InfoHash, Counts)) -> Torrent {
    Torrent {
        info_hash: info_hash.to_string(),
        seeders: counts.seeders,
        leechers: counts.leechers,
        completed: counts.completions,
    }
}

fn neighbor((name, figures): (&str, NeighborFigures)) -> Neighbor {
    let state = match figures.is_down {
        None => "not asked yet",
        Some(false) => "up",
        Some(true) => "down",
    };
    Neighbor {
        name: name.to_owned(),
        state: state.to_owned(),
        asked: figures.asked,
        answered: figures.answered,
        failed: figures.failed,
        peers: figures.peers,
    }
}

fn external_tracker(host: ExternalHost) -> ExternalTracker {
    ExternalTracker {
        host: host.name,
        asked: host.figures.asked,
        answered: host.figures.answered,
        refused: host.figures.refused,
        failed: host.figures.failed,
        // Rounded up: as long as it is left alone, it shows.
        paused_seconds: host.paused_for.as_millis().div_ceil(1000) as u64,
    }
}

fn histories(history: &History) -> Histories {
    Histories {
        hour: series(60, history.minutes()),
        day: series(900, history.quarters()),
    }
}

fn series<'a>(step: u64, samples: impl Iterator<Item = &'a Sample>) -> Series {
    let mut series = Series {
        step,
        announces: Vec::new(),
        inside_share: Vec::new(),
        answer_p99: Vec::new(),
    };
    for sample in samples {
        series.announces.push(sample.rate());
        series.inside_share.push(sample.inside_share());
        series.answer_p99.push(quantile(sample, 0.99));
    }
    series
}
