//! What runs in a host and in a worker process: registry, job loop, codecs, hooks, fork server.

pub mod api;
pub mod host;
mod process;
