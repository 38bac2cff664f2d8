//! Any bytes as a configuration file, TOML or YAML: a configuration, or an error that can be told and underlined.
#![no_main]

mod words;

use std::path::Path;

use gearman_driver_core::config::{ConfigError, Layer, Origin};
use libfuzzer_sys::fuzz_target;

const WORDS: [&str; 40] = [
    "server",
    "namespaces",
    "lib",
    "console_port",
    "console-host",
    "interval",
    "max_idle_time",
    "loglevel",
    "loglayout",
    "log_format",
    "logfile",
    "daemonize",
    "pidfile",
    "user",
    "unknown_job_command",
    "shutdown-timeout",
    "scaling",
    "worker_options",
    "job_runtime_attributes",
    "min_processes",
    "max-processes",
    "GLOBAL",
    "configfile",
    "job",
    " = ",
    ": ",
    "\n",
    "\n  ",
    "\n- ",
    "[",
    "]",
    "[[",
    "{",
    "}",
    ", ",
    "\"",
    "'",
    "5m",
    "localhost:4730",
    "true",
];

/// What reports make of an error.
fn tell(error: &ConfigError) {
    let line = error.to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert!(line.starts_with(&error.message()), "{line:?}");
    let _ = (error.code(), error.help());
    if let Some(label) = error.label() {
        assert!(label.source_text.get(label.range.clone()).is_some(), "{:?} of {:?}", label.range, label.source_text);
    }
}

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (toml, spell, bytes) = input;
    let bytes = if spell { words::spelled_out(bytes, &WORDS) } else { bytes.to_vec() };
    // As it is read: what is no UTF-8 is refused before.
    let Ok(text) = std::str::from_utf8(&bytes) else { return };
    let path = Path::new(if toml { "a.toml" } else { "a.yaml" });
    match Layer::from_file(path, text, &Origin::CommandLine) {
        Ok(layer) => {
            if let Err(error) = Layer::merge([layer]) {
                tell(&error);
            }
        }
        Err(error) => tell(&error),
    }
});
