//! Every construct of the worker API, with the prelude alone, in a crate that forbids what generated code might stumble
//! over.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
// Methods take what the guide says they take; helpers of tests unwrap.
#![allow(clippy::needless_pass_by_value, clippy::unwrap_used)]

mod asynchronous;
mod callers;
mod image;
mod loaded;
mod shapes;
