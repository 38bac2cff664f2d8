//! How workload bytes become what a method takes, and what it returns becomes bytes, where no codec is named.

use serde::{Deserialize, Serialize};

use super::{Error, JobError};

/// A workload or a result as JSON: the original's decode and encode, as types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// What a job method may take as its workload.
#[diagnostic::on_unimplemented(
    message = "a job method cannot take its workload as `{Self}`",
    label = "no workload type",
    note = "a workload is `&[u8]`, `Vec<u8>`, `&str`, `String`, `Json<T>`, or what a decoder returns: `#[job(decode = \"my_decoder\")]`"
)]
pub trait FromWorkload<'a>: Sized {
    /// Makes the value of the bytes.
    ///
    /// # Errors
    /// [`JobError::Workload`] when the bytes are no such value.
    fn from_workload(workload: &'a [u8]) -> Result<Self, JobError>;
}

impl<'a> FromWorkload<'a> for &'a [u8] {
    fn from_workload(workload: &'a [u8]) -> Result<Self, JobError> {
        Ok(workload)
    }
}

impl<'a> FromWorkload<'a> for Vec<u8> {
    fn from_workload(workload: &'a [u8]) -> Result<Self, JobError> {
        Ok(workload.to_vec())
    }
}

impl<'a> FromWorkload<'a> for &'a str {
    fn from_workload(workload: &'a [u8]) -> Result<Self, JobError> {
        std::str::from_utf8(workload)
            .map_err(|error| JobError::Workload { wanted: "UTF-8 text", reason: error.to_string() })
    }
}

impl<'a> FromWorkload<'a> for String {
    fn from_workload(workload: &'a [u8]) -> Result<Self, JobError> {
        <&str>::from_workload(workload).map(str::to_owned)
    }
}

impl<'a, T: Deserialize<'a>> FromWorkload<'a> for Json<T> {
    fn from_workload(workload: &'a [u8]) -> Result<Self, JobError> {
        serde_json::from_slice(workload)
            .map(Json)
            .map_err(|error| JobError::Workload { wanted: "the JSON expected", reason: error.to_string() })
    }
}

/// What a job method, or an encoder, may return (alone, or in a `Result`).
#[diagnostic::on_unimplemented(
    message = "a job method cannot return `{Self}`",
    label = "no result type",
    note = "a job returns `Vec<u8>`, `&'static [u8]`, `String`, `&'static str`, `()` or `Json<T>`, alone or in a `Result` whose error is `Into<Error>`, or what its encoder takes: `#[job(encode = \"my_encoder\")]`"
)]
pub trait IntoOutput {
    /// Makes the bytes for WORK_COMPLETE.
    ///
    /// # Errors
    /// [`JobError::Output`] when the value cannot be written.
    fn into_output(self) -> Result<Vec<u8>, JobError>;
}

impl IntoOutput for Vec<u8> {
    fn into_output(self) -> Result<Vec<u8>, JobError> {
        Ok(self)
    }
}

impl IntoOutput for &'static [u8] {
    fn into_output(self) -> Result<Vec<u8>, JobError> {
        Ok(self.to_vec())
    }
}

impl IntoOutput for String {
    fn into_output(self) -> Result<Vec<u8>, JobError> {
        Ok(self.into_bytes())
    }
}

impl IntoOutput for &'static str {
    fn into_output(self) -> Result<Vec<u8>, JobError> {
        Ok(self.as_bytes().to_vec())
    }
}

impl IntoOutput for () {
    fn into_output(self) -> Result<Vec<u8>, JobError> {
        Ok(Vec::new())
    }
}

impl<T: Serialize> IntoOutput for Json<T> {
    fn into_output(self) -> Result<Vec<u8>, JobError> {
        serde_json::to_vec(&self.0).map_err(|error| JobError::Output(error.to_string()))
    }
}

/// [`FromWorkload::from_workload`] with the error that worker code uses.
#[doc(hidden)]
pub fn from_workload<'a, T: FromWorkload<'a>>(workload: &'a [u8]) -> Result<T, Error> {
    Ok(T::from_workload(workload)?)
}

/// [`IntoOutput::into_output`] with the error that worker code uses.
#[doc(hidden)]
pub fn into_output<T: IntoOutput>(value: T) -> Result<Vec<u8>, Error> {
    Ok(value.into_output()?)
}
