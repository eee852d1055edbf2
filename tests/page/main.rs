//! The operators' page in a real browser, in front of the real daemon: what it shows is compared
//! with what the test itself sent and received.
//!
//! 127.1.0.0/16 is the own network, 127.2.0.0/16 a partner's; whatever else is the rest of the
//! world.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "waiting with a deadline needs the real clock, and a helper fails its test by panicking"
)]

mod browser;
mod dashboard;
#[path = "../program/harness/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the other test crate uses the rest"
)]
mod harness;

use browser::Browser;
use harness::{
    DEADLINE, Daemon, Settings, count_by_network, leecher, network_of, seeder, subscriber,
    wait_until,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// A name that would be a picture and a script if the page took it for markup.
const HOSTILE: &str = "partner <img src=x onerror=alert(1)> &amp; friends";
/// The swarm of the clients that do not say another.
const SWARM: &str = "6120737761726d206f662032302062797465732e";

fn settings() -> Settings {
    Settings::default()
        .group("name: local, priority: 0, cidr_list: ['127.1.0.0/16']")
        .group(&format!(
            "name: {HOSTILE:?}, priority: 1, cidr_list: ['127.2.0.0/16']"
        ))
        .with_admin()
}

/// Has 8 leechers of the own network, 4 of the partner's and 2 others announce, then a seeder of
/// the partner's; tells how many peers of each they were given.
fn send_traffic(daemon: &Daemon) -> [usize; 3] {
    let leechers = [(1, 8), (2, 4), (3, 2)]
        .into_iter()
        .flat_map(|(network, count)| {
            (0..count).map(move |number| (network, number, leecher(number)))
        });
    let mut given = [0; 3];
    for (network, number, announce) in leechers.chain([(2, 9, seeder(9))]) {
        let reply = daemon.announce_from(subscriber(network, number), &announce);
        for (sum, count) in given.iter_mut().zip(count_by_network(&reply.peers())) {
            *sum += count;
        }
    }
    given
}

fn page_of(daemon: &Daemon) -> String {
    format!("http://{}/", daemon.admin_address())
}

fn is_shown(figure: &str, text: &str) -> String {
    format!("document.querySelector('[data-figure={figure}]').textContent === {text:?}")
}

/// The cells of a table, row by row.
fn rows(browser: &mut Browser, table: &str) -> Value {
    browser.evaluate(&format!(
        "[...document.querySelectorAll('#{table} tbody tr')]\
         .map(row => [...row.cells].map(cell => cell.textContent))"
    ))
}

fn percents(part: usize, whole: usize) -> String {
    format!("{:.1}%", 100.0 * part as f64 / whole as f64)
}

#[test]
fn the_figures_shown_are_the_true_ones() {
    let away = "neighbors: [{name: one that is away, announce_request: \
                'http://127.0.0.1:1/announce?info_hash={info_hash}'}]";
    let settings = settings()
        .tracker("interval: 16\n  min_interval: 1")
        .tracker("peer_expiry_interval: 32") // a pass of the sweep takes an eighth of that
        .database("url: 'sqlite:peers'")
        .section(away);
    let daemon = Daemon::start(&settings);
    let given = send_traffic(&daemon);
    daemon.scrape(&leecher(1).scrape_target());
    let total = given.iter().sum();

    let mut browser = Browser::start();
    browser.open(&page_of(&daemon));
    for (figure, text) in [
        ("version", env!("CARGO_PKG_VERSION")),
        ("inside_share", &percents(given[0], total)),
        ("announces", "15"),
        ("scrapes", "1"),
        ("forwarded", "0"),
        ("torrents", "1"),
        ("peers", "15"),
        ("seeders", "1"),
        ("leechers", "14"),
        ("database-kind", "sqlite"),
        ("database-state", "up"),
    ] {
        browser.wait_for(&is_shown(figure, text));
    }
    let group = |name: &str, index: usize, peers: &str, priority: &str, inside: &str| {
        let count: usize = given[index];
        let share = percents(count, total);
        let count = count.to_string();
        json!([name, share, count, count, peers, priority, inside])
    };
    let groups = json!([
        group("local", 0, "8", "0", "yes"),
        group(HOSTILE, 1, "5", "1", "no"),
        group("other", 2, "2", "–", "no"),
    ]);
    assert_eq!(rows(&mut browser, "groups"), groups);
    wait_until("the torrent to be among the busiest", || {
        rows(&mut browser, "busiest") == json!([[SWARM, "1", "14", "0"]])
    });
    wait_until("the neighbor to be found away", || {
        let rows = rows(&mut browser, "neighbors");
        rows[0][0] == "one that is away" && rows[0][1] == "down" && rows[0][3] == "0"
    });
    browser.wait_for("/^[1-9][0-9]*$/.test(document.querySelector('[data-figure=database-rows_written]').textContent)");

    let page = page_of(&daemon);
    let own = ["", "script.js", "stats.json", "style.css"].map(|file| format!("{page}{file}"));
    let requested = browser.requested();
    let elsewhere = requested
        .iter()
        .filter(|&&url| !own.iter().any(|own| own == url) && !url.starts_with("data:"));
    assert_eq!(elsewhere.collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(browser.console(), Vec::<&Value>::new());
}

/// The page's own functions are given made-up figures, as no test can grow 200 trackers.
#[test]
fn a_large_installation_fits_a_phone() {
    let daemon = Daemon::start(&settings());
    let mut browser = Browser::start();
    browser.open(&page_of(&daemon));
    browser.wait_for(&is_shown("torrents", "0"));
    let figures = large_figures();
    for (width, scheme) in [(360, "light"), (360, "dark"), (1280, "light")] {
        browser.look(width, scheme);
        let overhang = browser.evaluate(&format!(
            "show({figures}), document.documentElement.scrollWidth \
             - document.documentElement.clientWidth"
        ));
        assert_eq!(overhang, json!(0), "at {width} pixels");
    }
    let shown = browser.evaluate(&format!(
        "show({figures}), {{
            groups: document.querySelectorAll('#groups tbody tr').length,
            trackers: document.querySelectorAll('#trackers tbody tr').length,
            left_out: document.querySelector('[data-figure=trackers-left-out]').textContent,
            large: document.querySelector('#groups tbody td:nth-child(4)').textContent,
            pictures: document.querySelectorAll('td img, th img').length,
            charts: [...document.querySelectorAll('#charts-hour svg')]
                .map(chart => chart.getAttribute('aria-label')),
            pieces: document.querySelector('#charts-hour .line').getAttribute('d')
                .match(/M/g).length,
        }}"
    ));
    let expected = json!({
        "groups": 20,
        "trackers": 200,
        "left_out": "and 100 more, asked less often",
        "large": "98,765,432,101",
        "pictures": 0,
        "charts": [
            "Share kept inside: latest 80.0%, lowest 20.0%, highest 80.0%",
            "Announces a second: latest 12.5, lowest 0, highest 1,234",
            "Answer time, 99% within: nothing yet",
        ],
        "pieces": 2,
    });
    assert_eq!(shown, expected);
    assert_eq!(browser.console(), Vec::<&Value>::new());
}

/// 20 groups, 200 trackers with the longest of names, times in which nothing was handed out.
fn large_figures() -> Value {
    let name = format!("{HOSTILE} {}", "x".repeat(60));
    let group = json!({"name": name, "priority": 12, "inside": false, "peers": 12_345_678,
        "handed_out": 98_765_432_101_u64, "handed_out_last_hour": 12_345_678});
    let tracker = json!({"host": format!("{}.example:65535", "x".repeat(60)), "asked": 12_345_678,
        "answered": 12_345_678, "refused": 12_345_678, "failed": 12_345_678, "paused_seconds": 900});
    let neighbor = json!({"name": name, "state": "not asked yet", "asked": 12_345_678,
        "answered": 12_345_678, "failed": 12_345_678, "peers": 12_345_678});
    let torrent = json!({"info_hash": SWARM, "seeders": 12_345_678, "leechers": 12_345_678,
        "completed": 12_345_678});
    let series = |step| {
        json!({"step": step, "announces": [0, 1234.4, 12.5],
            "inside_share": [0.2, null, 0.8], "answer_p99": [null, null, null]})
    };
    json!({
        "version": "3.0.0", "uptime": 98_765_432, "time": 1_790_000_000,
        "torrents": 12_345_678, "peers": 123_456_789, "seeders": 12_345_678,
        "leechers": 12_345_678, "connections": 65_536,
        "groups": vec![group; 20],
        "announces": 98_765_432_101_u64, "scrapes": 12_345_678, "forwarded": 12_345_678,
        "inside_share": 0.8, "answer_seconds": {"p50": 0.00003, "p99": 0.25},
        "busiest": vec![torrent; 20],
        "database": {"kind": "mysql", "state": "down", "rows_written": 12_345_678, "rows_refused": 0},
        "neighbors": vec![neighbor; 20],
        "external": {
            "asked": 12_345_678, "answered": 12_345_678, "refused": 12_345_678,
            "failed": {"timed out": 12_345_678, (name): 1}, "shared": 1, "declined": 1,
            "took_seconds": 12.5, "trackers": vec![tracker; 200], "trackers_known": 300,
        },
        "history": {"hour": series(60), "day": series(900)},
    })
}

#[test]
fn the_form_explains_the_answer_that_the_client_would_get() {
    let daemon = Daemon::start(&settings());
    send_traffic(&daemon);
    let mut browser = Browser::start();
    browser.open(&page_of(&daemon));
    let mut ask = |ip: &str, verdict: &str| {
        browser.evaluate(&format!(
            "form = document.forms[0], form.info_hash.value = '{SWARM}', form.ip.value = '{ip}', \
             form.numwant.value = '10', form.requestSubmit()"
        ));
        browser.wait_for(&format!(
            "document.getElementById('verdict').textContent.includes({verdict:?})"
        ));
        rows(&mut browser, "explained")
    };
    let explained = ask("127.2.0.1", &format!("“{HOSTILE}”"));
    let explained = explained.as_array().expect("rows");
    let asker = leecher(0).set("numwant", 10);
    let given = daemon.announce_from(subscriber(2, 0), &asker).peers();
    let groups = explained.iter().map(|row| match row[1].as_str() {
        Some("local") => 1,
        Some(HOSTILE) => 2,
        _ => 3,
    });
    assert!(
        groups.eq(given.iter().map(network_of)),
        "{explained:?} {given:?}"
    );
    let of_an_announced_peer = |row: &Value| {
        row[3] == "announced" && row[0].as_str().is_some_and(|peer| peer.starts_with("127."))
    };
    assert!(explained.iter().all(of_an_announced_peer), "{explained:?}");

    assert_eq!(
        ask("nonsense", "ip"),
        json!([]),
        "the refusal is shown instead of peers"
    );
}

#[test]
fn a_daemon_that_is_gone_is_missed_and_found_again() {
    // An address of the loopback that nobody else takes a port of.
    let settings = settings().admin_listen("127.90.0.1:0");
    let mut daemon = Daemon::start(&settings);
    let address = daemon.admin_address();
    let mut browser = Browser::start();
    browser.open(&page_of(&daemon));
    browser.wait_for("document.getElementById('contact').textContent === 'live'");
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for_exit(DEADLINE);
    browser.wait_for(
        "/^the daemon does not answer, since .* ..:..:..$/\
         .test(document.getElementById('contact').textContent)",
    );
    let daemon = Daemon::start(&settings.admin_listen(&address.to_string()));
    send_traffic(&daemon);
    browser.wait_for(&is_shown("announces", "15"));
    browser.wait_for("document.getElementById('contact').textContent === 'live'");
}

#[test]
fn without_scripts_the_page_says_where_the_figures_are() {
    let daemon = Daemon::start(&settings());
    let mut browser = Browser::start();
    browser.allow_scripts(false);
    browser.open(&page_of(&daemon));
    // Where scripts run, what stands in there is no element and not to be seen.
    let link = "document.querySelector('noscript a')";
    assert!(
        browser
            .text(&format!("{link}.href"))
            .ends_with("/stats.json")
    );
    browser.wait_for(&format!("{link}.offsetHeight > 0"));
}
