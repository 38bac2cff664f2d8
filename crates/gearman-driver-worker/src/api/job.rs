//! The one piece of work in hand, and the line back to the job server that gave it.

use std::fmt;
use std::rc::Rc;

use super::JobError;

/// What a running job can say to its client, by way of its job server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report<'a> {
    /// PROTOCOL: WORK_STATUS. How far the job is.
    Status {
        /// Done so far.
        numerator: u64,
        /// To be done in all.
        denominator: u64,
    },
    /// PROTOCOL: WORK_DATA. A part of the result, ahead of its end.
    Data(&'a [u8]),
    /// PROTOCOL: WORK_WARNING.
    Warning(&'a [u8]),
}

/// The line from one running job to the world. The process loop implements it, and [`TestWorker`](super::TestWorker).
pub trait JobLink {
    /// Sends one report about the job that holds this link.
    ///
    /// # Errors
    /// [`JobError::Server`] when the connection that the job came by is gone.
    fn send(&self, report: Report<'_>) -> Result<(), JobError>;

    /// `host:port` of the job server that gave the job.
    fn server(&self) -> &str;

    /// All job servers of the driver, `host:port,host:port`: what [`Job::client`] connects to.
    fn servers(&self) -> &str;
}

/// What the job server said about a job (PROTOCOL: JOB_ASSIGN_UNIQ), kept apart from [`Job`] so that a method can hold
/// the job mutably and its workload at once, without a copy of the workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobParts {
    /// The job server's name for this job.
    pub handle: String,
    /// The function asked for.
    pub function: String,
    /// The client's name for this job; empty where it gave none.
    pub unique: String,
    /// What the client sent, as it stands.
    pub workload: Vec<u8>,
}

/// The piece of work in hand.
pub struct Job {
    link: Rc<dyn JobLink>,
    parts: Rc<JobParts>,
}

impl Job {
    /// A job that came by `link`. Costs two pointers: nothing is copied.
    #[must_use]
    pub fn new(link: Rc<dyn JobLink>, parts: Rc<JobParts>) -> Self {
        Self { link, parts }
    }

    /// The job server's name for this job, such as `H:host:12`.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.parts.handle
    }

    /// The function asked for, with its prefix.
    #[must_use]
    pub fn function_name(&self) -> &str {
        &self.parts.function
    }

    /// The client's name for this job; empty where it gave none.
    #[must_use]
    pub fn unique(&self) -> &str {
        &self.parts.unique
    }

    /// The workload as the client sent it, before any decoder.
    #[must_use]
    pub fn workload(&self) -> &[u8] {
        &self.parts.workload
    }

    /// Tells the client how far the job is (PROTOCOL: WORK_STATUS).
    ///
    /// # Errors
    /// [`JobError::Server`] when the job server is gone.
    pub fn send_status(&self, numerator: u64, denominator: u64) -> Result<(), JobError> {
        self.link.send(Report::Status {
            numerator,
            denominator,
        })
    }

    /// Sends the client a part of the result ahead of its end (PROTOCOL: WORK_DATA).
    ///
    /// # Errors
    /// [`JobError::Server`] when the job server is gone.
    pub fn send_data(&self, data: impl AsRef<[u8]>) -> Result<(), JobError> {
        self.link.send(Report::Data(data.as_ref()))
    }

    /// Sends the client a warning (PROTOCOL: WORK_WARNING).
    ///
    /// # Errors
    /// [`JobError::Server`] when the job server is gone.
    pub fn send_warning(&self, warning: impl AsRef<[u8]>) -> Result<(), JobError> {
        self.link.send(Report::Warning(warning.as_ref()))
    }

    /// `host:port` of the job server that gave this job.
    #[must_use]
    pub fn server(&self) -> &str {
        self.link.server()
    }

    /// The runner's own hold on the parts, beside the `&mut Job` that the method gets.
    pub(crate) fn parts(&self) -> Rc<JobParts> {
        Rc::clone(&self.parts)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("handle", &self.parts.handle)
            .field("function", &self.parts.function)
            .field("unique", &self.parts.unique)
            .field("workload_len", &self.parts.workload.len())
            .finish_non_exhaustive()
    }
}
