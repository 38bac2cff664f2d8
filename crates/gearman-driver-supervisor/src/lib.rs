//! The tokio shell around the manager: event loop, effects, observer, launchers, signals, log.
