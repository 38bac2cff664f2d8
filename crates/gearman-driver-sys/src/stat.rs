//! This process's line in `/proc/self/stat`.

use std::io::{self, Read};

/// More than the longest line: some fifty numbers.
const LINE: usize = 1536;

/// The line. It is read into the stack: this is done before each fork and in each worker process, where what lies in the
/// heap is to stay shared.
pub(crate) struct Stat {
    line: [u8; LINE],
    length: usize,
}

impl Stat {
    pub(crate) fn read() -> io::Result<Self> {
        let mut stat = Self { line: [0; LINE], length: 0 };
        // The kernel gives it all at once.
        stat.length = std::fs::File::open("/proc/self/stat")?.read(&mut stat.line)?;
        Ok(stat)
    }

    /// A field by its number in proc(5). The second, the name, may hold spaces; so counting begins behind its bracket.
    pub(crate) fn number(&self, field: usize) -> Option<usize> {
        let line = &self.line[..self.length];
        let name_end = line.iter().rposition(|byte| *byte == b')')?;
        let text = std::str::from_utf8(&line[name_end + 1..]).ok()?;
        text.split_ascii_whitespace().nth(field - 3)?.parse().ok()
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> Option<usize> {
        self.number(20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_proc_5() {
        let stat = Stat::read().unwrap();
        assert!(stat.length < LINE && stat.line[stat.length - 1] == b'\n', "the line is whole");
        assert_eq!(stat.number(4), Some(std::os::unix::process::parent_id() as usize));
        let listed = std::fs::read_dir("/proc/self/task").unwrap().count();
        // The harness may have started or joined one in between.
        assert!(stat.threads().unwrap().abs_diff(listed) <= 1, "{listed}");
        assert_eq!(stat.number(1000), None);
    }
}
