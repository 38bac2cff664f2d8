//! A driver: supervisor, host and worker processes, all of this executable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::{Console, Farm, Proc, inhabitants, look};
use gearman_testkit::eventually_or;
use nix::sys::signal::Signal;

use crate::evidence::Span;
use crate::note::now;
use crate::workers;
use crate::world::{Claim, World, lock};

/// So long processes of a driver that has ended may stay: killed supervisors leave some that finish their jobs, of which
/// some hang for 12 s, and take 5 s to say goodbye to a job server that is frozen.
const LEAVING: Duration = Duration::from_secs(30);
/// Its configuration. Empty at first: the console's `save` writes into it.
const CONFIG: &str = "chaos.toml";

/// How a driver is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The console's `shutdown`.
    Console,
    Term,
    /// At once: its processes are killed.
    Quit,
}

/// A driver, started again and again in the same folder.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) claim: Claim,
    pub(crate) index: u8,
    dir: PathBuf,
    console_port: u16,
    up: AtomicBool,
    farm: Mutex<Farm>,
}

impl Driver {
    /// Starts it in a folder of its own below `dir`.
    pub(crate) fn start(index: u8, servers: &str, dir: &Path) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let farm = Farm::of(&program.display().to_string(), servers)
            .args("--interval 0.5 --max-idle-time 1s --shutdown-timeout 25s --loglevel DEBUG --configfile")
            .arg(CONFIG)
            .file(CONFIG, "")
            .env(workers::NOTES, World::notes(dir).display().to_string())
            .env(workers::DRIVER, index.to_string())
            .within(dir)
            .start();
        Self {
            claim: Claim::default(),
            index,
            dir: farm.dir().to_owned(),
            console_port: farm.console_port(),
            up: AtomicBool::new(true),
            farm: Mutex::new(farm),
        }
    }

    /// Whether it is neither being ended nor being started.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::SeqCst)
    }

    /// Its processes whose title contains this; also those that a dead supervisor has left.
    pub(crate) fn processes(&self, title: &str) -> Vec<Proc> {
        inhabitants(&self.dir).into_iter().filter_map(look).filter(|process| process.title.contains(title)).collect()
    }

    /// Lines of its log, and of what it said elsewhere, that contain this.
    pub(crate) fn said(&self, text: &str) -> Vec<String> {
        let read = |name| fs::read(self.dir.join(name)).unwrap_or_default();
        let said = ["driver.log", "stderr", "stdout"].map(read).concat();
        String::from_utf8_lossy(&said).lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// Gives its console a command; the answer's lines, and how long they took.
    pub(crate) fn ask(&self, command: &str) -> io::Result<(Vec<String>, Duration)> {
        let mut console = Console::connect(self.console_port)?;
        let start = Instant::now();
        let lines = console.try_ask(command)?;
        Ok((lines, start.elapsed()))
    }

    /// HUP to its supervisor.
    pub(crate) fn hang_up(&self) {
        lock(&self.farm).signal(Signal::SIGHUP);
    }

    /// Kills its supervisor, starts the driver again, and waits until the processes that were left have gone. From when
    /// until when there was none.
    ///
    /// # Panics
    /// When they don't go, or the driver does not start.
    pub(crate) fn kill_and_start(&self) -> (u8, Span) {
        let mut farm = lock(&self.farm);
        self.up.store(false, Ordering::SeqCst);
        let from = now();
        farm.signal(Signal::SIGKILL);
        farm.wait_exit();
        let left = inhabitants(&self.dir);
        farm.start_again();
        self.up.store(true, Ordering::SeqCst);
        let span = Span { from, until: now() };
        drop(farm);
        self.wait_gone(&left);
        (self.index, span)
    }

    /// Asks it to end, waits until it has, and starts it again `pause` later. From when until when it ended.
    ///
    /// # Panics
    /// When it does not end with code 0, or a process of it is left.
    pub(crate) fn end_and_start(&self, how: Ending, pause: Duration) -> (u8, Span) {
        let mut farm = lock(&self.farm);
        let from = now();
        self.end_as(&mut farm, how);
        let span = Span { from, until: now() };
        std::thread::sleep(pause);
        farm.start_again();
        self.up.store(true, Ordering::SeqCst);
        (self.index, span)
    }

    /// Asks it to end for good.
    ///
    /// # Panics
    /// When it does not end with code 0, or a process of it is left.
    pub(crate) fn end(&self) {
        self.end_as(&mut lock(&self.farm), Ending::Term);
    }

    fn end_as(&self, farm: &mut Farm, how: Ending) {
        self.up.store(false, Ordering::SeqCst);
        match how {
            Ending::Console => {
                let answer = self.ask("shutdown").map(|(lines, _)| lines);
                assert!(answer.as_ref().is_ok_and(|lines| lines == &["OK"]), "shutdown of {}: {answer:?}", self.index);
            }
            Ending::Term => farm.signal(Signal::SIGTERM),
            Ending::Quit => farm.signal(Signal::SIGQUIT),
        }
        let status = farm.wait_exit();
        assert!(status.success(), "driver {} ended with {status}, see {}", self.index, self.dir.display());
        self.wait_gone(&inhabitants(&self.dir));
    }

    fn wait_gone(&self, processes: &[u32]) {
        let left = || -> Vec<u32> {
            let here = inhabitants(&self.dir);
            processes.iter().copied().filter(|process| here.contains(process)).collect()
        };
        eventually_or(
            &format!("processes that driver {} had left are gone", self.index),
            LEAVING,
            || left().is_empty().then_some(()),
            || format!("{:?}", left().into_iter().filter_map(look).collect::<Vec<_>>()),
        );
    }
}
