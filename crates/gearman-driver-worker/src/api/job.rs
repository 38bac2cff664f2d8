//! The one piece of work in hand, and the line back to the job server that gave it.

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use gearman_protocol::JobAssignment;

use super::{AsyncJobClient, JobClient, JobError};

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

/// The piece of work in hand: what a client has asked for, given by a job server. (What processes are kept for is called a
/// job too: that is `JobSpec` where it is declared, `JobRef` in the running driver.)
///
/// A job method gets it as `&mut Job`, beside the workload, and ends it by returning: the result, or an error. On the way it
/// may tell the client how it goes ([`send_status`](Job::send_status), [`send_data`](Job::send_data),
/// [`send_warning`](Job::send_warning)), and have other jobs done ([`client`](Job::client)). Clients of background jobs
/// hear nothing of this, but can ask the job server for the status.
pub struct Job {
    link: Rc<dyn JobLink>,
    /// Shared with the runner, so that a method can hold the job mutably and its workload at once, without a copy.
    assignment: Rc<JobAssignment>,
    texts: Texts,
}

/// What of an assignment is no UTF-8, made readable when first asked for.
#[derive(Default)]
struct Texts {
    handle: OnceCell<String>,
    function: OnceCell<String>,
    unique: OnceCell<String>,
}

impl Job {
    /// A job that came by `link`. Nothing is copied.
    pub(crate) fn new(link: Rc<dyn JobLink>, assignment: Rc<JobAssignment>) -> Self {
        Self { link, assignment, texts: Texts::default() }
    }

    /// The job server's name for this job, such as `H:host:12`.
    #[must_use]
    pub fn handle(&self) -> &str {
        text(self.assignment.handle(), &self.texts.handle)
    }

    /// The function asked for, as it is registered: with the worker's prefix.
    #[must_use]
    pub fn function_name(&self) -> &str {
        text(self.assignment.function(), &self.texts.function)
    }

    /// The client's name for this job; empty where it gave none. Bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn unique(&self) -> &str {
        text(self.assignment.unique().unwrap_or_default(), &self.texts.unique)
    }

    /// The workload as the client sent it, before any decoder.
    #[must_use]
    pub fn workload(&self) -> &[u8] {
        self.assignment.workload()
    }

    /// Tells the client how far the job is (PROTOCOL: WORK_STATUS).
    ///
    /// # Errors
    /// [`JobError::Server`] when the job server is gone.
    pub fn send_status(&self, numerator: u64, denominator: u64) -> Result<(), JobError> {
        self.link.send(Report::Status { numerator, denominator })
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

    /// A client of the driver's job servers, for jobs that need others done. All jobs of a process share its connection.
    #[must_use]
    pub fn client(&self) -> JobClient {
        JobClient::new(self.link.servers())
    }

    /// An asynchronous client of the driver's job servers, for asynchronous jobs that need others done.
    #[must_use]
    pub fn client_async(&self) -> AsyncJobClient {
        AsyncJobClient::new(self.link.servers())
    }

    /// The runner's own hold on the workload, beside the `&mut Job` that the method gets.
    pub(crate) fn assignment(&self) -> Rc<JobAssignment> {
        Rc::clone(&self.assignment)
    }
}

fn text<'a>(bytes: &'a [u8], replaced: &'a OnceCell<String>) -> &'a str {
    std::str::from_utf8(bytes).unwrap_or_else(|_| replaced.get_or_init(|| String::from_utf8_lossy(bytes).into_owned()))
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("handle", &self.handle())
            .field("function", &self.function_name())
            .field("unique", &self.unique())
            .field("workload_len", &self.workload().len())
            .finish_non_exhaustive()
    }
}
