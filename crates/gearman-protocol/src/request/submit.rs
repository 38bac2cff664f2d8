//! Submitting jobs: in the foreground or in the background, by priority, or for later.

use crate::packet::{Magic, PacketError, PacketType, encode};

/// Which jobs come first (PROTOCOL: SUBMIT_JOB_HIGH, SUBMIT_JOB_LOW). It counts across all functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// As SUBMIT_JOB.
    #[default]
    Normal,
    /// After all others.
    Low,
}

impl Priority {
    /// The request that submits a job of this priority.
    #[must_use]
    pub const fn submit_type(self, background: bool) -> PacketType {
        match (self, background) {
            (Self::High, false) => PacketType::SubmitJobHigh,
            (Self::High, true) => PacketType::SubmitJobHighBg,
            (Self::Normal, false) => PacketType::SubmitJob,
            (Self::Normal, true) => PacketType::SubmitJobBg,
            (Self::Low, false) => PacketType::SubmitJobLow,
            (Self::Low, true) => PacketType::SubmitJobLowBg,
        }
    }
}

/// Appends the SUBMIT_JOB of this priority, in the foreground or in the background.
///
/// An empty `unique` means none. Jobs of one function with the same unique become one job; gearmand takes the unique
/// `-` as "the workload is the unique".
///
/// # Errors
/// [`PacketError::NulInArgument`] for function and unique, [`PacketError::TooLong`].
pub fn submit(
    out: &mut Vec<u8>,
    priority: Priority,
    background: bool,
    function: impl AsRef<[u8]>,
    unique: impl AsRef<[u8]>,
    workload: impl AsRef<[u8]>,
) -> Result<(), PacketError> {
    let args = [function.as_ref(), unique.as_ref(), workload.as_ref()];
    encode(Magic::Request, priority.submit_type(background), &args, out)
}

macro_rules! submits {
    ($($name:ident $protocol:literal $priority:ident $background:literal,)*) => {
        $(
            #[doc = concat!("Appends ", $protocol, ": see [`submit`].")]
            ///
            /// # Errors
            /// As [`submit`].
            pub fn $name(
                out: &mut Vec<u8>,
                function: impl AsRef<[u8]>,
                unique: impl AsRef<[u8]>,
                workload: impl AsRef<[u8]>,
            ) -> Result<(), PacketError> {
                submit(out, Priority::$priority, $background, function, unique, workload)
            }
        )*
    };
}

submits! {
    submit_job "SUBMIT_JOB" Normal false,
    submit_job_bg "SUBMIT_JOB_BG" Normal true,
    submit_job_high "SUBMIT_JOB_HIGH" High false,
    submit_job_high_bg "SUBMIT_JOB_HIGH_BG" High true,
    submit_job_low "SUBMIT_JOB_LOW" Low false,
    submit_job_low_bg "SUBMIT_JOB_LOW_BG" Low true,
}

/// Appends SUBMIT_JOB_EPOCH: a background job that no worker is given before `epoch_seconds` (of Unix time).
///
/// # Errors
/// As [`submit`].
pub fn submit_job_epoch(
    out: &mut Vec<u8>,
    function: impl AsRef<[u8]>,
    unique: impl AsRef<[u8]>,
    epoch_seconds: u64,
    workload: impl AsRef<[u8]>,
) -> Result<(), PacketError> {
    let epoch = epoch_seconds.to_string();
    let args = [function.as_ref(), unique.as_ref(), epoch.as_bytes(), workload.as_ref()];
    encode(Magic::Request, PacketType::SubmitJobEpoch, &args, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decoder;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_submitted_is_read_back_or_refused(
            function in proptest::collection::vec(0_u8..4, 0..6),
            unique in proptest::collection::vec(0_u8..4, 0..6),
            workload in proptest::collection::vec(0_u8..4, 0..6),
        ) {
            let mut out = Vec::new();
            let result = submit_job(&mut out, &function, &unique, &workload);
            if function.contains(&0) || unique.contains(&0) {
                prop_assert!(result.is_err());
                prop_assert!(out.is_empty());
            } else {
                let mut decoder = Decoder::new(usize::MAX);
                decoder.push(&out);
                let packet = decoder.next_packet().unwrap().unwrap();
                prop_assert_eq!(packet.args::<3>().unwrap(), [&function[..], &unique, &workload]);
            }
        }
    }
}
