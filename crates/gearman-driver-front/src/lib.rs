//! What operators talk to: the console of gearman-driver, over a [`Handle`] to the supervisor.
//!
//! It decides how input is read and answers are worded. What is ordered is decided by the manager
//! (crate `gearman-driver-core`), and all state is there: the front asks for a snapshot when it needs one.

pub mod console;
pub mod handle;

pub use handle::{DriverGone, Handle, Request};
