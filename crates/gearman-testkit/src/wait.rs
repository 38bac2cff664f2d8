//! Waiting for conditions: a test names what it waits for and how long that may take.

use std::thread;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(5);

/// Polls `probe` every 5 ms until it gives `Some`, and returns that.
///
/// # Panics
/// After `deadline`, naming `what`.
#[track_caller]
pub fn eventually<T>(what: &str, deadline: Duration, probe: impl FnMut() -> Option<T>) -> T {
    poll(deadline, probe).unwrap_or_else(|| panic!("not within {deadline:?}: {what}"))
}

/// As [`eventually`]; when it fails, the panic also shows `state()`: what was there instead.
///
/// # Panics
/// After `deadline`, naming `what` and showing `state()`.
#[track_caller]
pub fn eventually_or<T>(
    what: &str,
    deadline: Duration,
    probe: impl FnMut() -> Option<T>,
    state: impl FnOnce() -> String,
) -> T {
    poll(deadline, probe).unwrap_or_else(|| panic!("not within {deadline:?}: {what}; instead: {}", state()))
}

fn poll<T>(deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        // Looks once more after the end: a slow machine must not fail a test whose condition holds.
        let last_look = Instant::now() >= end;
        if let Some(found) = probe() {
            return Some(found);
        }
        if last_look {
            return None;
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_the_probe_finds() {
        let mut looks = 0;
        let found = eventually("the third look", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "not within 1ms: a flag; instead: no flag")]
    fn shows_the_state_when_it_fails() {
        eventually_or("a flag", Duration::from_millis(1), || None::<()>, || "no flag".to_owned());
    }
}
