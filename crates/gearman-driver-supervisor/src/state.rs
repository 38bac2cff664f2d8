//! The state directory: what the driver's next start is to know. It is made when there is something to keep, and locked:
//! of two drivers with the same directory the second keeps nothing.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gearman_driver_core::config::Config;
use gearman_driver_core::manager::Suspect;
use gearman_driver_core::suspects_json::{self, Kept};
use gearman_driver_core::time::Time;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Pid;

use crate::log::Log;

const FILE: &str = "suspects.json";
/// A thousand suspects take less.
const MAX_BYTES: u64 = 4 << 20;

/// Where the driver keeps what it keeps.
#[derive(Debug)]
pub(crate) struct State {
    /// `None`: nowhere.
    dir: Option<PathBuf>,
    lock: Option<Flock<File>>,
    /// Which worker code is loaded.
    code: String,
    server: String,
    /// A failure was told since the last success.
    told: bool,
    /// What could not be kept, and when that is tried again.
    unkept: Option<(Vec<Suspect>, Time)>,
}

/// How soon it is tried again to keep what could not be kept: there may be room on the disk again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

impl State {
    /// Keeps nothing.
    pub(crate) fn none() -> Self {
        Self { dir: None, lock: None, code: String::new(), server: String::new(), told: false, unkept: None }
    }

    /// The directory of this driver, and what an earlier one has left there.
    pub(crate) fn open(config: &Config, server: &str, log: &Log) -> (Self, Vec<Suspect>) {
        let dir =
            if config.poison_limit == 0 { None } else { directory(config, server, |name| std::env::var_os(name)) };
        let mut state = Self { dir, code: code("/proc/self/exe"), server: server.to_owned(), ..Self::none() };
        let Some(dir) = state.dir.clone().filter(|dir| dir.is_dir()) else { return (state, Vec::new()) };
        let path = dir.join(FILE);
        let found = state.lock(&dir).and_then(|()| read(&path));
        let suspects = match found {
            Ok(None) => Vec::new(),
            Ok(Some(text)) => match suspects_json::read(&text, &state.code, unix_now()) {
                Ok(Kept::Suspects(suspects)) => suspects,
                Ok(Kept::OfOtherCode) => {
                    log.info("The deaths of jobs are counted anew: the executable is another than the last driver's");
                    Vec::new()
                }
                Err(error) => {
                    log.warn(&format!("{} is not understood ({error}): deaths are counted anew", path.display()));
                    Vec::new()
                }
            },
            Err(error) => {
                state.tell(&error, log);
                Vec::new()
            }
        };
        (state, suspects)
    }

    /// The worker code in force is from now on that of the executable of this process.
    pub(crate) fn loaded_from(&mut self, host: Pid) {
        self.code = code(&format!("/proc/{host}/exe"));
    }

    /// Keeps the list, as it is now.
    pub(crate) fn keep(&mut self, suspects: &[Suspect], now: Time, log: &Log) {
        let Some(dir) = self.dir.clone() else { return };
        let kept = if suspects.is_empty() {
            self.remove(&dir)
        } else {
            let text = suspects_json::write(suspects, &self.code, &self.server, now, unix_now());
            self.write(&dir, &text)
        };
        self.unkept = None;
        match kept {
            Ok(()) => self.told = false,
            Err(error) => {
                self.tell(&error, log);
                self.unkept = Some((suspects.to_vec(), now + RETRY_INTERVAL));
            }
        }
    }

    /// Keeps what could not be kept before, when it is time.
    pub(crate) fn try_again(&mut self, now: Time, log: &Log) {
        if let Some((suspects, _)) = self.unkept.take_if(|(_, due)| *due <= now) {
            self.keep(&suspects, now, log);
        }
    }

    /// When that is.
    pub(crate) fn next_try(&self) -> Option<Time> {
        self.unkept.as_ref().map(|(_, due)| *due)
    }

    fn tell(&mut self, error: &io::Error, log: &Log) {
        let Some(dir) = self.dir.as_ref().filter(|_| !self.told) else { return };
        let (dir, mend) = (dir.display(), "choose another directory with --state-dir, `off` for none");
        if error.kind() == io::ErrorKind::WouldBlock {
            log.warn(&format!(
                "{dir} is another driver's, of the same name and job servers: the deaths of jobs that this one counts end \
                 with it; give it a --name of its own, or {mend}"
            ));
        } else {
            log.warn(&format!("the deaths of jobs can't be kept in {dir}: {error}; {mend}"));
        }
        self.told = true;
    }

    fn lock(&mut self, dir: &Path) -> io::Result<()> {
        if self.lock.is_none() {
            let lock = Flock::lock(File::open(dir)?, FlockArg::LockExclusiveNonblock);
            self.lock = Some(lock.map_err(|(_, errno): (_, Errno)| errno)?);
        }
        Ok(())
    }

    /// Puts a new file into the place of the old: a reader, and a driver that dies here, sees the one or the other.
    fn write(&mut self, dir: &Path, text: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        self.lock(dir)?;
        let new = dir.join("suspects.json.new");
        // It may have been left behind, and a link there would lead elsewhere.
        let _ = fs::remove_file(&new);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?.write_all(text.as_bytes())?;
        fs::rename(&new, dir.join(FILE))
    }

    fn remove(&mut self, dir: &Path) -> io::Result<()> {
        if self.lock.is_none() {
            // What is there, if anything, is not ours.
            return Ok(());
        }
        match fs::remove_file(dir.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// `--state-dir`; else what systemd names, else the user's place for state, else the system's for root; in each a folder
/// that is this driver's by its name and its job servers.
fn directory(config: &Config, server: &str, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    if let Some(dir) = &config.state_dir {
        return (dir != Path::new("off")).then(|| dir.clone());
    }
    let own = format!("{}-{:016x}", config.name.as_deref().unwrap_or("driver"), fnv(server.as_bytes()));
    let path = |name| variable(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let systemd = variable("STATE_DIRECTORY").and_then(|dirs| {
        // Several are separated by colons.
        dirs.to_str().and_then(|dirs| dirs.split(':').next()).map(PathBuf::from).filter(|dir| dir.is_absolute())
    });
    let parent = systemd.or_else(|| {
        let state = path("XDG_STATE_HOME").or_else(|| {
            let root = nix::unistd::geteuid().is_root();
            if root { Some(PathBuf::from("/var/lib")) } else { path("HOME").map(|home| home.join(".local/state")) }
        });
        state.map(|state| state.join("gearman-driver"))
    })?;
    Some(parent.join(own))
}

/// FNV-1a: the same for every build, as the name of a directory must be.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Tells one executable from another that has taken its place.
fn code(executable: &str) -> String {
    let about = fs::metadata(executable);
    about.map_or_else(|_| String::new(), |about| format!("{}-{}.{}", about.size(), about.mtime(), about.mtime_nsec()))
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use gearman_driver_core::config::{Layer, Origin};
    use gearman_driver_core::process::{ExitStatus, JobAtWork};

    use super::*;
    use crate::clock::Clock;

    fn config(options: &[(&str, &str)]) -> Config {
        let mut layer = Layer::new();
        for (name, text) in [("logfile", "-")].iter().chain(options) {
            layer.set(name, text, Origin::CommandLine).unwrap();
        }
        Layer::merge([layer]).unwrap()
    }

    fn log(dir: &Path) -> Log {
        let path = dir.join("log");
        Log::open(&config(&[("logfile", path.to_str().unwrap()), ("loglayout", "%p %m%n")]), Clock::start()).unwrap()
    }

    fn logged(dir: &Path) -> String {
        fs::read_to_string(dir.join("log")).unwrap().replace(&dir.display().to_string(), "DIR")
    }

    fn suspect() -> Suspect {
        Suspect {
            number: 1,
            job: "a".into(),
            at_work: JobAtWork { function: "f".into(), handle: "H".into(), unique: "u".into(), server: String::new() },
            deaths: 2,
            poison: false,
            last_end: ExitStatus::Signal(6),
            expires: Time::START + Duration::from_secs(3600),
        }
    }

    #[test]
    fn what_is_kept_is_there_for_the_next_and_a_second_one_is_told() {
        let temp = tempfile::tempdir().unwrap();
        let log = log(temp.path());
        let dir = temp.path().join("a/b");
        let config = config(&[("state_dir", dir.to_str().unwrap())]);
        let (mut first, nothing) = State::open(&config, "a:1", &log);
        assert!(nothing.is_empty() && !dir.exists(), "nothing is made before there is something to keep");
        first.keep(&[], Time::START, &log);
        assert!(!dir.exists());
        first.keep(&[suspect()], Time::START, &log);
        let (mut second, nothing) = State::open(&config, "a:1", &log);
        assert_eq!(nothing, []);
        second.keep(&[suspect(), suspect()], Time::START, &log);
        drop(first);
        let (mut third, found) = State::open(&config, "a:1", &log);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].deaths, &found[0].at_work), (2, &suspect().at_work));
        third.keep(&[], Time::START, &log);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        insta::assert_snapshot!(logged(temp.path()), @"WARN DIR/a/b is another driver's, of the same name and job servers: the deaths of jobs that this one counts end with it; give it a --name of its own, or choose another directory with --state-dir, `off` for none");
    }

    #[test]
    fn a_broken_file_is_told_and_taken_for_empty() {
        let temp = tempfile::tempdir().unwrap();
        let log = log(temp.path());
        let config = config(&[("state_dir", temp.path().to_str().unwrap())]);
        for text in ["", "{\"version\":1", "\0\0"] {
            fs::write(temp.path().join(FILE), text).unwrap();
            assert_eq!(State::open(&config, "a:1", &log).1, []);
        }
        assert_eq!(logged(temp.path()).matches("WARN DIR/suspects.json is not understood").count(), 3);
    }

    #[test]
    fn what_cannot_be_kept_is_told_once() {
        let temp = tempfile::tempdir().unwrap();
        let log = log(temp.path());
        fs::write(temp.path().join("file"), "").unwrap();
        let dir = temp.path().join("file/sub");
        let (mut state, _) = State::open(&config(&[("state_dir", dir.to_str().unwrap())]), "a:1", &log);
        for _ in 0..3 {
            state.keep(&[suspect()], Time::START, &log);
        }
        insta::assert_snapshot!(logged(temp.path()), @"WARN the deaths of jobs can't be kept in DIR/file/sub: Not a directory (os error 20); choose another directory with --state-dir, `off` for none");
        // It is tried again, and kept when that goes well.
        let due = state.next_try().unwrap();
        fs::remove_file(temp.path().join("file")).unwrap();
        state.try_again(Time::START, &log);
        assert!(!dir.exists(), "not before its time");
        state.try_again(due, &log);
        assert!(dir.join(FILE).exists());
        assert_eq!(state.next_try(), None);
    }

    #[test]
    fn the_directory_is_the_drivers_own() {
        let find = |options: &[(&str, &str)], variables: &[(&str, &str)]| {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            directory(&config(options), "a:4730", variable).map(|dir| dir.display().to_string())
        };
        let own = "driver-dc1394d0068f8c8c";
        assert_eq!(find(&[], &[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), Some(format!("/s/gearman-driver/{own}")));
        assert_eq!(find(&[], &[("STATE_DIRECTORY", "/x:/y"), ("XDG_STATE_HOME", "/s")]), Some(format!("/x/{own}")));
        let named = find(&[("name", "blue")], &[("XDG_STATE_HOME", "/s")]).unwrap();
        assert!(named.starts_with("/s/gearman-driver/blue-"), "{named}");
        let root = nix::unistd::geteuid().is_root();
        let expected = if root { "/var/lib/gearman-driver" } else { "/h/.local/state/gearman-driver" };
        assert_eq!(find(&[], &[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]), Some(format!("{expected}/{own}")));
        assert_eq!(find(&[("state_dir", "d")], &[("XDG_STATE_HOME", "/s")]), Some("d".to_owned()));
        assert_eq!(find(&[("state_dir", "off")], &[("XDG_STATE_HOME", "/s")]), None);
    }
}
