//! A real gearmand for tests, and waiting for conditions instead of sleeping.
//!
//! [`Gearmand`] starts the job server that users have, one per test on its own port, and ends it by its PID;
//! [`JobServer`] does so with any program that takes gearmand's arguments. [`Running`] is a program that a test runs.
//! [`eventually`] polls for a condition under a deadline. What a test says to the job server beyond the admin text is
//! left to the crate under test.

mod admin;
mod gearmand;
mod job_server;
mod ports;
mod running;
mod spawn;
mod wait;

pub use admin::StatusLine;
pub use gearmand::Gearmand;
pub use job_server::JobServer;
pub use ports::free_port;
pub use running::Running;
pub use wait::{eventually, eventually_or};
