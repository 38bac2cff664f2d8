//! A Gearman job server inside a program: in memory, for trying things out and for tests.
//!
//! It speaks the whole protocol of `gearmand`, whose clients, workers and administration tools work with it unchanged.
//! Nothing is written to disk: what is queued is gone when it stops. In production, run `gearmand`.
//!
//! ```
//! use gearman_jobserver::JobServer;
//!
//! # fn main() -> std::io::Result<()> {
//! let server = JobServer::start(([127, 0, 0, 1], 0))?;
//! println!("workers and clients may connect to {}", server.address());
//! server.stop();
//! # Ok(())
//! # }
//! ```
//!
//! # Theory of operation
//! | module | what |
//! | --- | --- |
//! | [`Server`] | all that a job server decides, without I/O and without a clock: bytes in, bytes out, time comes in |
//! | [`serve`] | the sockets around it, on any tokio runtime |
//! | [`JobServer`] | a thread with a runtime of its own, for those who have none |
//!
//! `Server` collects what it has to say per connection. The sockets' side writes it once per turn, however many packets
//! that is, and never waits for a connection that does not read.
//!
//! # Bounds
//! [`Limits`] bounds the size of a packet, the number of connections, the memory of queued jobs and what is kept for a
//! connection that does not read. What goes over a bound is told to the one who did it, and in the log (crate `log`).
//!
//! # Where it differs from gearmand
//! Where `gearmand` is known to be wrong. docs/conformance.md of the repository lists each such case.

mod budget;
mod clock;
mod function;
mod input;
mod job;
mod job_server;
mod limits;
mod links;
mod server;
mod shell;

pub use clock::Moment;
pub use job_server::JobServer;
pub use limits::{Identity, Limits};
pub use links::ConnectionId;
pub use server::Server;
pub use shell::{serve, serve_with};
