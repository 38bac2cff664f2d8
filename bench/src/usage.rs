//! What a process has used so far, as the kernel counts it.

use std::fs;
use std::time::Duration;

use crate::Failure;

/// The CPU time of a process: all its threads that are alive.
///
/// From `schedstat`, which counts nanoseconds; `stat` counts ticks of 10 ms, too coarse for one run.
pub(crate) fn cpu(pid: u32) -> Result<Duration, Failure> {
    let gone = |error| Failure::new(format!("process {pid}: {error}"));
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).map_err(gone)? {
        let file = task.map_err(gone)?.path().join("schedstat");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            // A thread may end between the listing and this.
            Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => continue,
            Err(error) => {
                return Err(Failure::new(format!("{}: {error}", file.display())));
            }
        };
        nanoseconds +=
            on_cpu(&text).ok_or_else(|| Failure::new(format!("{}: unexpected: {text:?}", file.display())))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The CPU time of several processes.
pub(crate) fn cpu_of_all(pids: &[u32]) -> Result<Duration, Failure> {
    pids.iter().map(|pid| cpu(*pid)).sum()
}

/// `NANOSECONDS_ON_CPU NANOSECONDS_WAITING SLICES`
fn on_cpu(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// The memory of a process, in KiB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Memory {
    /// What ends with it: pages that no other process has mapped.
    pub(crate) unique: u64,
    /// Its own pages, and its share of those that it has in common with others (PSS).
    pub(crate) share: u64,
    /// Its page tables, which no page counts.
    pub(crate) page_tables: u64,
}

/// The memory of a process.
pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let smaps_rollup = read(pid, "smaps_rollup")?;
    let status = read(pid, "status")?;
    let field = |text: &str, name| {
        kib(text, name).ok_or_else(|| Failure::new(format!("process {pid}: the kernel says nothing of {name}")))
    };
    Ok(Memory {
        unique: field(&smaps_rollup, "Private_Clean")? + field(&smaps_rollup, "Private_Dirty")?,
        share: field(&smaps_rollup, "Pss")?,
        page_tables: field(&status, "VmPTE")?,
    })
}

/// The mappings of a process that have unique pages: what is mapped, KiB, the largest first.
pub(crate) fn unique_by_mapping(pid: u32) -> Result<Vec<(String, u64)>, Failure> {
    let mut found = by_mapping(&read(pid, "smaps")?);
    found.sort_by_key(|(_, unique)| std::cmp::Reverse(*unique));
    Ok(found)
}

fn by_mapping(smaps: &str) -> Vec<(String, u64)> {
    let mut found: Vec<(String, u64)> = Vec::new();
    let mut mapping = "";
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Private_Clean:" | "Private_Dirty:"), Some(unique)) => {
                let unique = unique.parse().unwrap_or(0);
                match found.iter_mut().find(|(name, _)| name == mapping) {
                    _ if unique == 0 => {}
                    Some((_, sum)) => *sum += unique,
                    None => found.push((mapping.to_owned(), unique)),
                }
            }
            // ADDRESSES PERMISSIONS OFFSET DEVICE INODE NAME
            (Some(first), Some(_)) if !first.ends_with(':') => {
                mapping = words.nth(3).map_or("anonymous", |name| name.rsplit('/').next().unwrap_or(name));
            }
            _ => {}
        }
    }
    found
}

/// The processes that a process has started and not reaped yet.
pub(crate) fn children(pid: u32) -> Result<Vec<u32>, Failure> {
    let gone = |error| Failure::new(format!("process {pid}: {error}"));
    let mut children = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).map_err(gone)? {
        // A thread may end between the listing and this.
        let text = fs::read_to_string(task.map_err(gone)?.path().join("children")).unwrap_or_default();
        children.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(children)
}

fn read(pid: u32, file: &str) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(|error| Failure::new(format!("{path}: {error}")))
}

/// The line `NAME: N kB`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(on_cpu("123456 78 9\n"), Some(123_456));
        assert_eq!(on_cpu(""), None);
        assert_eq!(kib("Rss:  9 kB\nPss_Dirty: 1 kB\nPss:            1204 kB\n", "Pss"), Some(1204));
        assert_eq!(kib("Rss: 9 kB\n", "Pss"), None);
    }

    #[test]
    fn unique_pages_are_summed_by_what_is_mapped() {
        let smaps = "\
7f00-7f10 r-xp 00000000 08:01 77   /lib/libc.so.6\nPrivate_Clean:         0 kB\nPrivate_Dirty:         0 kB\n\
7f10-7f20 rw-p 00001000 08:01 77   /lib/libc.so.6\nPrivate_Clean:         4 kB\nPrivate_Dirty:         8 kB\n\
7f20-7f30 rw-p 00000000 00:00 0 \nPrivate_Clean:         0 kB\nPrivate_Dirty:         4 kB\nVmFlags: rd wr\n\
7f30-7f40 rw-p 00002000 08:01 77   /lib/libc.so.6\nPrivate_Dirty:         4 kB\n";
        assert_eq!(by_mapping(smaps), [("libc.so.6".to_owned(), 16), ("anonymous".to_owned(), 4)]);
    }

    #[test]
    fn our_own_process_has_used_some() {
        let own = std::process::id();
        assert!(cpu_of_all(&[own]).unwrap() > Duration::ZERO);
        let memory = memory(own).unwrap();
        assert!(memory.unique > 0 && memory.share >= memory.unique && memory.page_tables > 0, "{memory:?}");
        assert!(cpu(u32::MAX).is_err());
    }
}
