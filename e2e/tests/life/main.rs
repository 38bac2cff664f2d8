//! The life of a driver's processes, and what happens when one of them, or a job server, fails.
#![allow(clippy::unwrap_used, reason = "a test")]

mod drains;
mod frozen;
mod garbage;
mod host;
mod inheritance;
mod poison;
mod runtime_dir;
mod servers;
mod shutdown;
mod signals;
mod supervisor;
mod support;
mod worker;
