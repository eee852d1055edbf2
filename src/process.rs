//! The process as the system sees it: limits, identity, pid file.

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::unistd::{self, Gid, Group, Uid, User};
use rustix::io::fcntl_dupfd_cloexec;
use std::ffi::CString;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

/// Raises the limit on open files to what the hard limit allows, and returns it.
pub fn raise_file_limit() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// Has the kernel make room for so many open files now. Its table doubles whenever it is full, and
/// in a process with threads whoever opens the file that no longer fits waits until all processors
/// have let go of the old table: some ten milliseconds for a loop that waits for nothing.
pub fn make_room_for_files(count: u64) -> io::Result<()> {
    let last = i32::try_from(count.saturating_sub(1)).unwrap_or(i32::MAX);
    let any = io::stderr();
    // The table stays as large as the highest descriptor ever has made it.
    fcntl_dupfd_cloexec(any, last).map(drop)?;
    Ok(())
}

/// By how much threads that work for the loop are nicer than it. Where the loop, or any other
/// program, wants the same processor all the time, such a thread has a tenth of it left, and a
/// reload or a write takes ten times as long. More would keep too much from them.
const NICENESS: i32 = 10;

/// Has the calling thread stand back for the loop, where they have to share a processor: what it
/// does can wait, and clients cannot. (Linux counts nice values by thread: nice(2).)
pub fn stand_back() {
    // A thread whose priority stays as it was does its work all the same.
    let _ = rustix::process::nice(NICENESS);
}

/// What the process uses; `None` is what the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Processor time so far.
    pub processor_seconds: Option<f64>,
    /// Memory.
    pub resident_bytes: Option<u64>,
    /// Files and sockets.
    pub open_files: Option<u64>,
}

/// What the process uses at present. It takes some microseconds, and no disk.
pub fn usage() -> Usage {
    let times = getrusage(UsageWho::RUSAGE_SELF).ok();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    // Linux tells the number of open files as the size of this folder since 6.2, and 0 before.
    let files = fs::metadata("/proc/self/fd").map_or(0, |folder| folder.len());
    Usage {
        processor_seconds: times.map(|usage| {
            let times = [usage.user_time(), usage.system_time()];
            let seconds = times.map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
            seconds.iter().sum()
        }),
        resident_bytes: kibibytes.map(|kibibytes| kibibytes * 1024),
        open_files: (files > 0).then_some(files),
    }
}

/// An identity to take on once the sockets are bound.
#[derive(Debug)]
pub struct Identity {
    name: String,
    uid: Uid,
    gid: Gid,
}

impl Identity {
    /// Looks up the user and group of the configuration; without a group it is the user's own.
    /// `None` if no user is named or the process could not take it on, as it is not root's.
    pub fn find(user: Option<&str>, group: Option<&str>) -> Result<Option<Identity>, String> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let unreadable = |error| format!("the user database cannot be read: {error}");
        let group = match group {
            None => None,
            Some(name) => {
                let found = Group::from_name(name).map_err(unreadable)?;
                Some(found.ok_or(format!(
                    "server.group: there is no group {name:?}; create it or name another"
                ))?)
            }
        };
        let user = match user {
            None => None,
            Some(name) => {
                let found = User::from_name(name).map_err(unreadable)?;
                Some(found.ok_or(format!(
                    "server.user: there is no user {name:?}; create it or name another"
                ))?)
            }
        };
        let gid = group.map(|group| group.gid);
        Ok(match (user, gid) {
            (None, None) => None,
            (None, Some(gid)) => Some(Identity {
                name: "root".to_owned(),
                uid: Uid::effective(),
                gid,
            }),
            (Some(user), gid) => Some(Identity {
                name: user.name,
                uid: user.uid,
                gid: gid.unwrap_or(user.gid),
            }),
        })
    }

    /// Becomes that user and group for good. Every thread that is started later has it, too.
    pub fn take_on(&self) -> Result<(), String> {
        let failed = |error| format!("cannot become the user {}: {error}", self.name);
        let name = CString::new(self.name.as_str()).map_err(|error| error.to_string())?;
        unistd::initgroups(&name, self.gid).map_err(failed)?;
        unistd::setgid(self.gid).map_err(failed)?;
        unistd::setuid(self.uid).map_err(failed)
    }

    /// Makes a file or folder its own, so that it can be written later on.
    pub fn own(&self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
    }
}

/// Tells whoever started the daemon that it serves from now on: systemd by its socket, an init
/// script or a person by a line on standard output.
pub fn tell_ready() {
    // Nobody may be listening, which changes nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let _ = writeln!(io::stdout(), "btrt {} is ready", crate::VERSION);
}

/// The file that tells an init script which process this is; it goes with the daemon.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes it. One that an earlier daemon has left behind is no obstacle.
    pub fn write(path: &Path) -> Result<PidFile, String> {
        fs::write(path, format!("{}\n", std::process::id())).map_err(|error| {
            format!(
                "server.pid_file: {} cannot be written: {error}",
                path.display()
            )
        })?;
        Ok(PidFile(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Without root's rights it may have to stay; init scripts live with that.
        let _ = fs::remove_file(&self.0);
    }
}
