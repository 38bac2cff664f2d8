//! What a client waits for after it has submitted a job. No I/O: packets in, the end out, so that the blocking client here
//! and asynchronous ones read a job server's words alike.

use crate::client::{ClientError, JobEvent};
use crate::packet::{Packet, PacketError, PacketType};

/// How many warnings of a job are kept for [`ClientError::Failed`]: a job may send any number.
const WARNINGS_KEPT: usize = 64;

/// A job that was submitted, as far as its client has heard of it.
#[derive(Debug)]
pub struct Submission {
    background: bool,
    handle: Option<String>,
    warnings: Vec<String>,
}

/// How a submission ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The job server's name for the job.
    pub handle: String,
    /// What it answered; empty for a background job.
    pub result: Vec<u8>,
}

impl Submission {
    /// A job that the client waits for (SUBMIT_JOB and its kin).
    #[must_use]
    pub fn foreground() -> Self {
        Self { background: false, handle: None, warnings: Vec::new() }
    }

    /// A job that nobody waits for (SUBMIT_JOB_BG and its kin): it ends with its handle.
    #[must_use]
    pub fn background() -> Self {
        Self { background: true, handle: None, warnings: Vec::new() }
    }

    /// Takes the next packet of the connection; `None`: there is more to come.
    ///
    /// # Errors
    /// [`ClientError::Failed`] and [`ClientError::Exception`], after which the connection has answered all that was
    /// asked; [`ClientError::Server`].
    pub fn take(
        &mut self,
        mut packet: Packet,
        mut on_event: impl FnMut(JobEvent<'_>),
    ) -> Result<Option<Submitted>, ClientError> {
        if packet.kind == PacketType::Error {
            return Err(refusal(&packet));
        }
        // Up to the first NUL: gearmand 1.1.20 makes a WORK_FAIL of an exception, and leaves the NUL after its handle.
        let (name, data) = packet.first_and_rest();
        let Some(handle) = &self.handle else {
            if packet.kind != PacketType::JobCreated {
                return Ok(None);
            }
            let handle = String::from_utf8_lossy(name).into_owned();
            if self.background {
                return Ok(Some(Submitted { handle, result: Vec::new() }));
            }
            on_event(JobEvent::Created(&handle));
            self.handle = Some(handle);
            return Ok(None);
        };
        if String::from_utf8_lossy(name) != handle.as_str() {
            return Ok(None);
        }
        match packet.kind {
            PacketType::WorkComplete => {
                let start = packet.body.len() - data.len();
                packet.body.drain(..start);
                return Ok(Some(Submitted { handle: handle.clone(), result: packet.body }));
            }
            PacketType::WorkData => on_event(JobEvent::Data(data)),
            PacketType::WorkWarning => {
                on_event(JobEvent::Warning(data));
                if self.warnings.len() == WARNINGS_KEPT {
                    self.warnings.remove(0);
                }
                self.warnings.push(String::from_utf8_lossy(data).into_owned());
            }
            // A worker that counts in something else (fractions, say) must not cost its client the result.
            PacketType::WorkStatus => {
                if let Ok((numerator, denominator)) = read_progress(&packet) {
                    on_event(JobEvent::Status { numerator, denominator });
                }
            }
            PacketType::WorkFail => {
                let warnings = std::mem::take(&mut self.warnings);
                return Err(ClientError::Failed { handle: handle.clone(), warnings });
            }
            PacketType::WorkException => {
                let message = String::from_utf8_lossy(data).into_owned();
                return Err(ClientError::Exception { handle: handle.clone(), message });
            }
            _ => {}
        }
        Ok(None)
    }
}

fn read_progress(packet: &Packet) -> Result<(u64, u64), PacketError> {
    let [_, numerator, denominator] = packet.args()?;
    Ok((number(packet.kind, numerator)?, number(packet.kind, denominator)?))
}

pub(super) fn number(kind: PacketType, field: &[u8]) -> Result<u64, PacketError> {
    // Some senders end the last number with a NUL.
    let digits = field.strip_suffix(b"\0").unwrap_or(field);
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| PacketError::NotANumber { kind, found: field.to_vec() })
}

pub(super) fn refusal(packet: &Packet) -> ClientError {
    let (code, text) = packet.first_and_rest();
    let text_of = |bytes| String::from_utf8_lossy(bytes).into_owned();
    ClientError::Server { code: text_of(code), text: text_of(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Magic;

    fn packet(kind: PacketType, body: &str) -> Packet {
        Packet { magic: Magic::Response, kind, body: body.as_bytes().to_vec() }
    }

    fn take(submission: &mut Submission, kind: PacketType, body: &str) -> Result<Option<Submitted>, ClientError> {
        submission.take(packet(kind, body), |_| ())
    }

    #[test]
    fn a_foreground_job_ends_with_its_own_result() {
        let mut job = Submission::foreground();
        assert_eq!(take(&mut job, PacketType::WorkComplete, "H:a:0\0late").unwrap(), None);
        assert_eq!(take(&mut job, PacketType::JobCreated, "H:a:1").unwrap(), None);
        assert_eq!(take(&mut job, PacketType::WorkComplete, "H:a:0\0another's").unwrap(), None);
        assert_eq!(take(&mut job, PacketType::WorkStatus, "H:a:1\0half\0whole").unwrap(), None);
        let done = take(&mut job, PacketType::WorkComplete, "H:a:1\0its\0own").unwrap();
        assert_eq!(done, Some(Submitted { handle: "H:a:1".to_owned(), result: b"its\0own".to_vec() }));
    }

    #[test]
    fn a_failed_job_ends_with_the_last_warnings() {
        let mut job = Submission::foreground();
        take(&mut job, PacketType::JobCreated, "H:a:1").unwrap();
        for n in 0..70 {
            take(&mut job, PacketType::WorkWarning, &format!("H:a:1\0warning {n}")).unwrap();
        }
        let Err(ClientError::Failed { handle, warnings }) = take(&mut job, PacketType::WorkFail, "H:a:1\0") else {
            panic!("it failed");
        };
        assert_eq!((handle.as_str(), warnings.len(), warnings[63].as_str()), ("H:a:1", 64, "warning 69"));
    }

    #[test]
    fn a_background_job_ends_with_its_handle() {
        let mut job = Submission::background();
        let taken = take(&mut job, PacketType::JobCreated, "H:a:2").unwrap();
        assert_eq!(taken, Some(Submitted { handle: "H:a:2".to_owned(), result: Vec::new() }));
        assert!(take(&mut job, PacketType::Error, "QUEUE_ERROR\0full").is_err());
    }
}
