//! What the admin face shows, for tests to compare with what they have sent.

use super::Daemon;
use std::collections::HashMap;

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

    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}
