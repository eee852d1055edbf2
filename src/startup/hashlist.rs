//! `btrt hashlist`: the info hashes for which the network itself has peers, from the database into
//! a file for the DPI platform.
//!
//! What decides a row's group is its address and the networks of this configuration, as for the
//! daemon that reads the same rows when it starts. The column `peer_group` is for people: it is
//! behind after a reload, empty in tables of an older version, and MySQL takes some names for
//! equal that are not.

use super::{DATABASE_TIMEOUT, Error, database, settings};
use crate::bittorrent::InfoHash;
use crate::config;
use crate::record::PeerRecord;
use crate::swarm::{GroupNames, Liveness, PeerGroups, Priority};
use crate::time::{START, Timestamp};
use crate::worker::store::{Clock, Store, StoreError};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

/// Rows that are read at once: with the list itself all that is held in memory.
const PAGE: usize = 10_000;

/// Writes the file that this configuration names, and returns what to print.
pub fn hash_list(path: &Path) -> Result<String, Error> {
    let mut config = config::load(path).map_err(|faults| Error(faults.to_string()))?;
    // Cron starts it again and again: a server that says nothing must not make them many.
    let place = database::place(&config, Some(DATABASE_TIMEOUT)).ok_or(Error(
        "database.url is none: there is nothing to read the hash list from. The running btrt \
         serves it as /hashlist.bin at the address of server.admin_listen"
            .to_owned(),
    ))?;
    let groups = settings::groups(&mut config, &GroupNames::new());
    let keys = &config.settings.hashlist;
    let file = &keys.path;
    let stays = |why: String| Error(format!("{why}\n{} stays as it is", file.display()));
    let name = place.to_string();
    let lister = Lister {
        groups: &groups,
        inside: Priority(keys.max_priority.into()),
        min_peers: keys.min_peers,
        expiry: config.settings.tracker.peer_expiry_interval,
        found: Found::default(),
    };
    let found = lister
        .read(&mut Store::new(place))
        .map_err(|error| stays(format!("database {name}: {error}")))?;
    // A daemon that was down for long, or a table that somebody has emptied, says nothing of what
    // the network has.
    if !found.anybody {
        return Err(stays(format!(
            "database {name}: there are no peers, or all have expired; is btrt running?"
        )));
    }
    let list: Vec<[u8; 20]> = found.list.into_iter().map(|hash| hash.0).collect();
    replace(file, list.as_flattened())
        .map_err(|error| stays(format!("cannot write {}: {error}", file.display())))?;
    Ok(format!("{}: {} info hashes\n", file.display(), list.len()))
}

/// What has been found so far.
#[derive(Debug, Default)]
struct Found {
    /// In the order of the database, which is that of the bytes.
    list: Vec<InfoHash>,
    /// There is a peer that has not expired, of whatever group.
    anybody: bool,
    /// The swarm that is being counted, and how many of its peers count so far.
    current: Option<(InfoHash, u32)>,
}

/// Finds the swarms to list among rows of peers.
struct Lister<'a> {
    groups: &'a PeerGroups,
    /// Groups up to this priority are inside.
    inside: Priority,
    min_peers: u32,
    /// In seconds.
    expiry: u32,
    found: Found,
}

impl Lister<'_> {
    fn read(mut self, store: &mut Store) -> Result<Found, StoreError> {
        // A look is not to make the tables of a file that is missing.
        store.schema()?.check()?;
        let now = Timestamp(START);
        let clock = Clock::present(now);
        let mut after = None;
        loop {
            let page = store.read_peers(&clock, after.as_ref(), PAGE)?;
            page.records.iter().for_each(|peer| self.count(peer, now));
            after = page.records.last().map(|peer| peer.key);
            if page.records.len() < PAGE {
                return Ok(self.found);
            }
        }
    }

    /// Counts a row. Those of a swarm come one after the other.
    fn count(&mut self, peer: &PeerRecord, now: Timestamp) {
        let liveness = Liveness {
            now,
            expiry: self.expiry,
        };
        if !liveness.is_alive(peer.last_announce) {
            return;
        }
        self.found.anybody = true;
        let group = self.groups.find(peer.key.ip);
        if self.groups.priority(group) > self.inside {
            return;
        }
        let info_hash = peer.key.info_hash;
        let current = self.found.current.filter(|(hash, _)| *hash == info_hash);
        let count = current.map_or(1, |(_, count)| count.saturating_add(1));
        self.found.current = Some((info_hash, count));
        if count == self.min_peers {
            self.found.list.push(info_hash);
        }
    }
}

/// Replaces a file in one step: whoever reads it gets all of the old one or all of the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Of a link, what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or(path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let new = NewFile::create(&path)?;
    let mut file = &new.file;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new.path, &path)?;
    // The new name is to survive a power failure as well; where folders cannot be opened, it is
    // there all the same.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// A file beside the one that it shall replace; it goes when it is dropped under its own name.
struct NewFile {
    file: File,
    path: PathBuf,
}

impl NewFile {
    fn create(old: &Path) -> io::Result<NewFile> {
        let mut name = old.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let path = old.with_file_name(name);
        let create = || File::create_new(&path);
        // One that is there is left from a process that had this number and was killed.
        let file = create().or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => fs::remove_file(&path).and_then(|()| create()),
            _ => Err(error),
        })?;
        let new = NewFile { file, path };
        if let Ok(old) = fs::metadata(old) {
            // Readers keep their rights. Only root can give all of them on, and must; anybody else
            // is the owner already, or lets its own rights be enough.
            let _ = fchown(&new.file, None, Some(old.gid()));
            let _ = fchown(&new.file, Some(old.uid()), None);
            new.file.set_permissions(old.permissions())?;
        }
        Ok(new)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After it was renamed there is none.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::PeerId;
    use crate::record::{Origin, PeerKey};
    use crate::swarm::GroupDefinition;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    fn groups() -> PeerGroups {
        let group = |name: &str, priority, network: &str| GroupDefinition {
            name: name.to_owned(),
            priority,
            networks: vec![network.parse().unwrap()],
            visible_to: None,
        };
        let definitions = vec![
            group("home", 0, "10.0.0.0/8"),
            group("partner", 1, "2001:db8::/32"),
        ];
        PeerGroups::new(definitions, &GroupNames::new())
    }

    /// A row that was written when the address was in another group.
    fn peer(swarm: u8, ip: &str, age: u32) -> PeerRecord {
        PeerRecord {
            key: PeerKey {
                info_hash: InfoHash([swarm; 20]),
                ip: ip.parse().unwrap(),
                port: 0,
            },
            peer_id: PeerId([0; 20]),
            seeder: false,
            completed: false,
            group: Arc::from("another"),
            origin: Origin::Announced,
            last_announce: Timestamp(START - age),
        }
    }

    /// The swarms that are listed, by number, and whether there is anybody at all.
    fn listed(max_priority: u32, min_peers: u32, rows: &[(u8, &str, u32)]) -> (Vec<u8>, bool) {
        let mut lister = Lister {
            groups: &groups(),
            inside: Priority(max_priority.into()),
            min_peers,
            expiry: 100,
            found: Found::default(),
        };
        for &(swarm, ip, age) in rows {
            lister.count(&peer(swarm, ip, age), Timestamp(START));
        }
        let list = lister.found.list.iter().map(|hash| hash.0[0]);
        (list.collect(), lister.found.anybody)
    }

    #[test]
    fn live_peers_of_the_groups_inside_are_counted_by_swarm() {
        let rows = [
            (1, "10.0.0.1", 0),
            (1, "10.0.0.2", 99),
            (1, "10.0.0.3", 99),
            (2, "10.0.0.1", 0),
            (2, "10.0.0.1", 100),
            (2, "192.0.2.1", 0),
            (2, "2001:db8::1", 0),
            (3, "192.0.2.1", 0),
            (4, "2001:db8::1", 0),
        ];
        assert_eq!(listed(0, 1, &rows), (vec![1, 2], true));
        assert_eq!(listed(1, 1, &rows), (vec![1, 2, 4], true));
        assert_eq!(listed(0, 2, &rows), (vec![1], true));
        assert_eq!(listed(1, 2, &rows), (vec![1, 2], true));
        assert_eq!(listed(u32::MAX, 1, &rows), (vec![1, 2, 4], true));
        assert_eq!(listed(0, 4, &rows), (vec![], true));
    }

    #[test]
    fn peers_that_have_expired_are_as_good_as_none() {
        assert_eq!(listed(0, 1, &[(1, "10.0.0.1", 100)]), (vec![], false));
        assert_eq!(listed(0, 1, &[(1, "192.0.2.1", 5)]), (vec![], true));
    }

    #[test]
    fn a_file_is_replaced_with_its_rights_and_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hashlist.bin");
        replace(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let open = File::open(&path).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(io::read_to_string(open).unwrap(), "old");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hashlist.bin");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"new").is_err());
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(Path::new("/nowhere/x"), b"new").is_err());
    }
}
