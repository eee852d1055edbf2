//! The command line: what is printed where, and with which exit code.

use crate::harness::{Daemon, Run, Settings};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

#[test]
fn help_is_printed_on_request_and_without_a_command() {
    let help = Run::of(&["help"]);
    assert_eq!((help.code, help.errors.as_str()), (Some(0), ""));
    for word in [
        "help",
        "version",
        "run",
        "check",
        "--config",
        "/etc/btrt/btrt.conf",
    ] {
        assert!(
            help.output.contains(word),
            "{word} is not in: {}",
            help.output
        );
    }
    for arguments in [&["-h"][..], &["--help"], &[]] {
        let run = Run::of(arguments);
        assert_eq!(
            (run.code, &run.output),
            (Some(0), &help.output),
            "{arguments:?}"
        );
    }
}

#[test]
fn version_is_one_line() {
    for argument in ["version", "-V", "--version"] {
        let run = Run::of(&[argument]);
        assert_eq!(
            (run.code, run.output.as_str(), run.errors.as_str()),
            (Some(0), "btrt 3.0.0\n", "")
        );
    }
}

#[test]
fn what_is_unknown_is_named_and_exits_2() {
    for arguments in [
        &["frobnicate"][..],
        &["--frobnicate"],
        &["run", "--frobnicate"],
        &["check", "-c"],
        &["check", "frobnicate"],
    ] {
        let run = Run::of(arguments);
        assert_eq!(
            (run.code, run.output.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        let culprit = arguments[arguments.len() - 1];
        assert!(
            run.errors.contains(culprit),
            "{culprit} is not in: {}",
            run.errors
        );
    }
}

/// A folder with a configuration file of this content, and other files beside it.
struct Files {
    folder: TempDir,
    configuration: PathBuf,
}

impl Files {
    fn new(configuration: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("btrt.conf");
        fs::write(&path, configuration).expect("the folder is ours");
        Self {
            folder,
            configuration: path,
        }
    }

    fn with(self, name: &str, content: &str) -> Self {
        fs::write(self.folder.path().join(name), content).expect("the folder is ours");
        self
    }

    fn name(&self) -> &str {
        self.configuration.to_str().expect("an ASCII path")
    }

    fn run(&self, command: &str) -> Run {
        Run::of(&[command, "-c", self.name()])
    }

    /// The places of all faults that `check` finds, as `FILE:LINE` with FILE beside the
    /// configuration; insists on the form of each line.
    fn faults(&self) -> Vec<String> {
        let check = self.run("check");
        assert_eq!(
            (check.code, check.output.as_str()),
            (Some(1), ""),
            "{}",
            check.errors
        );
        let folder = format!("{}/", self.folder.path().display());
        let place = |line: &str| {
            let line = line
                .strip_prefix(&folder)
                .unwrap_or_else(|| panic!("no file in: {line}"));
            let fields: Vec<_> = line.splitn(4, ':').collect();
            let [file, number, column, what] = fields[..] else {
                panic!("not FILE:LINE:COLUMN: what: {line}")
            };
            let column: u32 = column
                .parse()
                .unwrap_or_else(|_| panic!("no column in: {line}"));
            assert!(
                column > 0 && what.starts_with(' ') && what.len() > 5,
                "{line}"
            );
            format!("{file}:{number}")
        };
        check.errors.lines().map(place).collect()
    }
}

#[test]
fn a_good_configuration_is_summed_up() {
    let groups = "  - { name: home, priority: 0, cidr_file: home.conf }\n  - { name: partner, priority: 1, cidr_list: [192.0.2.0/24] }\n";
    let files = Files::new(&format!("database:\n  url: none\npeer_groups:\n{groups}")).with(
        "home.conf",
        "# ours\n10.0.0.0/8\n\n2001:db8::/32 # and IPv6\n100.64.0.0/10\n",
    );
    for option in ["-c", "--config"] {
        let check = Run::of(&["check", option, files.name()]);
        assert_eq!((check.code, check.errors.as_str()), (Some(0), ""));
        assert!(
            check.output.starts_with("configuration ok"),
            "{}",
            check.output
        );
        for part in ["home", "3", "partner", "1"] {
            assert!(
                check.output.contains(part),
                "{part} is not in: {}",
                check.output
            );
        }
    }
}

/// Files as operators write them.
#[test]
fn what_operators_tend_to_write_works() {
    for configuration in [
        "",
        "# nothing but a comment\n",
        "---\n",
        "tracker:\n",
        "tracker: ~\nserver:\nlogging:\n",
        "peer_groups:\n",
        "peer_groups: []\n",
        "peer_groups:\n  - name: home\n    priority: 0\n    cidr_list:\n",
        "peer_groups:\n  - name: home\n    priority: 0\n    cidr_list:\n      -\n",
        "peer_groups:\n  - name: home\n    priority: 0\n    cidr_list:\n      - 10.1.2.3\n      -\n      - 2001:db8::1\n",
        "tracker:\n  interval: 1\n  min_interval: 1\n  outside_peers: 0\n",
        "server:\n  admin_listen: ~\n",
    ] {
        let check = Files::new(configuration).run("check");
        assert_eq!(
            (check.code, check.errors.as_str()),
            (Some(0), ""),
            "{configuration:?}"
        );
    }
}

#[test]
fn host_bits_are_worth_a_warning() {
    let files =
        Files::new("peer_groups:\n  - name: home\n    priority: 0\n    cidr_list: [10.0.0.1/8]\n");
    let check = files.run("check");
    assert_eq!(check.code, Some(0), "{}", check.errors);
    let told = check.output + &check.errors;
    assert!(
        told.contains("warning") && told.contains("10.0.0.1/8"),
        "{told}"
    );
}

#[test]
fn a_fault_is_told_with_its_place() {
    for (configuration, line) in [
        ("server:\n  max_conections: 5\n", 2),
        ("tracker:\n  numwant: 5\nunheard_of:\n  a: 1\n", 3),
        ("tracker:\n  interval: soon\n", 2),
        ("tracker:\n  interval: -1\n", 2),
        ("tracker:\n\n  interval: [1]\n", 3),
        ("server:\n  listen: ['nowhere']\n", 2),
        ("tracker:\n  interval: 100\n  min_interval: 101\n", 3),
        ("logging:\n  level: loud\n", 2),
        ("logging:\n  switch_time: '25:00:00'\n", 2),
        ("server:\n  trusted_proxies: [10.0.0.0/33]\n", 2),
        (
            "peer_groups:\n  - name: a\n    priority: 0\n    cidr_list: [10.0.0.0/8, nonsense]\n",
            4,
        ),
        (
            "peer_groups:\n  - name: a\n    priority: 0\n  - name: a\n    priority: 1\n",
            4,
        ),
        ("peer_groups:\n  - name: other\n    priority: 0\n", 2),
        (
            "peer_groups:\n  - name: a\n    priority: 0\n    visible_to: [b]\n",
            4,
        ),
        (
            "peer_groups:\n  - name: a\n    priority: 0\n    cidr_file: missing.conf\n",
            4,
        ),
        (
            "neighbors:\n  - name: n\n    announce_request: 'http://n.example/announce?port=1'\n",
            3,
        ),
    ] {
        assert_eq!(
            Files::new(configuration).faults(),
            [format!("btrt.conf:{line}")],
            "{configuration:?}"
        );
    }
}

#[test]
fn a_file_that_is_no_yaml_is_told_with_a_place() {
    for configuration in ["tracker: [\n", "\ttracker:\n", "a: b: c\n", "just words\n"] {
        assert_eq!(
            Files::new(configuration).faults().len(),
            1,
            "{configuration:?}"
        );
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let files = Files::new(
        "server:\n  max_conections: 5\ntracker:\n  interval: soon\npeer_groups:\n  - name: home\n    priority: 0\n    cidr_file: home.conf\n",
    )
    .with("home.conf", "10.0.0.0/8\n\nnonsense\n10.0.0.0/64\n");
    let mut faults = files.faults();
    faults.sort_unstable();
    assert_eq!(
        faults,
        ["btrt.conf:2", "btrt.conf:4", "home.conf:3", "home.conf:4"]
    );
}

#[test]
fn run_tells_the_same_faults_as_check() {
    let files = Files::new("tracker:\n  interval: soon\n");
    let (check, run) = (files.run("check"), files.run("run"));
    assert_eq!((run.code, run.errors), (Some(1), check.errors));
}

#[test]
fn a_missing_configuration_is_named() {
    for command in ["check", "run"] {
        let run = Run::of(&[command, "-c", "/nowhere/btrt.conf"]);
        assert_eq!(run.code, Some(1));
        assert!(run.errors.contains("/nowhere/btrt.conf"), "{}", run.errors);
    }
}

#[test]
fn a_port_in_use_is_named() {
    let daemon = Daemon::start(&Settings::default());
    let address = daemon.address().to_string();
    let settings = Settings::default().listen(&[&address]);
    let files = Files::new(&settings.to_yaml(daemon.folder()));
    let run = files.run("run");
    assert_eq!(run.code, Some(1));
    assert!(
        run.errors.contains(&address),
        "{address} is not in: {}",
        run.errors
    );
}

#[test]
fn a_log_folder_that_cannot_be_made_is_named() {
    let files = Files::new("").with("a_file", "");
    let folder = files.folder.path().join("a_file");
    fs::write(&files.configuration, Settings::default().to_yaml(&folder))
        .expect("the folder is ours");
    let run = files.run("run");
    assert_eq!(run.code, Some(1));
    assert!(run.errors.contains("a_file"), "{}", run.errors);
}
