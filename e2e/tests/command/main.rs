//! The driver as a program of the system: detached, with its pidfile, as another user, asked from the command line.
//!
//! Tests that name no kind of job server have little to do with it, and run with gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

mod daemonize;
mod identity;
mod log_format;
mod pidfile;
mod status;
mod support;
mod unknown_job_command;
