//! What one source says, and how layers are laid over each other.

use std::collections::BTreeMap;

use super::codec::ValueError;
use super::error::ConfigError;
use super::registry::{OPTIONS, Support, Takes};
use super::{OptionSpec, Origin, Place, RuntimeAttributes, Sourced, find_option};
use crate::suggest;

pub use super::registry::Layer;

/// Options of workers by type path (or `GLOBAL`) and key.
pub(super) type WorkerOptions = BTreeMap<String, BTreeMap<String, Sourced<serde_json::Value>>>;

/// Bounds of jobs by type path `::` method or group.
pub(super) type JobOverrides = BTreeMap<String, JobOverride>;

/// Bounds of one job, each with where it came from.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct JobOverride {
    /// `min_processes`
    pub min_processes: Option<Sourced<u32>>,
    /// `max_processes`
    pub max_processes: Option<Sourced<u32>>,
}

impl JobOverride {
    /// Refuses a minimum above the maximum; `place` says where, given the origin of the maximum.
    pub(super) fn check(&self, job: &str, place: impl FnOnce(&Origin) -> Box<Place>) -> Result<(), ConfigError> {
        match (&self.min_processes, &self.max_processes) {
            (Some(min), Some(max)) if min.value > max.value => Err(ConfigError::MinOverMax {
                job: job.to_owned(),
                min: min.value,
                max: max.value,
                place: place(&max.origin),
            }),
            _ => Ok(()),
        }
    }
}

impl Layer {
    /// A layer that says nothing.
    pub fn new() -> Self {
        Layer::default()
    }

    /// The layer of the defaults.
    pub fn defaults() -> Self {
        let mut layer = Layer::new();
        for spec in OPTIONS.iter().filter(|spec| spec.is_ready()) {
            if let Some(default) = spec.default {
                layer
                    .set(spec.name, default, Origin::Default)
                    .expect("the registry's defaults are valid: a test sets each of them");
            }
        }
        layer
    }

    /// Sets one option from its text; for a list, the list of this one text.
    ///
    /// # Errors
    /// There is no such option, it is not ready yet, or the text is no value for it.
    pub fn set(&mut self, name: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        self.set_list(name, &[text], origin)
    }

    /// Sets one option from all texts that were given for it; where it takes one value, the last counts.
    ///
    /// # Errors
    /// As [`Layer::set`]; the first text that is wrong, for a list.
    pub fn set_list(&mut self, name: &str, texts: &[&str], origin: Origin) -> Result<(), ConfigError> {
        let spec = find_option(name).ok_or_else(|| ConfigError::Unknown {
            what: "option",
            name: name.to_owned(),
            suggestion: suggest::nearest(name, OPTIONS.iter().map(|spec| spec.name)).map(str::to_owned),
            place: origin.clone().into(),
        })?;
        match spec.support {
            Support::Ready { texts: set, .. } => {
                set(self, texts, origin.clone()).map_err(|error| error.at(spec.name, origin))
            }
            Support::NotYet => Err(not_yet(spec).at(spec.name, origin)),
        }
    }

    /// Sets an option of a worker's constructor; `worker` is a type path or `GLOBAL`.
    pub fn set_worker_option(&mut self, worker: &str, key: &str, value: serde_json::Value, origin: Origin) {
        self.worker_options.entry(worker.to_owned()).or_default().insert(key.to_owned(), Sourced::new(value, origin));
    }

    /// Sets bounds of a job; `job` is a type path `::` method or process group. What `attributes` leaves
    /// open stays as it is.
    pub fn set_runtime_attributes(&mut self, job: &str, attributes: RuntimeAttributes, origin: &Origin) {
        let entry = self.job_runtime_attributes.entry(job.to_owned()).or_default();
        let sourced = |number| Sourced::new(number, origin.clone());
        if let Some(min) = attributes.min_processes {
            entry.min_processes = Some(sourced(min));
        }
        if let Some(max) = attributes.max_processes {
            entry.max_processes = Some(sourced(max));
        }
    }

    /// Lays this layer over `lower`: what it says wins, worker options and job attributes key by key.
    pub(super) fn over(mut self, mut lower: Layer) -> Layer {
        self.fill_options(&mut lower);
        for (worker, options) in lower.worker_options {
            let mine = self.worker_options.entry(worker).or_default();
            for (key, value) in options {
                mine.entry(key).or_insert(value);
            }
        }
        for (job, bounds) in lower.job_runtime_attributes {
            let mine = self.job_runtime_attributes.entry(job).or_default();
            mine.min_processes = mine.min_processes.take().or(bounds.min_processes);
            mine.max_processes = mine.max_processes.take().or(bounds.max_processes);
        }
        self
    }
}

/// The refusal of an option that is known and not there yet.
pub(super) fn not_yet(spec: &OptionSpec) -> ValueError {
    let kind = if spec.takes == Takes::Flag { "flag" } else { "option" };
    let help = spec.help.trim_end_matches('.');
    let (first, rest) = help.split_at(help.chars().next().map_or(0, char::len_utf8));
    let help = format!("{}{rest}", first.to_lowercase());
    ValueError::NotYet { reason: format!("a later release has this {kind} ({help})") }
}

impl OptionSpec {
    /// Checks that `text` is a value for this option, without the option's name in the answer: for
    /// command line parsers, which say the name themselves.
    ///
    /// # Errors
    /// The reason, and how to mend it where there is something to say.
    pub fn check(&self, text: &str) -> Result<(), String> {
        let result = match self.support {
            Support::Ready { texts: set, .. } => set(&mut Layer::new(), &[text], Origin::CommandLine),
            Support::NotYet => Err(not_yet(self)),
        };
        result.map_err(|error| error.to_string())
    }
}
