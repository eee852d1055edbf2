//! What can go wrong with a database, and what the operator can do about it.

use std::fmt;

/// Which trouble it is; the same trouble is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No answer: not running, not reachable, cut off, too slow.
    Unreachable,
    /// It refuses this user.
    Denied,
    /// A file that cannot be opened.
    NoFile,
    /// Another program keeps the file to itself.
    Locked,
    /// Another program works on the same rows; once more may do.
    Clash,
    /// There are no tables, or no database to have them.
    NoTables,
    /// The tables are those of an older version.
    OldTables,
    /// The tables are those of a newer version.
    NewTables,
    /// It takes no changes.
    ReadOnly,
    /// It has no room left.
    Full,
    /// It refuses a row for what is in it; the next one may be welcome.
    Refused,
    /// It talks to nobody without TLS.
    WantsTls,
    /// A fault in this program.
    Ours,
    /// Anything else.
    Other,
}

impl Trouble {
    fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => "is it running, and is the key database.url right?",
            Self::Denied => {
                "check the keys database.user and database.password, that the user may SELECT, \
                 INSERT, UPDATE and DELETE in the schema (for `btrt db` also CREATE, ALTER and \
                 DROP), and that the server does not demand TLS (its unix socket needs none)"
            }
            Self::NoFile => {
                "check the key database.url, and who may write that file and its folder"
            }
            Self::Locked => "find out which program keeps it locked",
            Self::Clash => "find out which program works on its tables at the same time",
            Self::NoTables => "run `btrt db create`",
            Self::OldTables => "run `btrt db upgrade`",
            Self::NewTables => "use the btrt that made them, or another database.schema",
            Self::ReadOnly => "make it writable, or set database.url to the server that is",
            Self::Full => "make room on its disk",
            Self::Refused => "look for constraints, triggers or columns that btrt did not make",
            Self::WantsTls => {
                "connect through its unix socket, or use a btrt that was built with the feature \
                 mysql-tls"
            }
            Self::Ours => "this is a fault in btrt itself, please report what standard error says",
            Self::Other => "its own log may say more",
        }
    }
}

/// A fault in the words of the database, with what to do about it.
#[derive(Clone, Debug)]
pub struct StoreError {
    /// Which trouble it is.
    pub trouble: Trouble,
    text: String,
}

impl StoreError {
    pub(in crate::worker) fn new(trouble: Trouble, text: impl fmt::Display) -> StoreError {
        StoreError {
            trouble,
            text: text.to_string(),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.text, self.trouble.advice())
    }
}

impl std::error::Error for StoreError {}
