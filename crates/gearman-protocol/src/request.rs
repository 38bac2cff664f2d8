//! What workers and clients send: each function appends one request to a buffer.
//!
//! Several appended to one buffer go out in one write, which is what makes them fast (WORK_COMPLETE with GRAB_JOB).
//! All names are bytes on the wire, so each argument is anything that has bytes. A function that fails appends nothing.

mod submit;

use std::time::Duration;

pub use submit::{
    Priority, submit, submit_job, submit_job_bg, submit_job_epoch, submit_job_high, submit_job_high_bg, submit_job_low,
    submit_job_low_bg,
};

use crate::packet::{Magic, PacketError, PacketType, encode, encode_head, reject_nul, write_header};

/// Requests of a single argument that is a name, not data: it must not hold NUL either.
fn named(out: &mut Vec<u8>, kind: PacketType, name: &[u8]) -> Result<(), PacketError> {
    reject_nul(kind, 1, name)?;
    encode(Magic::Request, kind, &[name], out)
}

fn bare(out: &mut Vec<u8>, kind: PacketType) {
    write_header(Magic::Request, kind, 0, out);
}

/// Appends CAN_DO: this worker performs `function`.
///
/// # Errors
/// [`PacketError::NulInArgument`].
pub fn can_do(out: &mut Vec<u8>, function: impl AsRef<[u8]>) -> Result<(), PacketError> {
    named(out, PacketType::CanDo, function.as_ref())
}

/// Appends CAN_DO_TIMEOUT: as [`can_do`], and the job server gives a job that runs for longer to another worker.
///
/// On the wire it is in milliseconds, rounded up. gearmand takes less than a second as one second, and the first worker
/// goes on: the job can run twice.
///
/// # Errors
/// [`PacketError::NulInArgument`].
pub fn can_do_timeout(out: &mut Vec<u8>, function: impl AsRef<[u8]>, timeout: Duration) -> Result<(), PacketError> {
    let millis = timeout.as_nanos().div_ceil(1_000_000).to_string();
    encode(Magic::Request, PacketType::CanDoTimeout, &[function.as_ref(), millis.as_bytes()], out)
}

/// Appends CANT_DO: this worker no longer performs `function`. gearmand takes a job of it away that is held.
///
/// # Errors
/// [`PacketError::NulInArgument`].
pub fn cant_do(out: &mut Vec<u8>, function: impl AsRef<[u8]>) -> Result<(), PacketError> {
    named(out, PacketType::CantDo, function.as_ref())
}

/// Appends RESET_ABILITIES: this worker performs nothing any more. gearmand takes a job away that is held.
pub fn reset_abilities(out: &mut Vec<u8>) {
    bare(out, PacketType::ResetAbilities);
}

/// Appends SET_CLIENT_ID: the name under which `workers` lists this connection. gearmand cuts it at 127 bytes.
///
/// # Errors
/// [`PacketError::NulInArgument`].
pub fn set_client_id(out: &mut Vec<u8>, id: impl AsRef<[u8]>) -> Result<(), PacketError> {
    named(out, PacketType::SetClientId, id.as_ref())
}

/// Appends GRAB_JOB: asks for a job. The answer is NO_JOB or JOB_ASSIGN; an ERROR that comes before is not its answer.
pub fn grab_job(out: &mut Vec<u8>) {
    bare(out, PacketType::GrabJob);
}

/// Appends GRAB_JOB_UNIQ: as [`grab_job`], answered with JOB_ASSIGN_UNIQ.
pub fn grab_job_uniq(out: &mut Vec<u8>) {
    bare(out, PacketType::GrabJobUniq);
}

/// Appends GRAB_JOB_ALL: as [`grab_job`], answered with JOB_ASSIGN_ALL for jobs that have a reducer, else with
/// JOB_ASSIGN_UNIQ.
pub fn grab_job_all(out: &mut Vec<u8>) {
    bare(out, PacketType::GrabJobAll);
}

/// Appends PRE_SLEEP: wake me with NOOP when there is a job. One that waits already is answered at once.
pub fn pre_sleep(out: &mut Vec<u8>) {
    bare(out, PacketType::PreSleep);
}

/// Appends WORK_COMPLETE: the job's result.
///
/// # Errors
/// [`PacketError::NulInArgument`] for the handle, [`PacketError::TooLong`].
pub fn work_complete(out: &mut Vec<u8>, handle: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Result<(), PacketError> {
    encode(Magic::Request, PacketType::WorkComplete, &[handle.as_ref(), data.as_ref()], out)
}

/// Appends WORK_COMPLETE up to its data, of which `data_len` bytes must follow on the wire: a large result need not be
/// copied.
///
/// # Errors
/// As [`work_complete`].
pub fn work_complete_head(out: &mut Vec<u8>, handle: impl AsRef<[u8]>, data_len: usize) -> Result<(), PacketError> {
    encode_head(Magic::Request, PacketType::WorkComplete, &[handle.as_ref()], data_len, out)
}

/// Appends WORK_FAIL: the job failed. Never after WORK_EXCEPTION, which ends the job as well.
///
/// # Errors
/// [`PacketError::NulInArgument`].
pub fn work_fail(out: &mut Vec<u8>, handle: impl AsRef<[u8]>) -> Result<(), PacketError> {
    named(out, PacketType::WorkFail, handle.as_ref())
}

/// Appends WORK_EXCEPTION: the job failed, with this message. It ends the job.
///
/// # Errors
/// [`PacketError::NulInArgument`] for the handle, [`PacketError::TooLong`].
pub fn work_exception(
    out: &mut Vec<u8>,
    handle: impl AsRef<[u8]>,
    message: impl AsRef<[u8]>,
) -> Result<(), PacketError> {
    encode(Magic::Request, PacketType::WorkException, &[handle.as_ref(), message.as_ref()], out)
}

/// Appends WORK_WARNING: a warning for the job's client.
///
/// # Errors
/// [`PacketError::NulInArgument`] for the handle, [`PacketError::TooLong`].
pub fn work_warning(out: &mut Vec<u8>, handle: impl AsRef<[u8]>, warning: impl AsRef<[u8]>) -> Result<(), PacketError> {
    encode(Magic::Request, PacketType::WorkWarning, &[handle.as_ref(), warning.as_ref()], out)
}

/// Appends WORK_DATA: a part of the result, ahead of its end.
///
/// # Errors
/// [`PacketError::NulInArgument`] for the handle, [`PacketError::TooLong`].
pub fn work_data(out: &mut Vec<u8>, handle: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Result<(), PacketError> {
    encode(Magic::Request, PacketType::WorkData, &[handle.as_ref(), data.as_ref()], out)
}

/// Appends WORK_STATUS: how far the job is.
///
/// # Errors
/// [`PacketError::NulInArgument`] for the handle.
pub fn work_status(
    out: &mut Vec<u8>,
    handle: impl AsRef<[u8]>,
    numerator: u64,
    denominator: u64,
) -> Result<(), PacketError> {
    let (numerator, denominator) = (numerator.to_string(), denominator.to_string());
    let args = [handle.as_ref(), numerator.as_bytes(), denominator.as_bytes()];
    encode(Magic::Request, PacketType::WorkStatus, &args, out)
}

/// Appends ECHO_REQ: the job server sends `data` back once it has read all that came before.
///
/// # Errors
/// [`PacketError::TooLong`].
pub fn echo_req(out: &mut Vec<u8>, data: impl AsRef<[u8]>) -> Result<(), PacketError> {
    encode(Magic::Request, PacketType::EchoReq, &[data.as_ref()], out)
}

/// Appends GET_STATUS: answered with STATUS_RES.
///
/// # Errors
/// [`PacketError::NulInArgument`].
pub fn get_status(out: &mut Vec<u8>, handle: impl AsRef<[u8]>) -> Result<(), PacketError> {
    named(out, PacketType::GetStatus, handle.as_ref())
}

/// Appends GET_STATUS_UNIQUE: answered with STATUS_RES_UNIQUE.
///
/// # Errors
/// [`PacketError::NulInArgument`].
pub fn get_status_unique(out: &mut Vec<u8>, unique: impl AsRef<[u8]>) -> Result<(), PacketError> {
    named(out, PacketType::GetStatusUnique, unique.as_ref())
}

/// Appends OPTION_REQ: sets an option of this connection. The only one known is `exceptions`: WORK_EXCEPTION is
/// forwarded to this client.
///
/// # Errors
/// [`PacketError::NulInArgument`].
pub fn option_req(out: &mut Vec<u8>, option: impl AsRef<[u8]>) -> Result<(), PacketError> {
    named(out, PacketType::OptionReq, option.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, Packet};

    fn one(append: impl FnOnce(&mut Vec<u8>)) -> Packet {
        let mut out = Vec::new();
        append(&mut out);
        let mut decoder = Decoder::new(usize::MAX);
        decoder.push(&out);
        let packet = decoder.next_packet().unwrap().unwrap();
        assert_eq!(packet.magic, Magic::Request);
        assert!(!decoder.holds_bytes());
        packet
    }

    #[test]
    fn each_request_has_its_type_and_body() {
        type Append = fn(&mut Vec<u8>);
        let cases: &[(Append, PacketType, &[u8])] = &[
            (|out| can_do(out, "f").unwrap(), PacketType::CanDo, b"f"),
            (|out| cant_do(out, b"f").unwrap(), PacketType::CantDo, b"f"),
            (
                |out| can_do_timeout(out, "f", Duration::from_millis(1500)).unwrap(),
                PacketType::CanDoTimeout,
                b"f\x001500",
            ),
            (|out| can_do_timeout(out, "f", Duration::from_micros(1)).unwrap(), PacketType::CanDoTimeout, b"f\x001"),
            (reset_abilities, PacketType::ResetAbilities, b""),
            (|out| set_client_id(out, "gd1/h/1/2/job").unwrap(), PacketType::SetClientId, b"gd1/h/1/2/job"),
            (grab_job, PacketType::GrabJob, b""),
            (grab_job_uniq, PacketType::GrabJobUniq, b""),
            (grab_job_all, PacketType::GrabJobAll, b""),
            (pre_sleep, PacketType::PreSleep, b""),
            (|out| work_complete(out, "H:a:1", b"a\0b").unwrap(), PacketType::WorkComplete, b"H:a:1\0a\0b"),
            (|out| work_fail(out, "H:a:1").unwrap(), PacketType::WorkFail, b"H:a:1"),
            (|out| work_exception(out, "H:a:1", "oh").unwrap(), PacketType::WorkException, b"H:a:1\0oh"),
            (|out| work_warning(out, "H:a:1", "oh").unwrap(), PacketType::WorkWarning, b"H:a:1\0oh"),
            (|out| work_data(out, "H:a:1", "").unwrap(), PacketType::WorkData, b"H:a:1\0"),
            (|out| work_status(out, "H:a:1", 1, 10).unwrap(), PacketType::WorkStatus, b"H:a:1\x001\x0010"),
            (|out| echo_req(out, b"\0x").unwrap(), PacketType::EchoReq, b"\0x"),
            (|out| submit_job(out, "f", "u", "w").unwrap(), PacketType::SubmitJob, b"f\0u\0w"),
            (|out| submit_job_bg(out, "f", "", "w").unwrap(), PacketType::SubmitJobBg, b"f\0\0w"),
            (|out| submit_job_high(out, "f", "u", "").unwrap(), PacketType::SubmitJobHigh, b"f\0u\0"),
            (|out| submit_job_high_bg(out, "f", "u", "w").unwrap(), PacketType::SubmitJobHighBg, b"f\0u\0w"),
            (|out| submit_job_low(out, "f", "u", "w").unwrap(), PacketType::SubmitJobLow, b"f\0u\0w"),
            (|out| submit_job_low_bg(out, "f", "u", "w").unwrap(), PacketType::SubmitJobLowBg, b"f\0u\0w"),
            (|out| submit_job_epoch(out, "f", "u", 99, "w").unwrap(), PacketType::SubmitJobEpoch, b"f\0u\x0099\0w"),
            (|out| get_status(out, "H:a:1").unwrap(), PacketType::GetStatus, b"H:a:1"),
            (|out| get_status_unique(out, "u").unwrap(), PacketType::GetStatusUnique, b"u"),
            (|out| option_req(out, "exceptions").unwrap(), PacketType::OptionReq, b"exceptions"),
        ];
        for (append, kind, body) in cases {
            let packet = one(append);
            assert_eq!((packet.kind, packet.body.as_slice()), (*kind, *body));
        }
    }

    #[test]
    fn a_name_with_a_nul_is_refused_even_where_it_comes_last() {
        let mut out = Vec::new();
        assert_eq!(
            can_do(&mut out, b"a\0b").unwrap_err().to_string(),
            "argument 1 of a CAN_DO packet holds a NUL byte: \"a\\x00b\"; leave it out"
        );
        assert!(work_fail(&mut out, b"H:a:1\0").is_err());
        assert!(out.is_empty());
    }

    #[test]
    fn a_head_and_its_data_are_the_whole_packet() {
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        work_complete(&mut whole, "H:a:1", "result").unwrap();
        work_complete_head(&mut parts, "H:a:1", 6).unwrap();
        parts.extend_from_slice(b"result");
        assert_eq!(whole, parts);
    }
}
