//! The client and the admin text against a real gearmand, and the client against servers that misbehave.

// clippy.toml's leave for tests does not reach helpers outside of #[test] functions.
#![allow(clippy::unwrap_used)]

mod admin;
mod client;
mod odd_servers;
mod support;
