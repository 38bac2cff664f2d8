//! Processes of this machine, as /proc shows them.

use std::fs;
use std::path::Path;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proc {
    /// Its PID.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// One letter: R, S, D, T, Z, ..
    pub state: char,
    /// Its title: arguments, joined by spaces.
    pub title: String,
}

/// The process of this PID, a zombie too.
#[must_use]
pub fn look(pid: u32) -> Option<Proc> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let title = String::from_utf8_lossy(&title).replace('\0', " ").trim_end().to_owned();
    Some(Proc { pid, parent, state, title })
}

/// All processes below `pid`, zombies too.
#[must_use]
pub fn descendants(pid: u32) -> Vec<Proc> {
    let all: Vec<Proc> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| look(entry.file_name().to_str()?.parse().ok()?))
        .collect();
    let mut below: Vec<Proc> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|child| child.parent == parent) {
            parents.push(child.pid);
            below.push(child.clone());
        }
    }
    below
}

/// The PIDs of the processes that run in that directory, whoever their parent is by now.
#[must_use]
pub fn inhabitants(dir: &Path) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let here = all.filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == dir));
    here.filter_map(|process| process.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a process runs (a zombie does not).
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    look(pid).is_some_and(|process| process.state != 'Z')
}
