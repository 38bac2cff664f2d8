//! What a program says of its configuration in code, on the builder: after a reload that is another program's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The builder's settings, as they were given; whoever resolves the configuration reads and checks them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProgramConfiguration {
    /// The texts that were given for an option, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Vec<String>>,
    /// Options for the workers' constructors, by type path; `GLOBAL` for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub worker_options: BTreeMap<String, Map<String, Value>>,
    /// Bounds and limits, by job.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub job_runtime_attributes: BTreeMap<String, Map<String, Value>>,
}
