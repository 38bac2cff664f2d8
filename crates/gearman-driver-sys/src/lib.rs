//! The only unsafe code of gearman-driver: each piece small, with the argument why it is sound.
//!
//! - [`clock`]: the clock of the scoreboard.
//! - [`fork`]: forking a worker process, only from a process with one thread.
//! - [`daemon`]: leaving the terminal and the session.
//! - [`signal`]: handlers that set a flag and write to a pipe, inherited by nobody.
//! - [`lifeline`]: how a process learns that the supervisor is gone, in the middle of a job too.
//! - [`shared`]: a slot of shared memory.
//! - [`title`]: what `ps` shows.
//! - [`environment`]: the environment, changed only with one thread.
//! - [`accounts`], [`privileges`], [`rlimits`]: users and groups; less that a process may do, for good; what it may use.
//! - [`reap`]: waiting for children without losing their PID.
//! - [`hugepages`]: huge pages for what a host has loaded.
//! - [`heap`]: the C library's heap, made ready for forks.
//! - [`memory`]: how much memory this process shares with no other.
//! - [`fds`]: descriptors: which are sockets.
//! - [`limits`]: how many descriptors may be open, and what to say when a limit is reached.

pub mod accounts;
pub mod clock;
pub mod daemon;
pub mod environment;
pub mod fds;
pub mod fork;
pub mod heap;
pub mod hugepages;
pub mod lifeline;
pub mod limits;
pub mod memory;
pub mod privileges;
pub mod reap;
pub mod rlimits;
pub mod shared;
pub mod signal;
mod stat;
pub mod title;
