//! Any life of a job server: no panic, no contradiction in what it keeps, no job left behind.
#![no_main]

#[path = "../../crates/gearman-jobserver/tests/chaos/world.rs"]
mod world;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| world::play(bytes));
