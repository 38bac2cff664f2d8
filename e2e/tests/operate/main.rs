//! Operating a driver: console, configuration, command line, bad input; and the pages of docs/ about them.
//!
//! Tests that name no kind of job server have little to do with it, and run with gearmand.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod bounds;
mod command;
mod configuration;
mod configuration_page;
mod console;
mod console_fuzz;
mod console_page;
mod operations_page;
mod support;
