//! `btrt status` and `btrt explain`: what the running daemon says.

use super::Error;
use crate::client::{self, Explain};
use crate::config;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Asks the daemon of this configuration for its figures, and returns what to print: for people,
/// or with `json` as it came.
pub fn status(path: &Path, json: bool) -> Result<String, Error> {
    let answer = ask(path, "/stats.json")?;
    if json {
        return text(answer);
    }
    Ok(client::status(&understand(&answer)?))
}

/// Asks the daemon of this configuration whom it would give a client, and returns what to print.
pub fn explain(path: &Path, explain: &Explain) -> Result<String, Error> {
    let answer = ask(path, &explain.target())?;
    if explain.json {
        return text(answer);
    }
    Ok(client::explained(explain.ip, &understand(&answer)?))
}

fn ask(path: &Path, target: &str) -> Result<Vec<u8>, Error> {
    let config = config::load(path).map_err(|faults| Error(faults.to_string()))?;
    client::get(config.settings.server.admin_listen, target).map_err(Error)
}

fn text(answer: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(answer)
        .map(|text| text + "\n")
        .map_err(|_| Error("the daemon's answer is not text".to_owned()))
}

fn understand<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(answer).map_err(|error| {
        Error(format!(
            "the daemon's answer is not understood (is it of another version?): {error}"
        ))
    })
}
