//! What one source says, and how layers are laid over each other.

use std::collections::BTreeMap;

use super::codec::ValueError;
use super::error::ConfigError;
use super::job_attributes::{self, JOB_ATTRIBUTES, JobOverride};
use super::node::Node;
use super::registry::{OPTIONS, Support, Takes};
use super::{OptionSpec, Origin, Sourced, find_option};
use crate::suggest;

pub use super::registry::Layer;

/// Options of workers by type path (or `GLOBAL`) and key.
pub(super) type WorkerOptions = BTreeMap<String, BTreeMap<String, Sourced<serde_json::Value>>>;

/// Attributes of jobs by type path `::` method or group.
pub(super) type JobOverrides = BTreeMap<String, JobOverride>;

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

    /// Sets an attribute of a job, given as JSON; `job` is a type path `::` method or process group.
    ///
    /// # Errors
    /// There is no such attribute, or the value is none for it.
    pub fn set_runtime_attribute(
        &mut self,
        job: &str,
        name: &str,
        value: &serde_json::Value,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let full = format!("job_runtime_attributes.{job}.{name}");
        let attribute = job_attributes::find(name).ok_or_else(|| ConfigError::Unknown {
            what: "key",
            name: full.clone(),
            suggestion: suggest::nearest(name, JOB_ATTRIBUTES.iter().map(|known| known.name)).map(str::to_owned),
            place: origin.clone().into(),
        })?;
        let entry = self.job_runtime_attributes.entry(job.to_owned()).or_default();
        (attribute.set)(entry, &Node::from_json(value), origin.clone()).map_err(|error| error.at(&full, origin))
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
            *mine = std::mem::take(mine).over(bounds);
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
