//! From the file's values to settings: unknown keys and wrong types, all of
//! them at once, in the operator's words.

use std::fmt::Display;

use serde_path_to_error::{Segment, Track};
use serde_yaml::Value;

use super::document::Document;
use super::fault::{MOST_REPORTED, quoted};
use super::places::{Misplaced, Place};
use super::settings::{
    Database, ForwardedAnnounce, Hashlist, Logging, Neighbor, PeerGroup, Server, Settings, Tracker,
    TrackerRule, Workers,
};

/// Each wrong value costs another pass over the file.
const MOST_FAULTS: usize = 100;

/// Values that are not repeated in a message, because a log may show it.
const SECRETS: [&str; 3] = ["password", "url", "announce_request"];

/// The keys of each section by the section's own key; the file itself is "".
const SECTIONS: [(&str, &[&str]); 11] = [
    ("", Settings::KEYS),
    ("server", Server::KEYS),
    ("logging", Logging::KEYS),
    ("database", Database::KEYS),
    ("tracker", Tracker::KEYS),
    ("peer_groups", PeerGroup::KEYS),
    ("neighbors", Neighbor::KEYS),
    ("forwarded_announce", ForwardedAnnounce::KEYS),
    ("trackers", TrackerRule::KEYS),
    ("workers", Workers::KEYS),
    ("hashlist", Hashlist::KEYS),
];

/// Reads the settings and tells what is wrong with them. A value that is wrong
/// is taken out of the document, and the reading begins again without it.
pub fn settings(document: &mut Document) -> (Settings, Vec<Misplaced>) {
    let mut faults = Vec::new();
    while faults.len() < MOST_FAULTS && !document.value.is_null() {
        let mut unknown = Vec::new();
        let mut track = Track::new();
        let deserializer = serde_path_to_error::Deserializer::new(&document.value, &mut track);
        let read = serde_ignored::deserialize(deserializer, |path| unknown.push(steps_to(&path)));
        match read {
            Ok(settings) => {
                for path in unknown.into_iter().take(MOST_REPORTED) {
                    faults.push((place_of(document, &path), unknown_key(&path)));
                }
                return (settings, faults);
            }
            Err(error) => {
                let mut path: Vec<String> = track.path().iter().filter_map(step).collect();
                while document.get(&path).is_none() {
                    path.pop();
                }
                let text = wrong_value(&path, document.get(&path), &error);
                faults.push((place_of(document, &path), text));
                document.take_out(&path);
            }
        }
    }
    (Settings::default(), faults)
}

fn place_of(document: &Document, path: &[String]) -> Place {
    document.place(path.iter().map(String::as_str))
}

fn step(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

fn steps_to(path: &serde_ignored::Path<'_>) -> Vec<String> {
    use serde_ignored::Path;
    let (parent, step) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(index.to_string())),
        Path::Map { parent, key } => (parent, Some(key.clone())),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut steps = steps_to(parent);
    steps.extend(step);
    steps
}

/// The last key of a path, and whether it is an item of it that is meant.
fn last_key(path: &[String]) -> (&str, bool) {
    let is_index = |step: &&String| step.bytes().all(|b| b.is_ascii_digit());
    let key = path.iter().rfind(|step| !is_index(step));
    (
        key.map_or("", String::as_str),
        path.last().as_ref().is_some_and(is_index),
    )
}

fn unknown_key(path: &[String]) -> String {
    let Some((key, parents)) = path.split_last() else {
        return "this is not known".to_owned();
    };
    let (section, _) = last_key(parents);
    let keys_of = |section: &str| SECTIONS.iter().find(|(name, _)| *name == section);
    let known = keys_of(section).map_or(&[][..], |(_, keys)| keys);
    let place = match section {
        "" => "at the top of the file".to_owned(),
        section => format!("in {section}"),
    };
    let unknown = format!("{} is not a key {place}", quoted(key));
    let nearest = known.iter().min_by_key(|known| distance(known, key));
    let elsewhere = SECTIONS
        .iter()
        .find(|(_, keys)| keys.contains(&key.as_str()));
    match (nearest, elsewhere) {
        (Some(nearest), _) if distance(nearest, key) <= 1 + nearest.len() / 5 => {
            format!("{unknown}; did you mean {nearest}?")
        }
        (_, Some(("", _))) => format!("{unknown}; it belongs to the top, without indentation"),
        (_, Some((section, _))) => format!("{unknown}; it belongs to {section}"),
        _ => format!("{unknown}; the keys are {}", known.join(", ")),
    }
}

/// How many letters must be changed, added or removed to make `a` of `b`.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64; // a key of a megabyte is not worth comparing
    if b.len() > LONGEST {
        return LONGEST;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(LONGEST)
}

fn wrong_value(path: &[String], value: Option<&Value>, error: &dyn Display) -> String {
    let (key, is_item) = last_key(path);
    let name = match (key, is_item) {
        ("", _) => "the file".to_owned(),
        (key, true) => format!("an item of {key}"),
        (key, false) => key.to_owned(),
    };
    let message = error.to_string();
    // serde says `invalid type: string "x", expected u32`.
    let Some((_, expected)) = message.rsplit_once(", expected ") else {
        return format!("{name}: {message}");
    };
    let allowed = match expected {
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "a boolean" => "true or false",
        "a sequence" => "a list, such as [one, two] or a line with - for each item",
        "a string" | "path string" => "text",
        other => other,
    };
    let found = match value {
        _ if SECRETS.contains(&key) => String::new(),
        Some(Value::Bool(value)) => format!(", but is {value}"),
        Some(Value::Number(value)) => format!(", but is {value}"),
        Some(Value::String(value)) => format!(", but is {}", quoted(value)),
        Some(Value::Sequence(_)) => ", but is a list".to_owned(),
        Some(Value::Mapping(_)) => ", but is a section of keys".to_owned(),
        _ => String::new(),
    };
    let hint = match (allowed, value) {
        ("text", Some(Value::Bool(_) | Value::Number(_))) => "; put it in quotes",
        _ => "",
    };
    format!("{name} must be {allowed}{found}{hint}")
}
