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

/// The proportional set size of a process, in KiB: its own pages, and its share of those that it has in
/// common with others.
pub(crate) fn pss_kib(pid: u32) -> Result<u64, Failure> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&file).map_err(|error| Failure::new(format!("{file}: {error}")))?;
    pss(&text).ok_or_else(|| Failure::new(format!("{file}: no Pss in it")))
}

fn pss(smaps_rollup: &str) -> Option<u64> {
    let rest = smaps_rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(on_cpu("123456 78 9\n"), Some(123_456));
        assert_eq!(on_cpu(""), None);
        assert_eq!(pss("Rss:  9 kB\nPss:            1204 kB\nPss_Dirty: 1 kB\n"), Some(1204));
        assert_eq!(pss("Rss: 9 kB\n"), None);
    }

    #[test]
    fn our_own_process_has_used_some() {
        let own = std::process::id();
        assert!(cpu_of_all(&[own]).unwrap() > Duration::ZERO);
        assert!(pss_kib(own).unwrap() > 0);
        assert!(cpu(u32::MAX).is_err());
    }
}
