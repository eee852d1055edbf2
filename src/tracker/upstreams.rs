//! Who may be asked, and when: fetches wait here for a worker, no host gets more than its share
//! of the workers, and one that does not answer is left alone for longer and longer.

use super::invariants::FEW;
use crate::bittorrent::{Target, UpstreamRequest};
use crate::job::{Fetch, FetchId, FetchPolicy, Job};
use crate::time::Now;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// Failures in a row after which a host is left alone.
const PATIENCE: u32 = 5;
/// For so long at first, and twice as long after each further failure, in milliseconds.
const FIRST_PAUSE: u64 = 10_000;
const LONGEST_PAUSE: u64 = 15 * 60_000;
/// A fetch of which no worker has said anything for so long is given up, in milliseconds: several
/// times what any may take. Whatever becomes of a worker, its hosts and lists are asked again.
const LOST: u64 = 120_000;
/// Hosts that are remembered for their failures. Whoever makes up names can fill this; then whoever
/// would be forgotten first anyway makes room. That is hardly ever one that has failed for long: a
/// made-up name that is new is the next to go again, and to get ahead of the others each of 20,000
/// would have to fail many times, and again every quarter of an hour.
const MAX_HOSTS: usize = 20_000;

/// Limits; a reload may change them, but for the number of threads.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamLimits {
    /// Fetches at the same time.
    pub threads: usize,
    /// Fetches that wait.
    pub max_pending: usize,
    /// Fetches from one host at the same time.
    pub per_host: usize,
}

/// Why a fetch is not even tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declined {
    /// Too many wait already.
    Full,
    /// The host has not answered lately.
    HostIsDown,
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Declined::Full => "too many requests wait already",
            Declined::HostIsDown => "it has not answered lately",
        })
    }
}

/// A host name in small letters, and a port.
pub(super) type HostName = (String, u16);

/// Fetches that wait or are under way; `P` says what each is for.
#[derive(Debug)]
pub(super) struct Upstreams<P> {
    limits: UpstreamLimits,
    hosts: HashMap<HostName, Host>,
    /// Hosts of which nothing is asked, remembered for their failures, by the time at which these
    /// are past: for once more as long as they were left alone for.
    resting: BTreeSet<(Now, HostName)>,
    /// Hosts with something to fetch and room for it, each once.
    ready: VecDeque<HostName>,
    pending: usize,
    under_way: HashMap<FetchId, (HostName, P)>,
    /// Fetches by the time at which a worker got them; some may have ended.
    handed_out: VecDeque<(Now, FetchId)>,
    last_id: u64,
}

#[derive(Debug, Default)]
struct Host {
    queue: VecDeque<Pending>,
    under_way: usize,
    /// In a row.
    failures: u32,
    /// Left alone until then.
    paused_until: Option<Now>,
    /// Where it is among those that rest.
    rests_until: Option<Now>,
    is_ready: bool,
}

/// What is to be asked.
#[derive(Debug)]
pub(super) struct Question {
    pub target: Target,
    pub request: UpstreamRequest,
    pub user_agent: Option<String>,
}

#[derive(Debug)]
struct Pending {
    id: FetchId,
    question: Question,
    /// To be handed out before.
    latest: Now,
    deadline: Now,
    policy: Arc<FetchPolicy>,
}

impl Host {
    /// Whether it has failed too often to be asked now. Neighbors have a schedule of their own, by
    /// which they are tried more often than this would allow.
    fn is_left_alone(&self, policy: &FetchPolicy, now: Now) -> bool {
        !policy.trusted && self.paused_until.is_some_and(|until| now < until)
    }

    /// For how long its failures have it left alone, in milliseconds.
    fn pause(&self) -> u64 {
        let more = self.failures.checked_sub(PATIENCE);
        more.map_or(0, |more| (FIRST_PAUSE << more.min(10)).min(LONGEST_PAUSE))
    }
}

impl<P> Upstreams<P> {
    pub fn new(limits: UpstreamLimits) -> Self {
        Upstreams {
            limits,
            hosts: HashMap::new(),
            resting: BTreeSet::new(),
            ready: VecDeque::new(),
            pending: 0,
            under_way: HashMap::new(),
            handed_out: VecDeque::new(),
            last_id: 0,
        }
    }

    pub fn set_limits(&mut self, limits: UpstreamLimits) {
        self.limits = limits;
    }

    /// Queues a fetch that must be done by `deadline`. Its purpose comes back when it is. While others
    /// keep the workers busy it waits for three quarters of that time at most: with less than the
    /// last one no host could show that it is well, and each would come to count as one that is not.
    pub fn ask(
        &mut self,
        question: Question,
        policy: &Arc<FetchPolicy>,
        purpose: P,
        (now, deadline): (Now, Now),
    ) -> Result<(), Declined> {
        if self.pending >= self.limits.max_pending {
            return Err(Declined::Full);
        }
        let name = (question.target.host.clone(), question.target.port);
        if !self.hosts.contains_key(&name) && self.hosts.len() >= MAX_HOSTS {
            let (_, first) = self.resting.pop_first().ok_or(Declined::Full)?;
            self.hosts.remove(&first);
        }
        let host = self.hosts.entry(name.clone()).or_default();
        if host.is_left_alone(policy, now) {
            return Err(Declined::HostIsDown);
        }
        if let Some(until) = host.rests_until.take() {
            self.resting.remove(&(until, name.clone()));
        }
        self.last_id += 1;
        let id = FetchId(self.last_id);
        host.queue.push_back(Pending {
            id,
            question,
            latest: now.plus(deadline.0.saturating_sub(now.0) / 4 * 3),
            deadline,
            policy: policy.clone(),
        });
        self.pending += 1;
        self.under_way.insert(id, (name.clone(), purpose));
        self.get_ready(name);
        Ok(())
    }

    /// Puts a host of which less is asked now where it belongs.
    fn settle(&mut self, name: HostName, now: Now) {
        let Some(host) = self.hosts.get_mut(&name) else {
            return;
        };
        if host.under_way > 0 || !host.queue.is_empty() {
            self.get_ready(name);
        } else if host.failures == 0 {
            self.hosts.remove(&name);
        } else {
            let until = host.paused_until.unwrap_or(now).plus(host.pause());
            host.rests_until = Some(until);
            self.resting.insert((until, name));
        }
    }

    /// Lists a host as ready if it is.
    fn get_ready(&mut self, name: HostName) {
        let Some(host) = self.hosts.get_mut(&name) else {
            return;
        };
        // Who has failed lately has to show first that it is back.
        let room = if host.failures > 0 {
            1
        } else {
            self.limits.per_host
        };
        if !host.is_ready && !host.queue.is_empty() && host.under_way < room {
            host.is_ready = true;
            self.ready.push_back(name);
        }
    }

    /// Takes out the next fetch for a worker. Those that have waited for too long are passed over, as
    /// are those whose host is left alone since they were queued: they come back as failed, with
    /// those that are lost.
    pub fn next_job(&mut self, now: Now, late: &mut Vec<(HostName, P)>) -> Option<Job> {
        self.give_up_lost(now, late);
        loop {
            if self.under_way.len() - self.pending >= self.limits.threads {
                return None;
            }
            let name = self.ready.pop_front()?;
            let host = self.hosts.get_mut(&name)?;
            host.is_ready = false;
            let next = host.queue.pop_front();
            self.pending -= usize::from(next.is_some());
            let next = next.filter(|next| {
                let may_go = now < next.latest && !host.is_left_alone(&next.policy, now);
                if may_go {
                    host.under_way += 1;
                } else {
                    late.extend(self.under_way.remove(&next.id));
                }
                may_go
            });
            self.settle(name, now);
            if let Some(next) = next {
                self.handed_out.push_back((now, next.id));
                return Some(Job::Fetch(Fetch {
                    id: next.id,
                    target: next.question.target,
                    request: next.question.request,
                    user_agent: next.question.user_agent,
                    timeout_ms: next.deadline.0 - now.0,
                    policy: next.policy,
                }));
            }
        }
    }

    /// Panics if the counts are not those of what is counted.
    pub fn check_invariants(&self) {
        if self.hosts.len() > FEW {
            return;
        }
        let queued: usize = self.hosts.values().map(|host| host.queue.len()).sum();
        let out: usize = self.hosts.values().map(|host| host.under_way).sum();
        let ready = self.hosts.values().filter(|host| host.is_ready).count();
        let resting = self.hosts.iter().filter_map(|(name, host)| {
            let is_idle = host.under_way == 0 && host.queue.is_empty();
            assert_eq!(host.rests_until.is_some(), is_idle, "whoever is idle rests");
            Some((host.rests_until?, name.clone()))
        });
        assert_eq!(resting.collect::<BTreeSet<_>>(), self.resting);
        assert_eq!((self.pending, self.under_way.len()), (queued, queued + out));
        assert_eq!(
            self.ready.len(),
            ready,
            "each host that is ready is listed once"
        );
    }

    fn give_up_lost(&mut self, now: Now, lost: &mut Vec<(HostName, P)>) {
        while let Some(&(since, id)) = self.handed_out.front() {
            if self.under_way.contains_key(&id) {
                if now < since.plus(LOST) {
                    return;
                }
                // It says nothing about the host.
                lost.extend(self.end(id, now, |_| {}));
            }
            self.handed_out.pop_front();
        }
    }

    /// Takes note of the end of a fetch, and whether it has shown that the host is well, or that it
    /// is not. Returns whom it asked and what it was for.
    pub fn finish(
        &mut self,
        id: FetchId,
        is_well: Option<bool>,
        now: Now,
    ) -> Option<(HostName, P)> {
        self.end(id, now, |host| match is_well {
            None => {}
            Some(true) => {
                host.failures = 0;
                host.paused_until = None;
            }
            Some(false) => {
                host.failures = host.failures.saturating_add(1);
                if host.failures >= PATIENCE {
                    host.paused_until = Some(now.plus(host.pause()));
                }
            }
        })
    }

    /// Ends a fetch that a worker has had, as far as it has not ended.
    fn end(
        &mut self,
        id: FetchId,
        now: Now,
        learn: impl FnOnce(&mut Host),
    ) -> Option<(HostName, P)> {
        let (name, purpose) = self.under_way.remove(&id)?;
        let host = self.hosts.get_mut(&name)?;
        host.under_way = host.under_way.saturating_sub(1);
        learn(host);
        self.settle(name.clone(), now);
        Some((name, purpose))
    }

    /// For how many more milliseconds a host is left alone.
    pub fn paused_for(&self, name: &HostName, now: Now) -> u64 {
        let until = self.hosts.get(name).and_then(|host| host.paused_until);
        until.map_or(0, |until| until.0.saturating_sub(now.0))
    }
}

#[cfg(test)]
mod tests;
