//! The life of a driver's processes, and what happens when one of them, or a job server, fails.
#![allow(clippy::unwrap_used, reason = "a test")]

mod drains;
mod host;
mod shutdown;
mod supervisor;
mod support;
mod worker;
