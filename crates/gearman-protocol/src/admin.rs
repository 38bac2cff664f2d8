//! The admin text of a job server, without I/O: lines, and the rows of `status` and `workers`.
//!
//! An [`AdminReader`] cuts an answer into lines up to its closing dot. Which command is asked, and how long to wait for
//! the answer, is left to the caller.

/// Cuts the bytes of an answer into lines. LF and CRLF both end one.
#[derive(Debug)]
pub struct AdminReader {
    limit: usize,
    buffer: Vec<u8>,
    /// Where in `buffer` the first line begins that was not given out yet.
    start: usize,
    /// Up to here no line end was found.
    searched: usize,
    /// Bytes of the present answer that were given out.
    given: usize,
}

/// What [`AdminReader::next_line`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminLine {
    /// A line, without its end; bytes that are no UTF-8 are replaced.
    Row(String),
    /// The lone dot that closes the answers of `status`, `workers` and `show`. What follows is the next answer.
    End,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// An answer is longer than the reader's limit.
    #[error("the job server's answer is longer than {limit} bytes: raise the limit, or drop unused functions")]
    OverLimit {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The job server refused the command.
    #[error("the job server refused the command: {line}")]
    Refused {
        /// Its line, which begins with `ERR`.
        line: String,
    },
    /// A row has not the columns that it should have.
    #[error("expected a row `{expected}`, got {line:?}")]
    Malformed {
        /// The form of the row.
        expected: &'static str,
        /// The line that came.
        line: String,
    },
}

impl AdminReader {
    /// A reader of answers of at most `limit_bytes` each.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit: limit_bytes, buffer: Vec::new(), start: 0, searched: 0, given: 0 }
    }

    /// Takes bytes as they come from the job server.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next line, or `None` until more bytes have come.
    ///
    /// # Errors
    /// [`AdminError::OverLimit`] when the answer is too long. The connection is then best closed.
    pub fn next_line(&mut self) -> Result<Option<AdminLine>, AdminError> {
        let Some(at) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') else {
            self.searched = self.buffer.len();
            self.check_limit(self.buffer.len() - self.start)?;
            return Ok(None);
        };
        let end = self.searched + at;
        self.check_limit(end + 1 - self.start)?;
        let line = &self.buffer[self.start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let found = match line {
            b"." => AdminLine::End,
            row => AdminLine::Row(String::from_utf8_lossy(row).into_owned()),
        };
        self.given = if found == AdminLine::End { 0 } else { self.given + end + 1 - self.start };
        self.start = end + 1;
        self.searched = self.start;
        Ok(Some(found))
    }

    fn check_limit(&self, more: usize) -> Result<(), AdminError> {
        if self.given + more > self.limit {
            return Err(AdminError::OverLimit { limit: self.limit });
        }
        Ok(())
    }
}

/// A row of `status`: one function (PROTOCOL: Administrative Protocol).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusRow {
    /// The function's name.
    pub function: String,
    /// Jobs in the queue: waiting, running, and those for a later time.
    pub total: u64,
    /// Jobs that a worker holds.
    pub running: u64,
    /// Registrations of this function, busy ones included.
    pub available_workers: u64,
}

impl StatusRow {
    const FORM: &'static str = "FUNCTION<tab>TOTAL<tab>RUNNING<tab>AVAILABLE_WORKERS";

    /// Jobs that no worker holds yet, those for a later time included.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.total.saturating_sub(self.running)
    }

    /// Reads a line of the answer to `status`. A count below zero, which gearmand has been seen to send, is taken as 0.
    ///
    /// # Errors
    /// [`AdminError::Malformed`] with the line; [`AdminError::Refused`] where the job server sent an error instead.
    pub fn parse(line: &str) -> Result<Self, AdminError> {
        // From the right: a name may hold anything but NUL, tabs too.
        let mut columns = line.rsplitn(4, '\t');
        let mut count = || columns.next().and_then(|column| column.parse::<i64>().ok());
        let counts = (count(), count(), count());
        match (counts, columns.next()) {
            ((Some(available_workers), Some(running), Some(total)), Some(function)) => Ok(Self {
                function: function.to_owned(),
                total: at_least_zero(total),
                running: at_least_zero(running),
                available_workers: at_least_zero(available_workers),
            }),
            _ => Err(unexpected(line, Self::FORM)),
        }
    }
}

fn at_least_zero(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// A row of `workers`: one connection, which may be a client's (PROTOCOL: Administrative Protocol).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkersRow {
    /// The job server's descriptor of the connection.
    pub fd: i32,
    /// The address that it comes from, without port.
    pub address: String,
    /// What SET_CLIENT_ID said, else `-`.
    pub client_id: String,
    /// The functions that are registered on it.
    pub functions: Vec<String>,
}

impl WorkersRow {
    const FORM: &'static str = "FD ADDRESS CLIENT-ID : FUNCTION ...";

    /// Reads a line of the answer to `workers`. A client id may hold spaces, even ` : `.
    ///
    /// # Errors
    /// [`AdminError::Malformed`] with the line; [`AdminError::Refused`] where the job server sent an error instead.
    pub fn parse(line: &str) -> Result<Self, AdminError> {
        Self::split(line).ok_or_else(|| unexpected(line, Self::FORM))
    }

    fn split(line: &str) -> Option<Self> {
        let (fd, rest) = line.split_once(' ')?;
        let (address, rest) = rest.split_once(' ')?;
        let (client_id, functions) = rest.strip_suffix(" :").map(|id| (id, "")).or_else(|| rest.rsplit_once(" : "))?;
        Some(Self {
            fd: fd.parse().ok()?,
            address: address.to_owned(),
            client_id: client_id.to_owned(),
            functions: functions.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    }
}

fn unexpected(line: &str, expected: &'static str) -> AdminError {
    let line = line.to_owned();
    if line.starts_with("ERR ") { AdminError::Refused { line } } else { AdminError::Malformed { expected, line } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(reader: &mut AdminReader) -> Vec<AdminLine> {
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            lines.push(line);
        }
        lines
    }

    fn row(text: &str) -> AdminLine {
        AdminLine::Row(text.to_owned())
    }

    #[test]
    fn lines_end_at_the_dot_with_lf_or_crlf() {
        let mut reader = AdminReader::new(100);
        reader.push(b"a\t1\t0\t2\nb.\r\n.\r\nOK 1.1");
        assert_eq!(lines(&mut reader), [row("a\t1\t0\t2"), row("b."), AdminLine::End]);
        reader.push(b".20\n");
        assert_eq!(lines(&mut reader), [row("OK 1.1.20")]);
    }

    #[test]
    fn an_answer_is_bounded_and_the_next_one_counts_anew() {
        let mut reader = AdminReader::new(10);
        for _ in 0..5 {
            reader.push(b"123\n45\n.\n");
            assert_eq!(lines(&mut reader).len(), 3);
        }
        reader.push(b"123\n4567\n.\n");
        assert_eq!(reader.next_line(), Ok(Some(row("123"))));
        assert_eq!(reader.next_line(), Ok(Some(row("4567"))));
        assert_eq!(reader.next_line(), Err(AdminError::OverLimit { limit: 10 }));

        let mut reader = AdminReader::new(10);
        reader.push(b"12345678901");
        assert_eq!(
            reader.next_line().unwrap_err().to_string(),
            "the job server's answer is longer than 10 bytes: raise the limit, or drop unused functions"
        );
    }

    #[test]
    fn status_rows() {
        let row = StatusRow::parse("my::One::ping\t12\t5\t7").unwrap();
        assert_eq!((row.function.as_str(), row.total, row.running), ("my::One::ping", 12, 5));
        assert_eq!((row.available_workers, row.waiting()), (7, 7));
        assert_eq!(StatusRow::parse("f\t-1\t0\t0").unwrap().waiting(), 0);
        assert_eq!(StatusRow::parse("f\t1\t2\t0").unwrap().waiting(), 0);
        assert_eq!(StatusRow::parse("a\tb c\t1\t0\t0").unwrap().function, "a\tb c");
        assert_eq!(
            StatusRow::parse("f\t1\tx\t0").unwrap_err().to_string(),
            r#"expected a row `FUNCTION<tab>TOTAL<tab>RUNNING<tab>AVAILABLE_WORKERS`, got "f\t1\tx\t0""#
        );
        assert_eq!(
            StatusRow::parse("ERR UNKNOWN_COMMAND x").unwrap_err().to_string(),
            "the job server refused the command: ERR UNKNOWN_COMMAND x"
        );
    }

    #[test]
    fn workers_rows() {
        let parsed =
            |line| WorkersRow::parse(line).map(|row| (row.fd, row.address, row.client_id, row.functions)).unwrap();
        let expected = |fd, address: &str, id: &str, functions: &[&str]| {
            (fd, address.to_owned(), id.to_owned(), functions.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(parsed("33 127.0.0.1 - :"), expected(33, "127.0.0.1", "-", &[]));
        assert_eq!(parsed("33 ::1 gd1/h/1/2/j : a::b c"), expected(33, "::1", "gd1/h/1/2/j", &["a::b", "c"]));
        assert_eq!(parsed("33 ::1 an id with : spaces : a"), expected(33, "::1", "an id with : spaces", &["a"]));
        assert_eq!(parsed("33 ::1  :"), expected(33, "::1", "", &[]));
        assert_eq!(
            WorkersRow::parse("33 127.0.0.1 id").unwrap_err().to_string(),
            r#"expected a row `FD ADDRESS CLIENT-ID : FUNCTION ...`, got "33 127.0.0.1 id""#
        );
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            rows in proptest::collection::vec("[a-z\t :]{0,20}", 0..20),
            crlf in any::<bool>(),
            cut in 1..30_usize,
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let text: String = rows.iter().map(String::as_str).chain(["."]).map(|line| format!("{line}{end}")).collect();
            let mut reader = AdminReader::new(10_000);
            let mut got = Vec::new();
            for chunk in text.as_bytes().chunks(cut) {
                reader.push(chunk);
                got.extend(lines(&mut reader));
            }
            let expected: Vec<_> = rows.into_iter().map(AdminLine::Row).chain([AdminLine::End]).collect();
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn a_status_row_is_read_back(
            function in "[^\n\r]{0,20}", total in 0..1000_u64, running in 0..1000_u64, available_workers in 0..1000_u64
        ) {
            let line = format!("{function}\t{total}\t{running}\t{available_workers}");
            prop_assert_eq!(StatusRow::parse(&line), Ok(StatusRow { function, total, running, available_workers }));
        }

        #[test]
        fn a_workers_row_is_read_back(
            fd in 0..1000_i32,
            client_id in "[a-z: ]{0,20}",
            functions in proptest::collection::vec("[a-z:]{2,9}", 0..4),
        ) {
            // Of an id that ends in a separator and of functions named `:` nobody could tell.
            let line = format!("{fd} 127.0.0.1 {client_id} :{}", functions.iter().map(|name| format!(" {name}")).collect::<String>());
            let row = WorkersRow::parse(&line).unwrap();
            prop_assert_eq!((row.fd, row.client_id, row.functions), (fd, client_id, functions));
        }

        #[test]
        fn random_lines_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), line in "\\PC{0,40}") {
            let mut reader = AdminReader::new(50);
            reader.push(&bytes);
            while let Ok(Some(AdminLine::Row(row))) = reader.next_line() {
                let _ = (StatusRow::parse(&row), WorkersRow::parse(&row));
            }
            let _ = (StatusRow::parse(&line), WorkersRow::parse(&line));
        }
    }
}
