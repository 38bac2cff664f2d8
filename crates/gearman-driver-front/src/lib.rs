//! The console of gearman-driver, over a handle; no state of its own.
