//! Records of the `log` crate in this process become lines of the log.
//!
//! They are those of our own libraries (the embedded job server has something to say); what others write there for their
//! debugging is not the operator's business. In a program that has a logger of its own, they go there.

use gearman_driver_core::level::Level;
use gearman_driver_core::log_entry::Entry;

use crate::log::{CATEGORY, Log};

/// What the targets of our own records begin with.
const OURS: &str = "gearman_";

/// Takes the records from now on, unless the program has a logger already.
pub(crate) fn take(log: &Log) {
    if ::log::set_boxed_logger(Box::new(Records(log.clone()))).is_ok() {
        ::log::set_max_level(::log::LevelFilter::Trace);
    }
}

struct Records(Log);

impl ::log::Log for Records {
    fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
        metadata.target().starts_with(OURS) && self.0.writes(level(metadata.level()))
    }

    fn log(&self, record: &::log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.write(&Entry::new(level(record.level()), CATEGORY, &record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

fn level(level: ::log::Level) -> Level {
    match level {
        ::log::Level::Error => Level::Error,
        ::log::Level::Warn => Level::Warn,
        ::log::Level::Info => Level::Info,
        ::log::Level::Debug => Level::Debug,
        ::log::Level::Trace => Level::Trace,
    }
}
