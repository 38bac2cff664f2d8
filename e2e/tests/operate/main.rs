//! Operating a driver: console, configuration, command line, bad input; and the pages of docs/ about them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bounds;
mod console;
mod console_page;
mod support;
