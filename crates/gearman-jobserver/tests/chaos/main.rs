//! Whatever is received: no panic, no contradiction in what the server keeps, no job left behind.
#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::env;
use std::time::{Duration, Instant};

use proptest::prelude::*;

proptest! {
    #[test]
    fn nothing_is_contradicted_or_left_behind(bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        world::play(&bytes);
    }
}

/// `CHAOS_SECONDS=60 cargo test --release -p gearman-jobserver --test chaos -- --ignored` where there is no cargo-fuzz.
#[test]
#[ignore = "runs as long as CHAOS_SECONDS says"]
fn for_long() {
    let seconds = env::var("CHAOS_SECONDS").unwrap_or_default().parse().unwrap_or(60);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut runs = 0;
    while Instant::now() < end {
        let len = 100 + runs % 4000;
        let bytes: Vec<u8> = (0..len)
            .map(|_| {
                // xorshift
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            })
            .collect();
        world::play(&bytes);
        runs += 1;
    }
    println!("{runs} runs in {seconds} s");
}
