//! The generations of worker code: which executable and which configuration each was started with.
//!
//! The first is this very executable with the configuration of the start. A reload makes the next, of what is on disk then:
//! the executable that the driver was started by, looked up anew by its path, so that a symlink that was changed counts. It
//! is kept open, so that a host that is replaced later runs the same code, whatever stands on disk by then.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gearman_driver_core::config::Config;
use gearman_driver_wire::program::ProgramConfiguration;
use gearman_protocol::ServerList;

use crate::{HostCommand, Reconfigure};

/// One generation.
pub(crate) struct Generation {
    pub(crate) config: Config,
    pub(crate) servers: ServerList,
    /// The worker types that its host has loaded, sorted.
    pub(crate) workers: Arc<[String]>,
    /// `None`: this very executable.
    executable: Option<File>,
}

/// Those that are in force or may be again, and the way to the next.
pub(crate) struct Generations {
    known: BTreeMap<u32, Generation>,
    /// The executable of the one that is being made.
    next: Option<(u32, File)>,
    in_force: u32,
    reconfigure: Option<Reconfigure>,
}

/// The generation of the start.
pub(crate) const FIRST: u32 = 1;

impl Generations {
    pub(crate) fn new(config: Config, servers: ServerList, reconfigure: Option<Reconfigure>) -> Self {
        let first = Generation { config, servers, workers: Arc::default(), executable: None };
        Self { known: BTreeMap::from([(FIRST, first)]), next: None, in_force: FIRST, reconfigure }
    }

    /// What a host of a generation executes; what is on disk now where that is a new one.
    ///
    /// # Errors
    /// What is on disk can't be opened; one sentence for people.
    pub(crate) fn executable(&mut self, generation: u32, command: &HostCommand) -> Result<PathBuf, String> {
        let file = match self.known.get(&generation) {
            Some(generation) => generation.executable.as_ref(),
            None => {
                let path = &command.program;
                let file = File::open(path).map_err(|error| {
                    format!(
                        "the executable {} can't be opened: {error}; was the driver started by another path?",
                        path.display()
                    )
                })?;
                Some(&self.next.insert((generation, file)).1)
            }
        };
        Ok(match file {
            None => PathBuf::from("/proc/self/exe"),
            // Resolved by the child, before its descriptors are closed.
            Some(file) => PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
        })
    }

    /// Makes a new generation of what its program says, of the files and the environment as they are now.
    ///
    /// # Errors
    /// They can't be used; one sentence for people.
    pub(crate) fn make(&mut self, generation: u32, program: &ProgramConfiguration) -> Result<(), String> {
        let Some((_, executable)) = self.next.take_if(|(next, _)| *next == generation) else {
            return Err(format!("its host was not asked what generation {generation} is"));
        };
        let current = self.in_force();
        let (config, servers) = match &self.reconfigure {
            Some(reconfigure) => reconfigure(program)?,
            None => (current.config.clone(), current.servers.clone()),
        };
        // The job server inside stays where it is; its port may be one that was free at the start.
        let servers = if config.embedded_server { current.servers.clone() } else { servers };
        let made = Generation { config, servers, workers: Arc::default(), executable: Some(executable) };
        self.known.insert(generation, made);
        Ok(())
    }

    /// The generation in force.
    pub(crate) fn in_force(&self) -> &Generation {
        &self.known[&self.in_force]
    }

    pub(crate) fn get(&self, generation: u32) -> Option<&Generation> {
        self.known.get(&generation)
    }

    pub(crate) fn get_mut(&mut self, generation: u32) -> Option<&mut Generation> {
        self.known.get_mut(&generation)
    }

    /// Another one is in force from now on. The one before; `None` where nothing changes.
    pub(crate) fn put_in_force(&mut self, generation: u32) -> Option<&Generation> {
        if generation == self.in_force || !self.known.contains_key(&generation) {
            return None;
        }
        let before = std::mem::replace(&mut self.in_force, generation);
        self.known.get(&before)
    }

    /// Lets those go that nothing needs: not in force, and no host of theirs is there.
    pub(crate) fn keep(&mut self, needed: impl Fn(u32) -> bool) {
        let in_force = self.in_force;
        self.known.retain(|generation, _| *generation == in_force || needed(*generation));
    }
}

/// What a reload executes: what `argv[0]` named at the start, as an absolute path; the running executable's own path where
/// that is another program (`exec -a`).
pub(crate) fn program(argv0: &OsStr) -> PathBuf {
    let running = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    named(argv0).filter(|path| is_same(path, &running).unwrap_or(false)).unwrap_or(running)
}

fn named(argv0: &OsStr) -> Option<PathBuf> {
    let path = Path::new(argv0);
    if path.components().count() > 1 {
        return std::path::absolute(path).ok();
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let found = folders.into_iter().map(|folder| folder.join(path)).find(|path| path.is_file())?;
    std::path::absolute(found).ok()
}

fn is_same(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (std::fs::metadata(a)?, std::fs::metadata(b)?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

impl HostCommand {
    /// The command that this process was started with; to be called before the working directory changes.
    pub fn of_this_process() -> Self {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let program = program(arguments.first().map_or(OsStr::new(""), OsString::as_os_str));
        Self { arguments, program }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_executes_what_the_driver_was_started_by() {
        let running = std::env::current_exe().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("current");
        std::os::unix::fs::symlink(&running, &link).unwrap();
        assert_eq!(program(link.as_os_str()), link, "the symlink, which may lead elsewhere by then");
        assert_eq!(program(OsStr::new("no-such-program-anywhere")), running);
        assert_eq!(program(OsStr::new("/bin/sh")), running, "another program's name");
    }
}
