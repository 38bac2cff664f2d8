//! This process's line in `/proc/self/stat`, read into the stack: this is done before each fork and in each worker process,
//! where what lies in the heap is to stay shared. For the same reason no more is read than is asked for.

use std::io::{self, Read};

/// How many threads this process has; `None` where the kernel's file is unknown.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn threads() -> io::Result<Option<usize>> {
    Ok(Stat::<384>::read()?.number(20))
}

/// The line, or its first `BYTES` bytes. All of it has some fifty numbers.
pub(crate) struct Stat<const BYTES: usize> {
    line: [u8; BYTES],
    length: usize,
}

impl<const BYTES: usize> Stat<BYTES> {
    pub(crate) fn read() -> io::Result<Self> {
        let mut line = [0; BYTES];
        // The kernel gives all that there is room for at once.
        let length = std::fs::File::open("/proc/self/stat")?.read(&mut line)?;
        Ok(Self { line, length })
    }

    /// A field by its number in proc(5). The second, the name, may hold spaces; so counting begins behind its bracket.
    pub(crate) fn number(&self, field: usize) -> Option<usize> {
        let line = &self.line[..self.length];
        let begin = line.iter().rposition(|byte| *byte == b')')? + 1;
        // Only what white space ends is whole.
        let end = line.iter().rposition(u8::is_ascii_whitespace)?;
        let text = std::str::from_utf8(line.get(begin..end)?).ok()?;
        text.split_ascii_whitespace().nth(field - 3)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_proc_5() {
        let stat = Stat::<2048>::read().unwrap();
        assert_eq!(stat.line[stat.length - 1], b'\n', "the line is whole");
        assert_eq!(stat.number(4), Some(std::os::unix::process::parent_id() as usize));
        assert_eq!(stat.number(1000), None);
        let listed = std::fs::read_dir("/proc/self/task").unwrap().count();
        // The harness may have started or joined one in between.
        assert!(threads().unwrap().unwrap().abs_diff(listed) <= 1, "{listed}");
    }

    #[test]
    fn a_number_that_was_cut_is_none() {
        let mut stat = Stat { line: *b"7 (a) b) S 1 23", length: 15 };
        assert_eq!((stat.number(4), stat.number(5)), (Some(1), None));
        stat.line[14] = b' ';
        assert_eq!(stat.number(5), Some(2));
    }
}
