//! The driver's run-time directory: 0700, holds the lifeline and the FIFOs that wait to be opened.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use gearman_driver_sys::limits;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::signal::kill;
use nix::sys::stat::Mode;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::unistd::{Pid, mkfifo};

const PREFIX: &str = "gearman-driver-";

/// The directory, and the lifeline in it. Removed at the end.
#[derive(Debug)]
pub(crate) struct RuntimeDir {
    dir: tempfile::TempDir,
    /// The only write end of the lifeline: it closes when this process ends, however it does.
    _lifeline: File,
    /// Says to other drivers that this one lives: they may not see its PID, from another container.
    _lock: Flock<File>,
}

impl RuntimeDir {
    /// Makes the directory (`gearman-driver-PID-NAME-..`), after removing those of drivers that were killed.
    pub(crate) fn create(name: Option<&str>) -> io::Result<Self> {
        let parent = parent();
        remove_left_behind(&parent);
        let name = name.map(|name| format!("{name}-")).unwrap_or_default();
        // An error names the path.
        let dir = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-{name}", std::process::id()))
            // Without it the umask alone decides.
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let lock = lock(dir.path())?;
        let path = dir.path().join("lifeline");
        make_fifo(&path)?;
        // A FIFO opens for writing without waiting only where somebody reads.
        let read = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path)?;
        let lifeline = OpenOptions::new().write(true).open(&path)?;
        drop(read);
        Ok(Self { dir, _lifeline: lifeline, _lock: lock })
    }

    /// The path of the lifeline.
    pub(crate) fn lifeline(&self) -> PathBuf {
        self.dir.path().join("lifeline")
    }

    /// Makes the FIFO `name` and opens it for reading: for writing too, so that it has no end of file before its
    /// process has opened it. Closed at exec; only this process reads it.
    pub(crate) fn fifo(&self, name: &str) -> io::Result<(PathBuf, File)> {
        let path = self.dir.path().join(name);
        make_fifo(&path).map_err(|error| self.explain(&error))?;
        let file = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path);
        match file.and_then(|file| leaves_some(&file, limits::open_files()).map(|()| file)) {
            Ok(file) => Ok((path, file)),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(limits::explain(error))
            }
        }
    }

    /// What an operator needs to know beside the system's word.
    fn explain(&self, error: &io::Error) -> io::Error {
        let dir = self.dir.path().display();
        if error.kind() != io::ErrorKind::NotFound {
            return io::Error::new(error.kind(), format!("the run-time directory {dir}: {error}"));
        }
        let text = format!(
            "the run-time directory {dir} was removed (systemd does that at its user's logout): restart the driver, with \
             XDG_RUNTIME_DIR set to a directory that stays, or as a service"
        );
        io::Error::new(error.kind(), text)
    }
}

/// So many descriptors are not given to processes: the console, a new host, the observer and the log need some, most of
/// all where there are too few.
const SPARE_DESCRIPTORS: u64 = 24;

/// An error where the lowest descriptor that was free is one of the last that this process may have.
fn leaves_some(file: &File, limit: u64) -> io::Result<()> {
    let number = u64::try_from(file.as_raw_fd()).unwrap_or(0);
    let spare = SPARE_DESCRIPTORS.min(limit / 4);
    if number < limit.saturating_sub(spare) { Ok(()) } else { Err(Errno::EMFILE.into()) }
}

/// `$XDG_RUNTIME_DIR` or `$TMPDIR` where one is set, else shared memory, else the system's temporary directory.
///
/// Two FIFOs are made for each process, and removed at once. On a disk that costs more than all else of a start:
/// ext4 looks for an inode number that was not free a moment ago, one after the other.
fn parent() -> PathBuf {
    let writable = |dir: &PathBuf| nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok();
    if let Some(dir) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(writable) {
        return dir;
    }
    if std::env::var_os("TMPDIR").is_some() {
        return std::env::temp_dir();
    }
    let shared_memory = PathBuf::from("/dev/shm");
    let in_memory = statfs(&shared_memory).is_ok_and(|fs| fs.filesystem_type() == TMPFS_MAGIC);
    if in_memory && writable(&shared_memory) { shared_memory } else { std::env::temp_dir() }
}

fn make_fifo(path: &Path) -> io::Result<()> {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    Ok(())
}

/// Locks a directory for as long as this process lives; an error where another one has.
fn lock(dir: &Path) -> io::Result<Flock<File>> {
    Flock::lock(File::open(dir)?, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error.into())
}

/// Removes the directories of this user's drivers that are gone: one that was killed could not.
fn remove_left_behind(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next());
        let Some(pid) = pid.and_then(|pid| pid.parse().ok()) else { continue };
        let gone = kill(Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH);
        // Another user's can't be removed, and a link is not followed.
        if gone && entry.file_type().is_ok_and(|kind| kind.is_dir()) && lock(&entry.path()).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
