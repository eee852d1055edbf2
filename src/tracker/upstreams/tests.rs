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
fn ask(upstreams: &mut Upstreams<u32>, host: &str, number: u32, now: u64) -> Result<(), Declined> {
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
fn finish(upstreams: &mut Upstreams<u32>, id: FetchId, answered: bool, now: u64) -> Option<u32> {
    let (_, purpose) = upstreams.finish(id, Some(answered), Now(now))?;
    Some(purpose)
}

/// Has a single fetch fail.
fn fail(upstreams: &mut Upstreams<u32>, now: u64) {
    fail_at("a", upstreams, now);
}

fn fail_at(host: &str, upstreams: &mut Upstreams<u32>, now: u64) {
    ask(upstreams, host, 0, now).unwrap();
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
        upstreams.finish(begun[0], Some(true), Now(0));
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
        upstreams.finish(id, Some(false), Now(10));
    }
    let (begun, late) = begin(&mut upstreams, 10);
    assert_eq!(
        (begun.len(), late.len()),
        (1, 0),
        "one shows whether it is back"
    );
    upstreams.finish(begun[0], Some(false), Now(20));
    let (begun, late) = begin(&mut upstreams, 20);
    assert_eq!((begun.len(), late), (0, vec![5, 6, 7, 8, 9]));
    assert_eq!(
        ask(&mut upstreams, "a", 0, 10_019),
        Err(Declined::HostIsDown)
    );
    assert_eq!(ask(&mut upstreams, "a", 0, 10_020), Ok(()));
}

/// Or whoever keeps the workers busy with names whose servers are silent has all others left alone.
#[test]
fn what_says_nothing_about_a_host_changes_nothing() {
    let mut upstreams = Upstreams::new(LIMITS);
    for _ in 0..PATIENCE - 1 {
        fail(&mut upstreams, 0);
    }
    for now in 0..20 {
        ask(&mut upstreams, "a", 1, now).unwrap();
        let (begun, _) = begin(&mut upstreams, now);
        upstreams.finish(begun[0], None, Now(now));
    }
    fail(&mut upstreams, 20);
    assert_eq!(ask(&mut upstreams, "a", 1, 21), Err(Declined::HostIsDown));
}

#[test]
fn a_fetch_begins_only_while_a_quarter_of_its_time_is_left() {
    let mut upstreams = Upstreams::new(LIMITS);
    ask(&mut upstreams, "a", 1, 0).unwrap();
    ask(&mut upstreams, "b", 2, 1).unwrap();
    let mut late = Vec::new();
    let Some(Job::Fetch(fetch)) = upstreams.next_job(Now(750), &mut late) else {
        panic!("a fetch was asked for");
    };
    assert_eq!((fetch.target.host.as_str(), fetch.timeout_ms), ("b", 251));
    assert_eq!(late.len(), 1);
}

#[test]
fn neighbors_are_tried_as_often_as_their_schedule_says() {
    let mut upstreams = Upstreams::new(LIMITS);
    for now in 0..20 {
        ask_under(&policy(true), &mut upstreams, "a", 0, now).unwrap();
        let (begun, _) = begin(&mut upstreams, now);
        upstreams.finish(begun[0], Some(false), Now(now));
    }
}

#[test]
fn a_fetch_that_no_worker_ever_ends_is_given_up_and_its_place_free_again() {
    let mut upstreams = Upstreams::new(LIMITS);
    for number in 0..5 {
        ask(&mut upstreams, "silent.example", number, 0).unwrap();
    }
    let mut late = Vec::new();
    let jobs: Vec<_> = std::iter::from_fn(|| upstreams.next_job(Now(0), &mut late)).collect();
    assert_eq!((jobs.len(), late.len()), (4, 0));
    assert!(upstreams.next_job(Now(LOST - 1), &mut late).is_none());
    ask(&mut upstreams, "silent.example", 5, LOST).unwrap();
    let next = upstreams.next_job(Now(LOST), &mut late);
    assert!(next.is_some(), "the host is asked again");
    let mut late: Vec<_> = late.into_iter().map(|(_, number)| number).collect();
    late.sort_unstable();
    assert_eq!(
        late,
        [0, 1, 2, 3, 4],
        "four are lost, and one was never handed out"
    );
    // What comes after all belongs to nobody.
    let Job::Fetch(first) = &jobs[0] else {
        panic!("fetches were asked for");
    };
    assert_eq!(upstreams.finish(first.id, Some(true), Now(LOST + 1)), None);
    upstreams.check_invariants();
}

fn is_known(upstreams: &Upstreams<u32>, host: &str) -> bool {
    upstreams.hosts.contains_key(&(host.to_owned(), 80))
}

/// Hosts that are made up until no more are remembered, each of which fails so often.
fn flood(upstreams: &mut Upstreams<u32>, failures: usize, now: u64) {
    for number in upstreams.hosts.len()..MAX_HOSTS {
        for time in 0..failures {
            // Each time when its pause before is over.
            fail_at(
                &format!("a{number}"),
                upstreams,
                now + (LONGEST_PAUSE * time as u64),
            );
        }
    }
}

#[test]
fn of_hosts_that_are_remembered_the_one_whose_time_is_over_first_makes_room() {
    let mut upstreams = Upstreams::new(LIMITS);
    let name = |number: usize| format!("a{number}");
    for number in (0..MAX_HOSTS).rev() {
        let now = (MAX_HOSTS - number) as u64;
        fail_at(&name(number), &mut upstreams, now);
    }
    // Only one is forgotten, and who fails again comes last.
    let now = MAX_HOSTS as u64 + 1;
    let last = MAX_HOSTS - 1;
    fail_at(&name(last), &mut upstreams, now);
    fail_at("b", &mut upstreams, now);
    assert_eq!(upstreams.hosts.len(), MAX_HOSTS);
    assert!(is_known(&upstreams, &name(last)) && !is_known(&upstreams, &name(last - 1)));
    assert!(is_known(&upstreams, &name(last - 2)));
    assert_eq!(upstreams.resting.len(), MAX_HOSTS);
}

#[test]
fn made_up_hosts_that_are_all_left_alone_keep_no_other_from_being_asked() {
    let mut upstreams = Upstreams::new(LIMITS);
    let failures = PATIENCE as usize;
    flood(&mut upstreams, failures, 0);
    let now = LONGEST_PAUSE * (failures as u64 - 1);
    let host = ("a0".to_owned(), 80);
    assert_eq!(upstreams.paused_for(&host, Now(now)), FIRST_PAUSE);
    assert_eq!(ask(&mut upstreams, "good.example", 1, now), Ok(()));
    let (begun, _) = begin(&mut upstreams, now);
    assert_eq!(finish(&mut upstreams, begun[0], true, now), Some(1));
    assert_eq!(upstreams.hosts.len(), MAX_HOSTS - 1, "one has made room");
}

/// The next made-up name takes the place of the last one, whose single failure is past at once.
#[test]
fn a_flood_of_made_up_hosts_pushes_out_itself_and_none_that_fails_for_long() {
    let mut upstreams = Upstreams::new(LIMITS);
    let mut now = 0;
    while upstreams.paused_for(&("dead.example".to_owned(), 80), Now(now)) < LONGEST_PAUSE {
        now += LONGEST_PAUSE;
        fail_at("dead.example", &mut upstreams, now);
    }
    // Also when its pause is over, and it was not asked again yet.
    now += LONGEST_PAUSE;
    flood(&mut upstreams, 1, now);
    for number in 0..2 * MAX_HOSTS {
        fail_at(&format!("b{number}"), &mut upstreams, now);
    }
    assert_eq!(upstreams.hosts.len(), MAX_HOSTS);
    assert!(is_known(&upstreams, "dead.example"));
    fail_at("dead.example", &mut upstreams, now);
    assert_eq!(
        ask(&mut upstreams, "dead.example", 0, now),
        Err(Declined::HostIsDown)
    );
}

#[test]
fn a_host_with_nothing_but_late_questions_is_forgotten() {
    let mut upstreams = Upstreams::new(LIMITS);
    ask(&mut upstreams, "a", 1, 0).unwrap();
    assert_eq!(begin(&mut upstreams, 1000), (vec![], vec![1]));
    assert!(upstreams.hosts.is_empty());
    upstreams.check_invariants();
}
