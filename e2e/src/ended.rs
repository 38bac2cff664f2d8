//! A driver that is to end by itself: with a message, or with what was asked for.

use std::fs;
use std::path::Path;
use std::time::Duration;

use gearman_testkit::eventually;

use crate::{FarmBuilder, inhabitants};

/// What is left of a driver that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
    /// Files that it has left in the folder that it ran in, sorted; those of the test are not counted.
    pub files: Vec<String>,
    /// What it has left in the folder for run-time files.
    pub runtime: Vec<String>,
}

/// Made by the test, not by the driver.
const OURS: [&str; 3] = ["run", "stderr", "stdout"];

impl FarmBuilder {
    /// Runs the driver until it has ended, and all its processes with it.
    ///
    /// The folder for run-time files is one of its own, so that what is left in it is seen.
    #[must_use]
    pub fn run_to_end(self) -> Ended {
        let before: Vec<String> = self.files().map(str::to_owned).collect();
        let mut farm = self.file("run/.keep", "").env("XDG_RUNTIME_DIR", "run").start_unwatched();
        let status = farm.wait_exit();
        // Also those that lost their parent: they are known by the folder that they run in.
        eventually("no process of the driver is left", Duration::from_secs(10), || {
            inhabitants(farm.dir()).is_empty().then_some(())
        });
        let mut files = names(farm.dir());
        files.retain(|name| !OURS.contains(&name.as_str()) && !before.contains(name));
        let mut runtime = names(&farm.dir().join("run"));
        runtime.retain(|name| name != ".keep");
        Ended { code: status.code(), stdout: farm.stdout(), stderr: farm.stderr(), files, runtime }
    }
}

impl Ended {
    /// Exit code and standard error, for a snapshot; asserts that nothing was said elsewhere, and nothing is left.
    #[must_use]
    pub fn refusal(&self) -> String {
        assert_eq!(self.stdout, "", "{self:?}");
        assert_eq!(self.files, [""; 0], "{self:?}");
        self.refusal_with_files()
    }

    /// As [`Ended::refusal`], where files may be left in its folder.
    #[must_use]
    pub fn refusal_with_files(&self) -> String {
        assert_eq!(self.runtime, [""; 0], "{self:?}");
        let code = self.code.map_or("a signal".to_owned(), |code| code.to_string());
        format!("{}exit code {code}", self.stderr)
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
