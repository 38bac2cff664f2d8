//! What runs in a host and in a worker process: registry, job loop, codecs, hooks, fork server.

pub mod api;
pub mod host;
mod process;
mod safety;

pub use api::{
    AddedJob, Answer, AsyncJobBody, AsyncJobClient, AsyncJobSpec, AsyncMethod, Caller, Codec, Error, Job,
    JobAttributes, JobBody, JobClient, JobError, JobLink, JobSpec, Json, LoadError, LoadRequest, Loaded,
    LoadedFunction, LoadedJob, Method, Notes, Outcome, ProcessWorker, Report, Sent, TestWorker, Worker, WorkerOptions,
    load,
};
