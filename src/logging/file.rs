//! `btrt.log` and its earlier files.

use chrono::{NaiveDateTime, Timelike};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The name of the current file.
pub const CURRENT: &str = "btrt.log";
/// The local time in the name of an earlier one.
const STAMP: &str = "%Y-%m-%d_%H-%M-%S";

/// The current file, open, in its folder.
#[derive(Debug)]
pub struct LogFile {
    folder: PathBuf,
    file: File,
    /// It ends in the middle of a line.
    torn: bool,
}

impl LogFile {
    /// Opens the file in this folder, and makes both if need be.
    pub fn open(folder: &Path) -> io::Result<LogFile> {
        fs::create_dir_all(folder)?;
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true);
        let file = options.open(folder.join(CURRENT))?;
        let metadata = file.metadata()?;
        Ok(LogFile {
            folder: folder.to_owned(),
            torn: metadata.is_file() && is_torn(&file, metadata.len())?,
            file,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the system says about the open file.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Makes sure that the open file is the one that bears the name: if somebody has removed or
    /// renamed it, a new one is begun.
    pub fn follow(&mut self) -> io::Result<()> {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let named = fs::metadata(self.folder.join(CURRENT)).map(identity);
        let is_same = match named {
            Ok(named) => named == identity(self.file.metadata()?),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !is_same {
            *self = LogFile::open(&self.folder)?;
        }
        Ok(())
    }

    /// Writes whole lines and removes what is written from the front. Where that ends early, the
    /// file does not end in the middle of a line.
    pub fn append(&mut self, lines: &mut String) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
            self.torn = false;
        }
        let bytes = lines.as_bytes();
        let (written, result) = write(&mut self.file, bytes);
        let whole = whole_lines(&bytes[..written]);
        if whole < written {
            self.torn = self.take_back((written - whole) as u64).is_err();
        }
        lines.drain(..whole);
        result
    }

    fn take_back(&self, bytes: u64) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        self.file.set_len(length.saturating_sub(bytes))
    }

    /// Renames the file after this local time and begins a new one. An empty one stays.
    pub fn switch(&mut self, now: NaiveDateTime) -> io::Result<()> {
        self.follow()?;
        if self.file.metadata()?.len() == 0 {
            return Ok(());
        }
        let to = self.unused_name(now)?;
        fs::rename(self.folder.join(CURRENT), to)?;
        self.follow()
    }

    /// One that sorts behind all others of the same second, also if the first of them are removed.
    fn unused_name(&self, now: NaiveDateTime) -> io::Result<PathBuf> {
        let stamp = now.format(STAMP).to_string();
        let second = now.with_nanosecond(0).unwrap_or(now);
        let earlier = self.earlier()?;
        let last = earlier.iter().rev().find(|((time, _), _)| *time == second);
        let first_free = last.map_or(1, |((_, number), _)| number.saturating_add(1));
        // Something that is no file of ours may have such a name as well.
        (first_free..=u32::MAX)
            .map(|number| self.folder.join(name(&stamp, number)))
            .find(|path| path.symlink_metadata().is_err())
            .ok_or_else(|| ErrorKind::AlreadyExists.into())
    }

    /// Removes the oldest of the renamed files, so that `keep` are left.
    pub fn remove_old(&self, keep: usize) -> io::Result<()> {
        let earlier = self.earlier()?;
        let surplus = earlier.len().saturating_sub(keep);
        for (_, path) in &earlier[..surplus] {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// The renamed files, oldest first. Whatever bears another kind of name, or is no file, is
    /// somebody else's.
    fn earlier(&self) -> io::Result<Vec<(Age, PathBuf)>> {
        let mut earlier = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let age = entry.file_name().to_str().and_then(age);
            if let Some(age) = age.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file())) {
                earlier.push((age, entry.path()));
            }
        }
        earlier.sort_unstable();
        Ok(earlier)
    }
}

/// How many bytes were written, and what stopped it if not all were.
fn write(to: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match to.write(rest) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// The length of the lines at the front that have their ends.
fn whole_lines(bytes: &[u8]) -> usize {
    memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1)
}

/// Whether a file ends in the middle of a line, as a power cut leaves it.
fn is_torn(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(place) = length.checked_sub(1) {
        file.read_at(&mut last, place)?;
    }
    Ok(last != *b"\n")
}

/// What sorts renamed files: the second of the switch, and the number of the switch within it.
type Age = (NaiveDateTime, u32);

fn name(stamp: &str, number: u32) -> String {
    match number {
        1 => format!("btrt_{stamp}.log"),
        number => format!("btrt_{stamp}-{number}.log"),
    }
}

/// The age that a name tells; nothing if [`name`] would not write it just so.
fn age(text: &str) -> Option<Age> {
    let middle = text.strip_prefix("btrt_")?.strip_suffix(".log")?;
    let (stamp, number) = middle.split_at_checked("YYYY-MM-DD_HH-MM-SS".len())?;
    let time = NaiveDateTime::parse_from_str(stamp, STAMP).ok()?;
    let number = match number {
        "" => 1,
        number => number.strip_prefix('-')?.parse().ok()?,
    };
    let is_ours = number > 0 && name(&time.format(STAMP).to_string(), number) == text;
    is_ours.then_some((time, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn folder() -> TempDir {
        TempDir::new().unwrap()
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    fn content(folder: &TempDir, name: &str) -> String {
        fs::read_to_string(folder.path().join(name)).unwrap()
    }

    fn append(file: &mut LogFile, lines: &str) {
        let mut lines = lines.to_owned();
        file.append(&mut lines).unwrap();
        assert_eq!(lines, "");
    }

    #[test]
    fn names_count_up_within_a_second() {
        let folder = folder();
        let mut file = LogFile::open(folder.path()).unwrap();
        let now = "2026-11-22T01:00:00.5".parse().unwrap();
        for line in ["a\n", "b\n", "c\n"] {
            append(&mut file, line);
            file.switch(now).unwrap();
            // Nothing has been written since.
            file.switch(now).unwrap();
        }
        let stamp = "btrt_2026-11-22_01-00-00";
        let [first, second, third] = ["", "-2", "-3"].map(|number| format!("{stamp}{number}.log"));
        assert_eq!(names(&folder), [CURRENT, &second, &third, &first]);
        assert_eq!(content(&folder, &first), "a\n");
        assert_eq!(content(&folder, &second), "b\n");
        assert_eq!(content(&folder, &third), "c\n");
        assert_eq!(content(&folder, CURRENT), "");
        // The name of one that is removed is not used again, as it would be the oldest.
        file.remove_old(1).unwrap();
        append(&mut file, "d\n");
        file.switch(now).unwrap();
        file.remove_old(1).unwrap();
        let fourth = format!("{stamp}-4.log");
        assert_eq!(names(&folder), [CURRENT, &fourth]);
        assert_eq!(content(&folder, &fourth), "d\n");
    }

    #[test]
    fn only_the_oldest_of_our_own_files_are_removed() {
        let folder = folder();
        let file = LogFile::open(folder.path()).unwrap();
        let ours = [
            "btrt_2025-12-31_23-59-59.log",
            "btrt_2026-01-01_01-00-00.log",
            "btrt_2026-01-01_01-00-00-2.log",
            "btrt_2026-01-01_01-00-00-9.log",
            "btrt_2026-01-01_01-00-00-10.log",
            "btrt_2026-01-02_01-00-00.log",
        ];
        let others = [
            "btrt_2025-01-01_01-00-00.log.gz",
            "btrt_2025-01-01_01-00-00-02.log",
            "btrt_2025-01-01_01-00-00-1.log",
            "btrt_2025-01-01_01-00-00-+2.log",
            "btrt_2025-01-01_01-00-00-0.log",
            "btrt_2025-13-01_01-00-00.log",
            "btrt_2025-1-1_1-0-0.log",
            "btrt_keep.log",
            "btrt_.log",
            "my_btrt_2025-01-01_01-00-00.log",
            "btrt_2025-01-01_01-00-0é.log",
        ];
        for name in ours.iter().chain(&others) {
            fs::write(folder.path().join(name), "x\n").unwrap();
        }
        fs::create_dir(folder.path().join("btrt_2024-01-01_01-00-00.log")).unwrap();
        let all = names(&folder).len();
        file.remove_old(6).unwrap();
        assert_eq!(names(&folder).len(), all);
        file.remove_old(2).unwrap();
        let left = names(&folder);
        assert_eq!(left.len(), all - 4);
        assert!(left.iter().any(|name| name == ours[4]), "{left:?}");
        assert!(left.iter().any(|name| name == ours[5]), "{left:?}");
        file.remove_old(0).unwrap();
        assert_eq!(names(&folder).len(), all - 6);
    }

    #[test]
    fn half_a_line_of_an_earlier_run_is_ended() {
        let folder = folder();
        fs::write(folder.path().join(CURRENT), "whole\nhal").unwrap();
        append(&mut LogFile::open(folder.path()).unwrap(), "new\n");
        assert_eq!(content(&folder, CURRENT), "whole\nhal\nnew\n");
    }

    #[test]
    fn a_file_that_somebody_removes_renames_or_empties() {
        let folder = folder();
        let path = folder.path().join(CURRENT);
        let mut file = LogFile::open(folder.path()).unwrap();
        append(&mut file, "a\n");
        fs::rename(&path, folder.path().join("moved")).unwrap();
        file.follow().unwrap();
        append(&mut file, "b\n");
        assert_eq!(content(&folder, "moved"), "a\n");
        assert_eq!(content(&folder, CURRENT), "b\n");
        fs::remove_dir_all(folder.path()).unwrap();
        file.follow().unwrap();
        append(&mut file, "c\n");
        fs::write(&path, "").unwrap();
        file.follow().unwrap();
        append(&mut file, "d\n");
        assert_eq!(content(&folder, CURRENT), "d\n");
    }

    /// A device that takes so many bytes.
    struct Small(usize);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0).min(4);
            self.0 -= count;
            match count {
                0 => Err(ErrorKind::StorageFull.into()),
                count => Ok(count),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn short_writes_are_gone_on_with_until_nothing_is_taken() {
        let (written, result) = write(&mut Small(100), b"0123456789");
        assert_eq!((written, result.is_ok()), (10, true));
        let (written, result) = write(&mut Small(7), b"01\n34\n6789");
        assert_eq!(written, 7);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(whole_lines(b"01\n34\n6"), 6);
        assert_eq!(whole_lines(b"01"), 0);
    }
}
