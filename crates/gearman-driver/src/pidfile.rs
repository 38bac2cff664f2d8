//! `--pidfile`: a file with the driver's PID, locked while the driver runs.
//!
//! The lock decides whether a file is stale, not the PID in it: that may be another process's by now. So a file that a
//! killed driver has left behind is taken over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

/// A PID and a line end are shorter.
const MAX_BYTES: u64 = 32;

/// The file, held. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Pidfile {
    path: PathBuf,
    file: Flock<File>,
}

/// The pidfile can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PidfileError {
    /// Another driver runs with the same one.
    #[error("the pidfile {} is held by {}: it runs still; stop it, or choose another file with --pidfile", path.display(), holder(*pid))]
    Held {
        path: PathBuf,
        /// What stands in it, if it is a PID.
        pid: Option<u32>,
    },
    /// There is a file of that name, and it is none.
    #[error("the pidfile {} exists and holds something else than a process id: choose another one with --pidfile", path.display())]
    NotOurs { path: PathBuf },
    /// The system refuses.
    #[error("the pidfile {} can't be written: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another driver".to_owned(), |pid| format!("another driver, PID {pid}"))
}

impl Pidfile {
    /// Takes the file for this process: makes it, or takes over one that nobody holds.
    ///
    /// # Errors
    /// Another driver holds it, it is no pidfile, or the system refuses.
    pub(crate) fn take(path: &Path) -> Result<Self, PidfileError> {
        let failed = |source| PidfileError::Io { path: path.to_owned(), source };
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                // A link that somebody has put there would lead root's pen elsewhere.
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .mode(0o644)
                .open(path)
                .map_err(failed)?;
            let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    let pid = read(&mut file).ok().flatten();
                    return Err(PidfileError::Held { path: path.to_owned(), pid });
                }
                Err((_, errno)) => return Err(failed(errno.into())),
            };
            // Its last holder may have removed it between the two steps.
            if !is_at(&file, path) {
                continue;
            }
            match read(&mut file) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(PidfileError::NotOurs { path: path.to_owned() });
                }
                Err(error) => return Err(failed(error)),
            }
            // From here on it is removed where it can't be written, on a full disk.
            let mut pidfile = Self { path: path.to_owned(), file };
            pidfile.write(std::process::id()).map_err(failed)?;
            return Ok(pidfile);
        }
    }
}

impl Pidfile {
    fn write(&mut self, pid: u32) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(format!("{pid}\n").as_bytes())
    }
}

impl Drop for Pidfile {
    /// Removes the file; where the user that the driver has become may not, empties it.
    fn drop(&mut self) {
        if is_at(&self.file, &self.path) && fs::remove_file(&self.path).is_err() {
            // If that fails too, the file is unlocked: the next driver takes it over.
            let _ = self.file.set_len(0);
        }
    }
}

/// Whether `path` still leads to `file`.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// The PID in the file; `None` when it is empty, `InvalidData` when something else is in it.
fn read(file: &mut File) -> io::Result<Option<u32>> {
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    match text.trim() {
        "" => Ok(None),
        pid => pid.parse().map(Some).map_err(|_| io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn it_holds_the_pid_and_is_gone_afterwards() {
        let dir = dir();
        let path = dir.path().join("d.pid");
        let pidfile = Pidfile::take(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn a_second_driver_is_refused_with_the_pid_of_the_first() {
        let dir = dir();
        let path = dir.path().join("d.pid");
        let _pidfile = Pidfile::take(&path).unwrap();
        let error = Pidfile::take(&path).unwrap_err().to_string();
        let held = format!("is held by another driver, PID {}: it runs still", std::process::id());
        assert!(error.contains(&held), "{error}");
    }

    #[test]
    fn a_file_that_nobody_holds_is_taken_over_whatever_pid_is_in_it() {
        let dir = dir();
        let path = dir.path().join("d.pid");
        for stale in ["", "1\n", "4194304", "99999999\n"] {
            fs::write(&path, stale).unwrap();
            drop(Pidfile::take(&path).unwrap());
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_file_with_something_else_in_it_and_a_link_are_left_alone() {
        let dir = dir();
        let path = dir.path().join("d.pid");
        fs::write(&path, "root:x:0:0\n").unwrap();
        assert!(matches!(Pidfile::take(&path), Err(PidfileError::NotOurs { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "root:x:0:0\n");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &link).unwrap();
        assert!(matches!(Pidfile::take(&link), Err(PidfileError::Io { .. })));
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn one_that_was_replaced_meanwhile_stays() {
        let dir = dir();
        let path = dir.path().join("d.pid");
        let pidfile = Pidfile::take(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "5\n").unwrap();
        drop(pidfile);
        assert_eq!(fs::read_to_string(&path).unwrap(), "5\n");
    }
}
