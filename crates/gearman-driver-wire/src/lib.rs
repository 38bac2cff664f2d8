//! What passes between gearman-driver's processes, in one place that both sides use.
//!
//! - [`role`]: how an executable that is started again learns that it is a host.
//! - [`host`]: the host protocol, newline-delimited JSON (written down in `docs/host-protocol.md`).
//! - [`job_limits`]: what may be said of a job besides its bounds, in both directions of that protocol.
//! - [`program`]: what a program's code says of the configuration, for a reload.
//! - [`safety`]: fewer rights for a job's processes, in `load`.
//! - [`scoreboard`]: the layout of the shared memory in which worker processes say what they do.
//! - [`loglevel`]: how the driver's `loglevel` stands in shared memory.
//! - [`record`]: how a log record of a worker travels on its standard error.
//! - [`client_id`]: the name under which a worker process is known to a job server.
//!
//! Nothing here does I/O: text and bytes in, values out, and the other way round.

pub mod client_id;
pub mod host;
pub mod job_limits;
pub mod loglevel;
pub mod poison;
pub mod program;
pub mod record;
pub mod role;
pub mod safety;
pub mod scoreboard;
