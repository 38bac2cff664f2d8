//! Records of workers that use `tracing` arrive at the logger, as those of `log` do.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Mutex;

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Seen;

impl log::Log for Seen {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        SEEN.lock().unwrap().push(format!("{} {} {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn tracing_speaks_to_the_logger() {
    log::set_logger(&Seen).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    tracing::warn!(target: "app::image", "no colours");
    tracing::debug!(target: "app::image", "not wanted");
    assert_eq!(*SEEN.lock().unwrap(), ["WARN app::image no colours"]);
}
