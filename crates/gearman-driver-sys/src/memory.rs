//! The memory of a process.

use std::io::{self, Read};
use std::path::Path;

/// More than `smaps_rollup` holds: some twenty lines.
const ROLLUP: usize = 4096;

/// The bytes of memory that this process shares with no other: what its end would give back.
///
/// The kernel walks through all of its pages for the answer: some 10 µs for a small process, milliseconds for one of
/// hundreds of megabytes.
///
/// # Errors
/// When `/proc/self/smaps_rollup` cannot be read, or is not what it should be.
pub fn unique() -> io::Result<u64> {
    read("/proc/self/smaps_rollup".as_ref())
}

/// As [`unique`], of another process.
///
/// # Errors
/// When its `smaps_rollup` cannot be read (it has ended, or is not this user's to ask), or is not what it should be.
pub fn unique_of(pid: u32) -> io::Result<u64> {
    read(format!("/proc/{pid}/smaps_rollup").as_ref())
}

/// What the limits `as` and `data` are compared with: the bytes of this process's address space, and those of them that are
/// private and writable, its stack included.
///
/// # Errors
/// When `/proc/self/statm` cannot be read, or is not what it should be.
pub fn address_space() -> io::Result<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.and_then(|bytes| u64::try_from(bytes).ok());
    let pages = |field| text.split_ascii_whitespace().nth(field)?.parse::<u64>().ok();
    let bytes = |field| Some(pages(field)? * page?);
    bytes(0).zip(bytes(5)).ok_or_else(|| io::Error::other("/proc/self/statm has not its seven numbers"))
}

fn read(path: &Path) -> io::Result<u64> {
    // Into the stack, so that measuring does not change what is measured.
    let mut rollup = [0; ROLLUP];
    let mut file = std::fs::File::open(path)?;
    let mut length = 0;
    while length < ROLLUP {
        match file.read(&mut rollup[length..])? {
            0 => break,
            n => length += n,
        }
    }
    parse(&String::from_utf8_lossy(&rollup[..length]))
        .ok_or_else(|| io::Error::other(format!("{} has no Private_Clean and Private_Dirty", path.display())))
}

/// The sum of the two lines, which are in kB (KiB in truth).
fn parse(rollup: &str) -> Option<u64> {
    let kib = |name: &str| -> Option<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some((kib("Private_Clean:")? + kib("Private_Dirty:")?) << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_and_written_is_counted() {
        let before = unique().unwrap();
        let block = vec![1_u8; 32 << 20];
        let after = unique().unwrap();
        assert!(std::hint::black_box(&block).iter().all(|byte| *byte == 1));
        // Other tests of this process allocate and free meanwhile, but less than that.
        assert!(after > before + (24 << 20), "{before} {after}");
    }

    #[test]
    fn another_process_is_asked_by_its_pid() {
        assert!(unique_of(std::process::id()).unwrap() > 10_000);
        assert!(unique_of(0).is_err());
    }

    #[test]
    fn the_address_space_grows_with_what_is_mapped() {
        let (all, data) = address_space().unwrap();
        assert!(data > 0 && all > data);
        let block = vec![1_u8; 64 << 20];
        let (all_then, data_then) = address_space().unwrap();
        assert_eq!(std::hint::black_box(&block)[0], 1);
        assert!(all_then > all && data_then > data);
    }

    #[test]
    fn a_rollup_without_the_two_lines_is_none() {
        assert_eq!(parse("Rss: 4 kB\nPrivate_Clean:   8 kB\nPrivate_Dirty:\t12 kB\n"), Some(20 << 10));
        assert_eq!(parse("Rss: 4 kB\n"), None);
        assert_eq!(parse("Private_Clean: x kB\nPrivate_Dirty: 1 kB\n"), None);
    }
}
