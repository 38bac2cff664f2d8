//! The console: a line protocol on TCP, as the original's, so that its scripts go on working.
//!
//! A command is a line (LF or CRLF), words separated by white space. The answer is lines, then a line with a single
//! dot, each ending in CRLF. An error is a line that begins with `ERR`, then the dot.
//!
//! | what | bound |
//! | --- | --- |
//! | a line | 8 KiB, else `ERR line_too_long`, and closed |
//! | connections | 64, else `ERR too_many_connections`, and closed |
//! | a client whose machine is gone | closed after 2 minutes (TCP keepalive) |
//! | a client that does not read | closed when it has taken nothing for 30 s |
//! | a first line that looks like HTTP | closed: a browser was tricked into talking to us |
//!
//! Commands: [`commands`], one file each. What they do is pure ([`Commands::interpret`]): a line and a snapshot in, an
//! [`Action`] out; the session carries it out.

mod answer;
pub mod commands;
mod line;
mod server;
mod session;
mod text;
#[cfg(feature = "transcript")]
pub mod transcript;

pub use commands::{Action, Call, Command, CommandError, Commands, NameError, Task};
pub use server::{MAX_CONNECTIONS, serve};
pub use session::session;

/// The longest line that is read, without its end.
pub const MAX_LINE: usize = 8 * 1024;
