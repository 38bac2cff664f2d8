//! A job as the job server hands it to a worker.
//!
//! Keeps the packet's body as it came and remembers where its parts are: a workload of 64 MiB is not copied.

use std::borrow::Cow;
use std::ops::Range;

use crate::packet::{Packet, PacketError, PacketType};

/// The job of a JOB_ASSIGN, JOB_ASSIGN_UNIQ or JOB_ASSIGN_ALL packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAssignment {
    body: Vec<u8>,
    handle: Range<usize>,
    function: Range<usize>,
    unique: Range<usize>,
    reducer: Range<usize>,
    workload: Range<usize>,
}

impl JobAssignment {
    /// Whether this type of packet hands out a job.
    #[must_use]
    pub const fn is_assignment(kind: PacketType) -> bool {
        matches!(kind, PacketType::JobAssign | PacketType::JobAssignUniq | PacketType::JobAssignAll)
    }

    /// Takes a packet apart that hands out a job.
    ///
    /// # Errors
    /// [`PacketError::Unexpected`] for another type, [`PacketError::MissingArguments`] for one that is cut short.
    pub fn from_packet(packet: Packet) -> Result<Self, PacketError> {
        let kind = packet.kind;
        let (has_unique, has_reducer) = match kind {
            PacketType::JobAssign => (false, false),
            PacketType::JobAssignUniq => (true, false),
            PacketType::JobAssignAll => (true, true),
            found => {
                return Err(PacketError::Unexpected {
                    expected: "JOB_ASSIGN, JOB_ASSIGN_UNIQ or JOB_ASSIGN_ALL",
                    found,
                });
            }
        };
        let expected = 3 + usize::from(has_unique) + usize::from(has_reducer);
        let body = packet.body;
        let mut at = 0;
        let mut found = 0;
        let mut next = || {
            found += 1;
            let length = body[at..].iter().position(|&byte| byte == 0);
            let length = length.ok_or(PacketError::MissingArguments { kind, expected, found })?;
            let range = at..at + length;
            at = range.end + 1;
            Ok(range)
        };
        let handle = next()?;
        let function = next()?;
        let unique = if has_unique { next()? } else { 0..0 };
        let reducer = if has_reducer { next()? } else { 0..0 };
        let workload = at..body.len();
        Ok(Self { body, handle, function, unique, reducer, workload })
    }

    /// The handle's bytes, which every answer about the job repeats.
    #[must_use]
    pub fn handle(&self) -> &[u8] {
        &self.body[self.handle.clone()]
    }

    /// The handle as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn handle_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.handle())
    }

    /// The function's name.
    #[must_use]
    pub fn function(&self) -> &[u8] {
        &self.body[self.function.clone()]
    }

    /// The function's name as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn function_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.function())
    }

    /// The unique that the client gave; `None` where it gave none, and for JOB_ASSIGN, which doesn't tell.
    #[must_use]
    pub fn unique(&self) -> Option<&[u8]> {
        Some(&self.body[self.unique.clone()]).filter(|unique| !unique.is_empty())
    }

    /// [`JobAssignment::unique`] as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn unique_text(&self) -> Option<Cow<'_, str>> {
        self.unique().map(String::from_utf8_lossy)
    }

    /// The reducer of JOB_ASSIGN_ALL; `None` where there is none.
    #[must_use]
    pub fn reducer(&self) -> Option<&[u8]> {
        Some(&self.body[self.reducer.clone()]).filter(|reducer| !reducer.is_empty())
    }

    /// What the function is to work on.
    #[must_use]
    pub fn workload(&self) -> &[u8] {
        &self.body[self.workload.clone()]
    }
}

impl TryFrom<Packet> for JobAssignment {
    type Error = PacketError;

    fn try_from(packet: Packet) -> Result<Self, PacketError> {
        Self::from_packet(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Magic;

    fn parse(kind: PacketType, body: &[u8]) -> Result<JobAssignment, PacketError> {
        JobAssignment::from_packet(Packet { magic: Magic::Response, kind, body: body.to_vec() })
    }

    #[test]
    fn reads_all_three_forms() {
        let job = parse(PacketType::JobAssign, b"H:a:1\0f\0a\0b").unwrap();
        assert_eq!((job.handle(), job.function(), job.workload()), (&b"H:a:1"[..], &b"f"[..], &b"a\0b"[..]));
        assert_eq!((job.unique(), job.reducer()), (None, None));

        let job = parse(PacketType::JobAssignUniq, b"H:a:1\0f\0u\0").unwrap();
        assert_eq!((job.unique_text().as_deref(), job.workload()), (Some("u"), &b""[..]));
        assert_eq!(parse(PacketType::JobAssignUniq, b"H:a:1\0f\0\0w").unwrap().unique(), None);

        let job = parse(PacketType::JobAssignAll, b"H:a:1\0f\0u\0r\0w").unwrap();
        assert_eq!((job.unique(), job.reducer(), job.workload()), (Some(&b"u"[..]), Some(&b"r"[..]), &b"w"[..]));
        assert_eq!((job.handle_text(), job.function_text()), ("H:a:1".into(), "f".into()));
    }

    #[test]
    fn the_workload_is_not_copied() {
        let packet = Packet { magic: Magic::Response, kind: PacketType::JobAssign, body: b"H\0f\0workload".to_vec() };
        let address = packet.body[4..].as_ptr();
        assert_eq!(JobAssignment::from_packet(packet).unwrap().workload().as_ptr(), address);
    }

    #[test]
    fn what_is_cut_short_or_no_assignment_is_refused() {
        assert_eq!(
            parse(PacketType::JobAssignUniq, b"H:a:1\0f\0workload").unwrap_err().to_string(),
            "a JOB_ASSIGN_UNIQ packet needs 4 arguments separated by NUL, but has 3"
        );
        assert_eq!(
            parse(PacketType::NoJob, b"").unwrap_err().to_string(),
            "expected JOB_ASSIGN, JOB_ASSIGN_UNIQ or JOB_ASSIGN_ALL, got a NO_JOB packet"
        );
    }
}
