//! What an operator is told about a configuration: where something stands and
//! what is wrong with it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::document::Document;
use super::places::Place;

/// Nobody reads more at once, and a hostile file could have a million.
pub(super) const MOST_REPORTED: usize = 200;

/// One thing that is wrong, or with a text that begins with `warning: `, odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file it stands in, as it was named.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong and what would be right.
    pub text: String,
}

impl Fault {
    /// A fault of `file` at `place`.
    pub(super) fn new(file: &Path, place: Place, text: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            text: text.into(),
        }
    }

    /// Like [`Fault::new`] for what does not keep the daemon from running.
    pub(super) fn warning(file: &Path, place: Place, text: impl fmt::Display) -> Self {
        Self::new(file, place, format!("warning: {text}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        write!(f, "{file}:{}:{}: {}", self.line, self.column, self.text)
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults in the order of the file, those of the CIDR files last.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects what the checks find, at the places where it stands in the file.
pub(super) struct Report<'a> {
    file: &'a Path,
    document: &'a Document,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl<'a> Report<'a> {
    /// An empty report about `file`, which was read as `document`.
    pub fn new(file: &'a Path, document: &'a Document) -> Self {
        Self {
            file,
            document,
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Records a fault at a dotted path such as `peer_groups.0.name`.
    pub fn fault(&mut self, path: &str, text: impl Into<String>) {
        let place = self.document.place(path.split('.'));
        self.faults.push(Fault::new(self.file, place, text));
    }

    /// Records a warning at a dotted path.
    pub fn warn(&mut self, path: &str, text: impl fmt::Display) {
        let place = self.document.place(path.split('.'));
        self.warnings.push(Fault::warning(self.file, place, text));
    }

    /// Takes over what was found elsewhere, such as in a CIDR file.
    pub fn extend(&mut self, faults: Vec<Fault>, warnings: Vec<Fault>) {
        self.faults.extend(faults);
        self.warnings.extend(warnings);
    }

    /// Whether the file says something at `path`, rather than the default.
    pub fn is_written(&self, path: &str) -> bool {
        self.document.is_written(path)
    }

    /// Whether something at `path` was already reported and taken out, so that
    /// its absence is no second fault.
    pub fn knows(&self, path: &str) -> bool {
        self.document.is_damaged(path)
    }

    /// The warnings if nothing is wrong, else everything that is.
    pub fn finish(self) -> Result<Vec<Fault>, Faults> {
        let sorted = |mut found: Vec<Fault>, kind: &str| -> Vec<Fault> {
            // A stable sort: what other files hold keeps its order, at the end.
            found.sort_by_key(|fault| match fault.file == self.file {
                true => (false, fault.line, fault.column),
                false => (true, 0, 0),
            });
            let more = found.len().saturating_sub(MOST_REPORTED);
            found.truncate(MOST_REPORTED);
            if let Some(last) = found.last().cloned()
                && more > 0
            {
                let text = format!("{kind}{more} more after this one are not shown");
                found.push(Fault { text, ..last });
            }
            found
        };
        match self.faults.is_empty() {
            true => Ok(sorted(self.warnings, "warning: ")),
            false => Err(Faults(sorted(self.faults, ""))),
        }
    }
}

/// A piece of the file for a message: quoted, escaped and cut to a length that
/// still lets the operator recognize it.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or(text)),
        None => format!("{text:?}"),
    }
}
