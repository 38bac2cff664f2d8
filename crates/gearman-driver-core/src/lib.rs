//! All decisions of gearman-driver: configuration, limits, scaling, the manager, layouts. No I/O, no clock.

pub mod config;
pub mod duration;
pub mod layout;
pub mod level;
pub mod log_entry;
pub mod size;
pub mod suggest;
pub mod words;

pub mod job;
pub mod limits;
pub mod manager;
pub mod order;
pub mod process;
pub mod scaling;
pub mod snapshot;
pub mod snapshot_json;
pub mod suspects_json;
pub mod terminal;
pub mod time;
