//! What a packet is: a magic, a type, and a body of arguments separated by NUL.
//!
//! Knows the numbers and names of all types; which of them may be sent by whom, and when, is left to those who talk.

use std::fmt;

/// Bytes of a packet's header: magic, type and size of the body, four each (PROTOCOL: Binary Packet).
pub const HEADER_LEN: usize = 12;

/// Who a packet goes to (PROTOCOL: Binary Packet).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Magic {
    /// `\0REQ`: to the job server.
    Request,
    /// `\0RES`: from the job server.
    Response,
}

impl Magic {
    /// The four bytes that a packet begins with.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        match self {
            Self::Request => *b"\0REQ",
            Self::Response => *b"\0RES",
        }
    }

    /// The magic of these four bytes, if they are one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Option<Self> {
        match &bytes {
            b"\0REQ" => Some(Self::Request),
            b"\0RES" => Some(Self::Response),
            _ => None,
        }
    }
}

macro_rules! packet_types {
    ($($number:literal $variant:ident $name:literal $doc:literal,)*) => {
        /// The type of a packet, with its number in Gearman's PROTOCOL file. Number 5 is not used there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum PacketType {
            $(
                #[doc = concat!("`", $name, "`: ", $doc)]
                $variant = $number,
            )*
        }

        impl PacketType {
            /// All types, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The type of this number, if there is one.
            #[must_use]
            pub const fn from_u32(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name in the PROTOCOL file, for example `WORK_COMPLETE`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

packet_types! {
    1 CanDo "CAN_DO" "the worker can perform a function.",
    2 CantDo "CANT_DO" "the worker no longer performs a function.",
    3 ResetAbilities "RESET_ABILITIES" "the worker performs no function any more.",
    4 PreSleep "PRE_SLEEP" "the worker wants to be woken by NOOP when a job comes.",
    6 Noop "NOOP" "wakes a sleeping worker.",
    7 SubmitJob "SUBMIT_JOB" "a foreground job of normal priority.",
    8 JobCreated "JOB_CREATED" "the handle of a submitted job.",
    9 GrabJob "GRAB_JOB" "the worker asks for a job.",
    10 NoJob "NO_JOB" "no job is waiting.",
    11 JobAssign "JOB_ASSIGN" "a job for the worker.",
    12 WorkStatus "WORK_STATUS" "how far a job is: numerator and denominator.",
    13 WorkComplete "WORK_COMPLETE" "a job's result.",
    14 WorkFail "WORK_FAIL" "a job failed.",
    15 GetStatus "GET_STATUS" "asks for the status of a job, by handle.",
    16 EchoReq "ECHO_REQ" "asks for an echo.",
    17 EchoRes "ECHO_RES" "the echo.",
    18 SubmitJobBg "SUBMIT_JOB_BG" "a background job of normal priority.",
    19 Error "ERROR" "an error: code and text.",
    20 StatusRes "STATUS_RES" "answers GET_STATUS.",
    21 SubmitJobHigh "SUBMIT_JOB_HIGH" "a foreground job of high priority.",
    22 SetClientId "SET_CLIENT_ID" "the name under which `workers` lists this connection.",
    23 CanDoTimeout "CAN_DO_TIMEOUT" "as CAN_DO, with a timeout that the job server keeps.",
    24 AllYours "ALL_YOURS" "not implemented by gearmand.",
    25 WorkException "WORK_EXCEPTION" "a job failed with an exception.",
    26 OptionReq "OPTION_REQ" "sets an option of this connection.",
    27 OptionRes "OPTION_RES" "the option is set.",
    28 WorkData "WORK_DATA" "a part of a job's result.",
    29 WorkWarning "WORK_WARNING" "a warning from a job.",
    30 GrabJobUniq "GRAB_JOB_UNIQ" "as GRAB_JOB; the answer has the unique too.",
    31 JobAssignUniq "JOB_ASSIGN_UNIQ" "a job for the worker, with its unique.",
    32 SubmitJobHighBg "SUBMIT_JOB_HIGH_BG" "a background job of high priority.",
    33 SubmitJobLow "SUBMIT_JOB_LOW" "a foreground job of low priority.",
    34 SubmitJobLowBg "SUBMIT_JOB_LOW_BG" "a background job of low priority.",
    35 SubmitJobSched "SUBMIT_JOB_SCHED" "a job for a time, crontab-like; not implemented by gearmand.",
    36 SubmitJobEpoch "SUBMIT_JOB_EPOCH" "a background job for a later time.",
    37 SubmitReduceJob "SUBMIT_REDUCE_JOB" "a foreground job with a reducer.",
    38 SubmitReduceJobBackground "SUBMIT_REDUCE_JOB_BACKGROUND" "a background job with a reducer.",
    39 GrabJobAll "GRAB_JOB_ALL" "as GRAB_JOB_UNIQ; the answer has the reducer too.",
    40 JobAssignAll "JOB_ASSIGN_ALL" "a job for the worker, with its unique and reducer.",
    41 GetStatusUnique "GET_STATUS_UNIQUE" "asks for the status of a job, by unique.",
    42 StatusResUnique "STATUS_RES_UNIQUE" "answers GET_STATUS_UNIQUE.",
}

impl PacketType {
    /// Its number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One packet, as it came or as it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Who it goes to.
    pub magic: Magic,
    /// What it is.
    pub kind: PacketType,
    /// Its arguments, separated by NUL; the last one runs to the end and may itself hold NUL.
    pub body: Vec<u8>,
}

impl Packet {
    /// The body as exactly `N` arguments; the last takes the rest, with every NUL in it.
    ///
    /// # Errors
    /// [`PacketError::MissingArguments`] when the body has fewer.
    pub fn args<const N: usize>(&self) -> Result<[&[u8]; N], PacketError> {
        let mut args: [&[u8]; N] = [&[]; N];
        let mut rest = Some(self.body.as_slice());
        for (index, arg) in args.iter_mut().enumerate() {
            let missing = PacketError::MissingArguments { kind: self.kind, expected: N, found: index };
            let bytes = rest.ok_or(missing)?;
            let nul = if index + 1 == N { None } else { bytes.iter().position(|&byte| byte == 0) };
            match nul {
                Some(at) => {
                    *arg = &bytes[..at];
                    rest = Some(&bytes[at + 1..]);
                }
                None => {
                    *arg = bytes;
                    rest = None;
                }
            }
        }
        Ok(args)
    }

    /// The first argument and what follows it; nothing follows when there is no NUL.
    ///
    /// For WORK_COMPLETE and its like, whose data some senders leave out together with its NUL.
    #[must_use]
    pub fn first_and_rest(&self) -> (&[u8], &[u8]) {
        match self.body.iter().position(|&byte| byte == 0) {
            Some(at) => (&self.body[..at], &self.body[at + 1..]),
            None => (&self.body, &[]),
        }
    }
}

/// What is wrong with a packet that came or that was to be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The bytes are not the beginning of a packet. The stream can't be read any further.
    #[error(
        "expected a Gearman packet (\\0REQ or \\0RES), got \"{}\": is the other side a Gearman job server on its binary port?",
        .found.escape_ascii()
    )]
    BadMagic {
        /// The four bytes where the magic should be.
        found: [u8; 4],
    },
    /// The type's number is not in the PROTOCOL file. The stream can't be read any further.
    #[error("unknown Gearman packet type {number} (known are 1 to 4 and 6 to 42)")]
    UnknownType {
        /// The number that came.
        number: u32,
    },
    /// The header announces more than the decoder's limit. The stream can't be read any further.
    #[error("a {kind} packet of {size} bytes is over the limit of {limit} bytes: send less, or raise the limit")]
    OverLimit {
        /// The packet's type.
        kind: PacketType,
        /// Bytes of the body, as announced.
        size: usize,
        /// The decoder's limit, in bytes of a body.
        limit: usize,
    },
    /// The body has fewer arguments than its type needs.
    #[error("a {kind} packet needs {expected} arguments separated by NUL, but has {found}")]
    MissingArguments {
        /// The packet's type.
        kind: PacketType,
        /// How many are needed.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Another type of packet was expected here.
    #[error("expected {expected}, got a {found} packet")]
    Unexpected {
        /// What was expected, in words.
        expected: &'static str,
        /// What came.
        found: PacketType,
    },
    /// A field that must be a number is none.
    #[error("a {kind} packet has \"{}\" where a number should be", .found.escape_ascii())]
    NotANumber {
        /// The packet's type.
        kind: PacketType,
        /// The field as it came.
        found: Vec<u8>,
    },
    /// An argument that must not hold NUL does: on the wire it would be cut there and corrupt the packet.
    #[error("argument {index} of a {kind} packet holds a NUL byte: \"{}\"; leave it out", .argument.escape_ascii())]
    NulInArgument {
        /// The packet's type.
        kind: PacketType,
        /// Which argument, counted from 1.
        index: usize,
        /// The argument.
        argument: Vec<u8>,
    },
    /// The arguments don't fit in one packet, whose size is a 32-bit number.
    #[error("a {kind} packet can hold 4294967295 bytes at most, not {size}: split the data")]
    TooLong {
        /// The packet's type.
        kind: PacketType,
        /// Bytes that its body would have.
        size: usize,
    },
}

/// Appends a packet with these arguments to `out`.
///
/// # Errors
/// [`PacketError::NulInArgument`] for a NUL in any argument but the last, [`PacketError::TooLong`] for a body over
/// 4 GiB. `out` is then as it was.
pub fn encode(magic: Magic, kind: PacketType, args: &[&[u8]], out: &mut Vec<u8>) -> Result<(), PacketError> {
    let Some((last, leading)) = args.split_last() else {
        write_header(magic, kind, 0, out);
        return Ok(());
    };
    encode_head(magic, kind, leading, last.len(), out)?;
    out.extend_from_slice(last);
    Ok(())
}

/// Appends a packet up to its last argument, of which only the length is told.
///
/// The `data_len` bytes must follow on the wire: so a large result can be sent from where it is, without a copy.
///
/// # Errors
/// As [`encode`].
pub fn encode_head(
    magic: Magic,
    kind: PacketType,
    leading: &[&[u8]],
    data_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), PacketError> {
    for (index, argument) in leading.iter().enumerate() {
        reject_nul(kind, index + 1, argument)?;
    }
    let size = leading.iter().map(|argument| argument.len() + 1).sum::<usize>().saturating_add(data_len);
    let wire_size = u32::try_from(size).map_err(|_| PacketError::TooLong { kind, size })?;
    write_header(magic, kind, wire_size, out);
    for argument in leading {
        out.extend_from_slice(argument);
        out.push(0);
    }
    Ok(())
}

pub(crate) fn reject_nul(kind: PacketType, index: usize, argument: &[u8]) -> Result<(), PacketError> {
    if argument.contains(&0) {
        return Err(PacketError::NulInArgument { kind, index, argument: argument.to_vec() });
    }
    Ok(())
}

pub(crate) fn write_header(magic: Magic, kind: PacketType, size: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&magic.bytes());
    out.extend_from_slice(&kind.number().to_be_bytes());
    out.extend_from_slice(&size.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(body: &[u8]) -> Packet {
        Packet { magic: Magic::Response, kind: PacketType::JobAssign, body: body.to_vec() }
    }

    #[test]
    fn every_number_of_the_protocol_file_has_a_type() {
        for number in 0..100 {
            let known = (1..=42).contains(&number) && number != 5;
            assert_eq!(PacketType::from_u32(number).map(PacketType::number), known.then_some(number));
        }
        assert_eq!(PacketType::ALL.len(), 41);
        assert_eq!(PacketType::WorkComplete.to_string(), "WORK_COMPLETE");
    }

    #[test]
    fn the_last_argument_takes_the_rest() {
        let packet = packet(b"H:a:1\0f\0work\0load");
        assert_eq!(packet.args::<3>(), Ok([&b"H:a:1"[..], b"f", b"work\0load"]));
        assert_eq!(packet.args::<1>(), Ok([&b"H:a:1\0f\0work\0load"[..]]));
        assert_eq!(packet.first_and_rest(), (&b"H:a:1"[..], &b"f\0work\0load"[..]));
    }

    #[test]
    fn empty_arguments_are_arguments() {
        assert_eq!(packet(b"\0\0").args::<3>(), Ok([&b""[..], b"", b""]));
        assert_eq!(packet(b"").args::<1>(), Ok([&b""[..]]));
        assert_eq!(packet(b"").args::<0>(), Ok([]));
    }

    #[test]
    fn missing_arguments_are_counted() {
        let error = packet(b"H:a:1\0f").args::<3>().unwrap_err();
        assert_eq!(error.to_string(), "a JOB_ASSIGN packet needs 3 arguments separated by NUL, but has 2");
    }

    #[test]
    fn encodes_the_example_of_the_protocol_file() {
        let mut out = Vec::new();
        encode(Magic::Request, PacketType::SubmitJob, &[b"reverse", b"", b"test"], &mut out).unwrap();
        assert_eq!(out, b"\0REQ\0\0\0\x07\0\0\0\x0dreverse\0\0test");
    }

    #[test]
    fn a_nul_never_slips_into_an_argument() {
        let mut out = b"kept".to_vec();
        let error = encode(Magic::Request, PacketType::SubmitJob, &[b"f", b"a\0b", b"data\0"], &mut out).unwrap_err();
        assert_eq!(error.to_string(), "argument 2 of a SUBMIT_JOB packet holds a NUL byte: \"a\\x00b\"; leave it out");
        assert_eq!(out, b"kept");
    }

    #[test]
    fn a_body_over_four_gib_is_refused() {
        let mut out = Vec::new();
        let size = usize::try_from(u32::MAX).unwrap();
        let error = encode_head(Magic::Request, PacketType::WorkComplete, &[b"H"], size, &mut out).unwrap_err();
        assert_eq!(error, PacketError::TooLong { kind: PacketType::WorkComplete, size: size + 2 });
        assert!(out.is_empty());
    }
}
