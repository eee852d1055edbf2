//! `btrt status`: what the running daemon says of itself.

use super::Error;
use crate::admin::Stats;
use crate::client;
use crate::config;
use std::path::Path;

/// Asks the daemon of this configuration, and returns what to print: for people, or with `json`
/// as it came.
pub fn status(path: &Path, json: bool) -> Result<String, Error> {
    let config = config::load(path).map_err(|faults| Error(faults.to_string()))?;
    let body = client::get(config.settings.server.admin_listen, "/stats.json").map_err(Error)?;
    if json {
        return String::from_utf8(body)
            .map(|text| text + "\n")
            .map_err(|_| Error("the daemon's answer is not text".to_owned()));
    }
    let stats: Stats = serde_json::from_slice(&body).map_err(|error| {
        Error(format!(
            "the daemon's answer is not understood (is it of another version?): {error}"
        ))
    })?;
    Ok(client::status(&stats))
}
