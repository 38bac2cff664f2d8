//! Starts a program so that it ends with the test process, however that ends.
//!
//! The kernel can send a signal when a parent is gone (PR_SET_PDEATHSIG), but setting it between fork and exec takes
//! unsafe code; `setpriv` of util-linux does it for us and then becomes the program, keeping the PID. That signal
//! follows the *thread* that forked, and test threads end early, so one thread that lasts does all the starting.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{LazyLock, Mutex, PoisonError, mpsc};
use std::thread;

type Order = (Command, mpsc::Sender<io::Result<Child>>);

static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    thread::Builder::new()
        .name("testkit-spawner".to_owned())
        .spawn(move || {
            for (mut command, answer) in inbox {
                // Nobody waits any more only when the test has panicked meanwhile; PDEATHSIG then ends the child.
                let _ = answer.send(command.spawn());
            }
        })
        .expect("a test process can start a thread");
    Mutex::new(orders)
});

/// A command that runs `program` and is killed when this process ends (where `setpriv` is there).
pub(crate) fn command_that_dies_with_us(program: &Path) -> Command {
    match find_program("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Starts `command` from the thread that lasts as long as this process.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let (answer, outcome) = mpsc::channel();
    SPAWNER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, answer))
        .map_err(|_| io::Error::other("the spawner thread has ended"))?;
    outcome.recv().map_err(|_| io::Error::other("the spawner thread has ended"))?
}

/// Looks for `name` in PATH, and where system programs are (often not in a user's PATH).
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(OsStr::new(name)))
        .find(|candidate| candidate.is_file())
}
