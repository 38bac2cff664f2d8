//! What the end-to-end tests share: a driver as a child process, its console, and the kinds of job servers.
//!
//! Each test starts its own job server (crate `gearman-testkit`) and its own driver, on free ports; whatever happens,
//! nothing of either is left when the test ends.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a helper of tests fails the test")]

mod chance;
mod console;
mod driver;
mod ended;
mod page;
mod processes;
mod server_kind;
pub mod simulate;

pub use chance::Chance;
pub use console::Console;
pub use driver::{Farm, FarmBuilder};
pub use ended::Ended;
pub use page::assert_page;
pub use processes::{Proc, descendants, inhabitants, is_alive, look};
pub use server_kind::ServerKind;

use std::time::Duration;

/// How long a test waits for what must come: long, for loaded machines; only a failing test waits it out.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The examples of these pages are compiled as doc tests. (Here, not in the crate that they are about: its package has
/// no files of the repository.)
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../docs/guide.md")]
    struct Guide;
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../crates/gearman-driver/README.md")]
    struct Library;
    #[doc = include_str!("../../crates/gearman-jobserver/README.md")]
    struct JobServer;
}
