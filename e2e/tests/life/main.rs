//! The life of a driver's processes, and what happens when one of them, or a job server, fails.
//!
//! Tests that name no kind of job server have little to do with it, and run with gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

mod console;
mod descriptors;
mod disk;
mod drains;
mod faulty;
mod frozen;
mod garbage;
mod host;
mod inheritance;
mod orphans;
mod poison;
mod proxy;
mod reload;
mod runtime_dir;
mod servers;
mod shortage;
mod shutdown;
mod signals;
mod supervisor;
mod support;
mod unread;
mod worker;
