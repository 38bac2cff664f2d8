//! Huge pages for what a host has loaded, so that a fork copies few page tables.
//!
//! With 200 MB in pages of 4 KiB, most of a fork's time goes into copying 100,000 page table entries.

use std::io;
use std::ops::Range;

/// The size of a huge page on the machines that we run on.
const HUGE: usize = 2 << 20;

/// What [`collapse`] did.
#[derive(Debug, Default)]
pub struct Collapsed {
    /// Bytes that are in huge pages now.
    pub bytes: usize,
    /// Why the kernel refused a region, the first time that it did.
    pub refused: Option<io::Error>,
}

/// Collapses each private anonymous region of 2 MiB or more that is mostly resident.
///
/// # Errors
/// When `/proc/self/smaps` cannot be read.
pub fn collapse() -> io::Result<Collapsed> {
    let mut done = Collapsed::default();
    for region in candidates(&std::fs::read_to_string("/proc/self/smaps")?) {
        let length = region.len();
        // SAFETY: MADV_COLLAPSE changes how pages are mapped and nothing that a program can see; the region is this
        // process's own, and a region that is gone by now is refused with ENOMEM.
        let result = unsafe { libc::madvise(region.start as *mut libc::c_void, length, libc::MADV_COLLAPSE) };
        if result == 0 {
            done.bytes += length;
        } else {
            done.refused.get_or_insert_with(io::Error::last_os_error);
        }
    }
    Ok(done)
}

/// The parts of the address space that are worth it: private, writable, anonymous, whole huge pages, and half resident
/// at the least, since the rest is filled with zeros.
fn candidates(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut region = None;
    for line in smaps.lines() {
        let Some((name, value)) = line.split_once(':').filter(|(name, _)| !name.contains(' ')) else {
            region = private_anonymous(line);
            continue;
        };
        if name == "Rss"
            && let Some(range) = region.take()
            && let Some(kib) = value.trim().strip_suffix(" kB").and_then(|kib| kib.parse::<usize>().ok())
        {
            let whole = range.start.next_multiple_of(HUGE)..range.end / HUGE * HUGE;
            if whole.len() >= HUGE && kib * 1024 * 2 >= range.len() {
                found.push(whole);
            }
        }
    }
    found
}

/// Reads the first line of a region: `7f0000000000-7f0010000000 rw-p 00000000 00:00 0  [heap]`.
fn private_anonymous(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let (permissions, _offset, _device, inode) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let name = words.next().unwrap_or("");
    let anonymous = inode == "0" && (name.is_empty() || name == "[heap]" || name.starts_with("[anon:"));
    if permissions != "rw-p" || !anonymous {
        return None;
    }
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_private_anonymous_resident_regions_are_candidates() {
        let smaps = "\
7f0000100000-7f0001000000 rw-p 00000000 00:00 0 \nSize: 15360 kB\nRss:            15000 kB\n\
7f0010000000-7f0011000000 rw-p 00000000 00:00 0 \nSize: 16384 kB\nRss:             4000 kB\n\
7f0020000000-7f0021000000 r--p 00000000 08:01 77 /lib/x.so\nRss:            16384 kB\n\
7f0030000000-7f0031000000 rw-s 00000000 00:01 5 /memfd:x\nRss:            16384 kB\n\
7f0040000000-7f0040100000 rw-p 00000000 00:00 0 \nRss:             1024 kB\n\
7f0050000000-7f0050400000 rw-p 00000000 00:00 0   [heap]\nRss:             4096 kB\n\
7ffc00000000-7ffc00800000 rw-p 00000000 00:00 0   [stack]\nRss:             8192 kB\n";
        assert_eq!(candidates(smaps), [0x7f00_0020_0000..0x7f00_0100_0000, 0x7f00_5000_0000..0x7f00_5040_0000]);
    }

    #[test]
    fn what_is_collapsed_keeps_its_content() {
        let data: Vec<u32> = (0..4 << 20).collect();
        let done = collapse().unwrap();
        assert!(done.bytes > 0 || done.refused.is_some(), "16 MiB are resident");
        assert!(data.iter().enumerate().all(|(i, n)| i == *n as usize));
    }
}
