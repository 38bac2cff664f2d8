//! Finds ports that tests may listen on.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the kernel's range for outgoing connections (it begins at 32768). In that range, a client that calls a stopped
/// server on 127.0.0.1 again and again can be given the very port that it calls, and is then connected to itself.
const RANGE: Range<u16> = 15_000..32_000;

/// A port of 127.0.0.1 that nobody listens on at this moment.
///
/// Another process may take it before you do: whoever binds it should be ready to ask for another one.
///
/// # Panics
/// When 500 random ports are all taken.
#[must_use]
pub fn free_port() -> u16 {
    let span = u64::from(RANGE.end - RANGE.start);
    for attempt in 0..500_u32 {
        // Each RandomState is seeded anew, so test processes that run at the same time look in different places.
        let offset = RandomState::new().hash_one(attempt) % span;
        let port = RANGE.start + u16::try_from(offset).expect("the span of a range of u16 fits");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("500 random ports of {RANGE:?} on 127.0.0.1 are all taken");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn can_be_bound_and_lies_below_the_outgoing_ports() {
        let port = free_port();
        assert!(RANGE.contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
