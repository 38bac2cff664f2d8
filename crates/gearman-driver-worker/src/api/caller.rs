//! What the typed callers that `#[worker]` writes (`ImageClient`) are made of: who has a job done, and how a value becomes
//! a workload and a result a value.
//!
//! The bounds on values hang on the caller's type, so that a workload that is only ever read (`Deserialize` alone) is no
//! error until somebody wants to send one.

use std::pin::Pin;

use gearman_protocol::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{AsyncJobClient, JobClient, JobError};

/// Who has a job done for a typed caller: `&mut Client` and `&JobClient`, which answer with a `Result`, and
/// `&AsyncJobClient`, which answers with a future of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot have jobs done",
    label = "no client",
    note = "a client is `&mut gearman_driver::Client`, `&job.client()` or `&job.client_async()`"
)]
pub trait Caller: Sized {
    /// What a call gives for a result of type `T`.
    type Answer<T: 'static>;

    /// Runs a job and reads its result.
    #[doc(hidden)]
    fn call<T: 'static>(self, call: TypedCall<T>) -> Self::Answer<T>;
}

/// One call: a function, its workload, how its result is read.
#[doc(hidden)]
pub struct TypedCall<T> {
    /// The function's registered name.
    pub function: &'static str,
    /// The workload, or why it can't be written.
    pub workload: Result<Vec<u8>, JobError>,
    /// Reads the result.
    pub read: fn(Vec<u8>) -> Result<T, String>,
}

impl<T> TypedCall<T> {
    fn result(&self, result: Vec<u8>) -> Result<T, JobError> {
        (self.read)(result).map_err(|reason| JobError::Result { function: self.function.to_owned(), reason })
    }
}

impl Caller for &mut Client {
    type Answer<T: 'static> = Result<T, JobError>;

    fn call<T: 'static>(self, mut call: TypedCall<T>) -> Result<T, JobError> {
        let workload = std::mem::replace(&mut call.workload, Ok(Vec::new()))?;
        let result = self
            .run(call.function, workload)
            .map_err(|source| JobError::Client { function: call.function.to_owned(), source })?;
        call.result(result)
    }
}

impl Caller for &JobClient {
    type Answer<T: 'static> = Result<T, JobError>;

    fn call<T: 'static>(self, mut call: TypedCall<T>) -> Result<T, JobError> {
        let workload = std::mem::replace(&mut call.workload, Ok(Vec::new()))?;
        call.result(self.run(call.function, workload)?)
    }
}

impl<'c> Caller for &'c AsyncJobClient {
    type Answer<T: 'static> = Pin<Box<dyn Future<Output = Result<T, JobError>> + 'c>>;

    fn call<T: 'static>(self, mut call: TypedCall<T>) -> Self::Answer<T> {
        Box::pin(async move {
            let workload = std::mem::replace(&mut call.workload, Ok(Vec::new()))?;
            call.result(self.run(call.function, workload).await?)
        })
    }
}

/// A value that a caller can send as JSON.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be sent as a workload: it is not `Serialize`",
    label = "not `Serialize`",
    note = "derive `serde::Serialize` for it; the worker itself needs `Deserialize` alone"
)]
pub trait SendsJson<T: ?Sized>: Caller {
    /// The workload.
    fn workload(value: &T) -> Result<Vec<u8>, JobError>;
}

impl<C: Caller, T: Serialize + ?Sized> SendsJson<T> for C {
    fn workload(value: &T) -> Result<Vec<u8>, JobError> {
        serde_json::to_vec(value).map_err(|error| JobError::Output(error.to_string()))
    }
}

/// A value that a caller can read from JSON.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a result cannot be read as `{T}`: it is not `Deserialize`",
    label = "not `Deserialize`",
    note = "derive `serde::Deserialize` for it; the worker itself needs `Serialize` alone"
)]
pub trait ReadsJson<T>: Caller {
    /// The result.
    fn result(bytes: Vec<u8>) -> Result<T, String>;
}

impl<C: Caller, T: DeserializeOwned> ReadsJson<T> for C {
    fn result(bytes: Vec<u8>) -> Result<T, String> {
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }
}

/// A result as text.
#[doc(hidden)]
pub fn text_result(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// A result of nothing.
#[doc(hidden)]
pub fn no_result(_: Vec<u8>) -> Result<(), String> {
    Ok(())
}
