//! Who may be asked, and when: fetches wait here for a worker, no host gets more than its share
//! of the workers, and one that does not answer is left alone for longer and longer.

use crate::bittorrent::{Target, UpstreamRequest};
use crate::job::{Fetch, FetchId, FetchPolicy, Job};
use crate::time::Now;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// Failures in a row after which a host is left alone.
const PATIENCE: u32 = 5;
/// For so long at first, and twice as long after each further failure, in milliseconds.
const FIRST_PAUSE: u64 = 10_000;
const LONGEST_PAUSE: u64 = 15 * 60_000;
/// Hosts that are remembered for their failures. Whoever makes up names can fill this; then hosts
/// that have never answered are not asked until others have been forgotten.
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
    /// Hosts with something to fetch and room for it, each once.
    ready: VecDeque<HostName>,
    pending: usize,
    under_way: HashMap<FetchId, (HostName, P)>,
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
    deadline: Now,
    policy: Arc<FetchPolicy>,
}

impl Host {
    /// Whether it has failed too often to be asked now. Neighbors have a schedule of their own, by
    /// which they are tried more often than this would allow.
    fn is_left_alone(&self, policy: &FetchPolicy, now: Now) -> bool {
        !policy.trusted && self.paused_until.is_some_and(|until| now < until)
    }
}

impl<P> Upstreams<P> {
    pub fn new(limits: UpstreamLimits) -> Self {
        Upstreams {
            limits,
            hosts: HashMap::new(),
            ready: VecDeque::new(),
            pending: 0,
            under_way: HashMap::new(),
            last_id: 0,
        }
    }

    pub fn set_limits(&mut self, limits: UpstreamLimits) {
        self.limits = limits;
    }

    /// Queues a fetch that must be done by `deadline`. Its purpose comes back when it is.
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
            let is_over = |host: &Host| host.paused_until.is_none_or(|until| until <= now);
            let is_idle = |host: &Host| host.queue.is_empty() && host.under_way == 0;
            self.hosts
                .retain(|_, host| !(is_idle(host) && is_over(host)));
            if self.hosts.len() >= MAX_HOSTS {
                return Err(Declined::Full);
            }
        }
        let host = self.hosts.entry(name.clone()).or_default();
        if host.is_left_alone(policy, now) {
            return Err(Declined::HostIsDown);
        }
        self.last_id += 1;
        let id = FetchId(self.last_id);
        host.queue.push_back(Pending {
            id,
            question,
            deadline,
            policy: policy.clone(),
        });
        self.pending += 1;
        self.under_way.insert(id, (name.clone(), purpose));
        self.get_ready(name);
        Ok(())
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

    /// Takes out the next fetch for a worker. Those whose time is over are passed over, as are those
    /// whose host is left alone since they were queued: they come back as failed.
    pub fn next_job(&mut self, now: Now, late: &mut Vec<(HostName, P)>) -> Option<Job> {
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
                let may_go = now < next.deadline && !host.is_left_alone(&next.policy, now);
                if may_go {
                    host.under_way += 1;
                } else {
                    late.extend(self.under_way.remove(&next.id));
                }
                may_go
            });
            self.get_ready(name);
            if let Some(next) = next {
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

    /// Takes note of the end of a fetch and returns whom it asked and what it was for.
    pub fn finish(&mut self, id: FetchId, answered: bool, now: Now) -> Option<(HostName, P)> {
        let (name, purpose) = self.under_way.remove(&id)?;
        let host = self.hosts.get_mut(&name)?;
        host.under_way = host.under_way.saturating_sub(1);
        if answered {
            host.failures = 0;
            host.paused_until = None;
        } else {
            host.failures = host.failures.saturating_add(1);
            if let Some(more) = host.failures.checked_sub(PATIENCE) {
                let pause = FIRST_PAUSE << more.min(10);
                host.paused_until = Some(now.plus(pause.min(LONGEST_PAUSE)));
            }
        }
        if host.failures == 0 && host.under_way == 0 && host.queue.is_empty() {
            self.hosts.remove(&name);
        } else {
            self.get_ready(name.clone());
        }
        Some((name, purpose))
    }

    /// For how many more milliseconds a host is left alone.
    pub fn paused_for(&self, name: &HostName, now: Now) -> u64 {
        let until = self.hosts.get(name).and_then(|host| host.paused_until);
        until.map_or(0, |until| until.0.saturating_sub(now.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: UpstreamLimits = UpstreamLimits {
        threads: 6,
        max_pending: 20,
        per_host: 4,
    };

    fn policy(trusted: bool) -> Arc<FetchPolicy> {
        Arc::new(FetchPolicy {
            allow_networks: Vec::new(),
            ports: Vec::new(),
            own_addresses: Vec::new(),
            trusted,
            via: String::new(),
        })
    }

    /// Asks a host for something, by number, that must be done within a second.
    fn ask(
        upstreams: &mut Upstreams<u32>,
        host: &str,
        number: u32,
        now: u64,
    ) -> Result<(), Declined> {
        ask_under(&policy(false), upstreams, host, number, now)
    }

    fn ask_under(
        policy: &Arc<FetchPolicy>,
        upstreams: &mut Upstreams<u32>,
        host: &str,
        number: u32,
        now: u64,
    ) -> Result<(), Declined> {
        let question = Question {
            target: Target::parse(format!("http://{host}/").as_bytes()).unwrap(),
            request: UpstreamRequest::Scrape { hashes: Vec::new() },
            user_agent: None,
        };
        let times = (Now(now), Now(now + 1000));
        upstreams.ask(question, policy, number, times)
    }

    /// All fetches that may begin now, and the purposes of those that may not any more.
    fn begin(upstreams: &mut Upstreams<u32>, now: u64) -> (Vec<FetchId>, Vec<u32>) {
        let mut late = Vec::new();
        let jobs = std::iter::from_fn(|| upstreams.next_job(Now(now), &mut late));
        let ids = jobs.map(|job| match job {
            Job::Fetch(fetch) => fetch.id,
            other => panic!("{other:?} is no fetch"),
        });
        let ids = ids.collect();
        (ids, late.into_iter().map(|(_, purpose)| purpose).collect())
    }

    /// Ends a fetch and tells what it was for.
    fn finish(
        upstreams: &mut Upstreams<u32>,
        id: FetchId,
        answered: bool,
        now: u64,
    ) -> Option<u32> {
        let (_, purpose) = upstreams.finish(id, answered, Now(now))?;
        Some(purpose)
    }

    /// Has a single fetch fail.
    fn fail(upstreams: &mut Upstreams<u32>, now: u64) {
        ask(upstreams, "a", 0, now).unwrap();
        let (begun, _) = begin(upstreams, now);
        assert_eq!(finish(upstreams, begun[0], false, now), Some(0));
    }

    #[test]
    fn no_host_and_no_crowd_of_hosts_gets_more_than_its_share() {
        let mut upstreams = Upstreams::new(LIMITS);
        for number in 0..10 {
            ask(&mut upstreams, "a", number, 0).unwrap();
        }
        let (from_a, _) = begin(&mut upstreams, 0);
        assert_eq!(from_a.len(), 4);
        for number in 10..20 {
            ask(&mut upstreams, &format!("b{number}"), number, 0).unwrap();
        }
        assert_eq!(begin(&mut upstreams, 0).0.len(), 2, "six workers");
        assert_eq!(finish(&mut upstreams, from_a[1], true, 0), Some(1));
        assert_eq!(begin(&mut upstreams, 0).0.len(), 1);
        assert_eq!(
            finish(&mut upstreams, from_a[1], true, 0),
            None,
            "only once"
        );
    }

    #[test]
    fn ports_of_one_host_are_apart() {
        let mut upstreams = Upstreams::new(LIMITS);
        for number in 0..4 {
            ask(&mut upstreams, "a:81", number, 0).unwrap();
            ask(&mut upstreams, "a:82", number, 0).unwrap();
        }
        assert_eq!(begin(&mut upstreams, 0).0.len(), 6);
    }

    #[test]
    fn a_full_queue_takes_nothing_until_there_is_room() {
        let mut upstreams = Upstreams::new(LIMITS);
        for number in 0..20 {
            ask(&mut upstreams, "a", number, 0).unwrap();
        }
        assert_eq!(ask(&mut upstreams, "b", 20, 0), Err(Declined::Full));
        assert_eq!(begin(&mut upstreams, 0).0.len(), 4);
        for number in 20..24 {
            ask(&mut upstreams, "b", number, 0).unwrap();
        }
        assert_eq!(ask(&mut upstreams, "b", 24, 0), Err(Declined::Full));
    }

    #[test]
    fn what_is_too_late_comes_back() {
        let mut upstreams = Upstreams::new(LIMITS);
        ask(&mut upstreams, "a", 1, 0).unwrap();
        ask(&mut upstreams, "a", 2, 500).unwrap();
        let (begun, late) = begin(&mut upstreams, 1000);
        assert_eq!((begun.len(), late), (1, vec![1]));
        assert_eq!(finish(&mut upstreams, begun[0], true, 1000), Some(2));
        assert!(upstreams.hosts.is_empty() && upstreams.under_way.is_empty());
    }

    #[test]
    fn a_host_that_fails_is_left_alone_for_longer_and_longer() {
        let mut upstreams = Upstreams::new(LIMITS);
        let mut now = 0;
        for _ in 0..5 {
            fail(&mut upstreams, now);
            now += 1;
        }
        let seconds = [10, 20, 40, 80, 160, 320, 640, 900, 900];
        for pause in seconds.map(|seconds| seconds * 1000) {
            now += pause - 2;
            assert_eq!(ask(&mut upstreams, "a", 0, now), Err(Declined::HostIsDown));
            let left = upstreams.paused_for(&("a".to_owned(), 80), Now(now));
            assert_eq!(left, 1, "a millisecond is left of {pause}");
            assert_eq!(ask(&mut upstreams, "b", 0, now), Ok(()));
            assert_eq!(begin(&mut upstreams, now).0.len(), 1);
            upstreams.under_way.clear();
            upstreams.hosts.remove(&("b".to_owned(), 80));
            now += 2;
            fail(&mut upstreams, now);
            now += 1;
        }
    }

    #[test]
    fn an_answer_makes_up_for_all_failures() {
        let mut upstreams = Upstreams::new(LIMITS);
        for _ in 0..3 {
            for _ in 0..4 {
                fail(&mut upstreams, 0);
            }
            ask(&mut upstreams, "a", 1, 0).unwrap();
            let (begun, _) = begin(&mut upstreams, 0);
            upstreams.finish(begun[0], true, Now(0));
        }
        assert!(upstreams.hosts.is_empty(), "nothing is left to remember");
    }

    /// Otherwise a burst of requests makes one outage count as many.
    #[test]
    fn what_waits_for_a_host_when_it_is_given_up_is_not_tried() {
        let mut upstreams = Upstreams::new(LIMITS);
        for number in 0..10 {
            ask(&mut upstreams, "a", number, 0).unwrap();
        }
        let (begun, _) = begin(&mut upstreams, 0);
        for id in begun {
            upstreams.finish(id, false, Now(10));
        }
        let (begun, late) = begin(&mut upstreams, 10);
        assert_eq!(
            (begun.len(), late.len()),
            (1, 0),
            "one shows whether it is back"
        );
        upstreams.finish(begun[0], false, Now(20));
        let (begun, late) = begin(&mut upstreams, 20);
        assert_eq!((begun.len(), late), (0, vec![5, 6, 7, 8, 9]));
        assert_eq!(
            ask(&mut upstreams, "a", 0, 10_019),
            Err(Declined::HostIsDown)
        );
        assert_eq!(ask(&mut upstreams, "a", 0, 10_020), Ok(()));
    }

    #[test]
    fn neighbors_are_tried_as_often_as_their_schedule_says() {
        let mut upstreams = Upstreams::new(LIMITS);
        for now in 0..20 {
            ask_under(&policy(true), &mut upstreams, "a", 0, now).unwrap();
            let (begun, _) = begin(&mut upstreams, now);
            upstreams.finish(begun[0], false, Now(now));
        }
    }
}
