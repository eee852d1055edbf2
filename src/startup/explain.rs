//! `btrt explain`: whom the running daemon would give a client.

use super::Error;
use crate::client::{self, Explain};
use crate::config;
use std::path::Path;

/// Asks the daemon of this configuration, and returns what to print.
pub fn explain(path: &Path, explain: &Explain) -> Result<String, Error> {
    let config = config::load(path).map_err(|faults| Error(faults.to_string()))?;
    let admin_listen = config.settings.server.admin_listen;
    let answer = client::get(admin_listen, &explain.target()).map_err(Error)?;
    if explain.json {
        return Ok(String::from_utf8_lossy(&answer).into_owned() + "\n");
    }
    let answer = serde_json::from_slice(&answer).map_err(|error| {
        Error(format!(
            "the daemon's answer is not understood (is it of another version?): {error}"
        ))
    })?;
    Ok(client::explained(explain.ip, &answer))
}
