//! Configuration: text in, a [`Config`] or an error with its place out.
//!
//! Decides which options there are ([`OPTIONS`]), how each is read from the command line, the environment,
//! a TOML or YAML file and the builder, which source wins, and what is refused with which words. Reading
//! files and the environment is the caller's; so is `clap` (crate `gearman-driver`). Job servers, worker
//! types and jobs are only names here: whether they exist is found out later, and [`Config::origin`] says
//! where a name came from.
//!
//! The way of a value: each source becomes a [`Layer`] ([`Layer::set`], [`Layer::from_environment`],
//! [`Layer::from_file`]), and [`Layer::merge`] makes one [`Config`] of them.
//!
//! To add an option: one entry in the registry (`config/registry.rs`) and one field in [`Config`]. What may be set for one
//! job is listed in `config/job_attributes.rs`.

mod codec;
mod environment;
mod error;
mod file;
mod from_toml;
mod from_yaml;
mod job_attributes;
mod layer;
mod node;
mod origin;
mod registry;
mod resolve;
mod safety;
mod save;

#[cfg(test)]
mod tests;

pub use environment::{ENVIRONMENT_PREFIX, ROLE_PREFIX};
pub use error::{ConfigError, Label, Place};
pub use file::MAX_FILE_SIZE;
pub use job_attributes::{JOB_ATTRIBUTES, JobAttribute, JobOverride, MIN_MAX_MEMORY, RuntimeAttributes};
pub use layer::Layer;
pub use origin::{Origin, Sourced};
pub use registry::{Changes, OPTIONS, OptionSpec, Takes, find_option};
pub use resolve::Config;
pub use safety::{RESOURCES, Rlimit};
pub use save::{LiveChanges, SaveError};
