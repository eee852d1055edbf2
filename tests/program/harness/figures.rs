//! What the admin face shows, for tests to compare with what they have sent.

use super::Daemon;
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// `/metrics`, read.
pub struct Metrics {
    pub text: String,
    values: HashMap<String, f64>,
}

impl Daemon {
    /// `/stats.json`, read.
    pub fn stats(&self) -> serde_json::Value {
        let answer = self.admin().get("/stats.json");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_slice(&answer.body).expect("it is JSON")
    }

    pub fn metrics(&self) -> Metrics {
        let answer = self.admin().get("/metrics");
        assert_eq!(answer.status, 200);
        let text = String::from_utf8(answer.body).expect("it is text");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        let values = lines.map(sample).collect();
        Metrics { text, values }
    }
}

impl Metrics {
    /// The value of a sample, named with its labels as they are written.
    pub fn get(&self, name: &str) -> f64 {
        let value = self.values.get(name);
        *value.unwrap_or_else(|| panic!("no {name} in:\n{}", self.text))
    }

    /// Insists that Prometheus has nothing to say against it.
    pub fn check(&self) {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is installed");
        let mut input = promtool.stdin.take().expect("it is piped");
        input.write_all(self.text.as_bytes()).expect("it reads");
        drop(input);
        let output = promtool.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let is_good = output.status.success() && said.is_empty();
        assert!(is_good, "{said}\n{}", self.text);
    }

    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}
