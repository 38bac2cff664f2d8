//! Options from a config file: one walk over the common tree, for TOML and YAML alike.

use std::ops::Range;
use std::path::Path;

use super::codec::{self, ValueError};
use super::error::ConfigError;
use super::job_attributes::{self, JOB_ATTRIBUTES};
use super::layer::not_yet;
use super::node::{Key, Node, Source, Value};
use super::registry::{OPTIONS, OptionSpec, Support, Takes};
use super::{Layer, Origin, Place, Sourced, find_option, from_toml, from_yaml};
use crate::suggest;

/// The largest config file in bytes (1 MiB): whoever reads one can refuse earlier what
/// [`Layer::from_file`] would refuse.
pub const MAX_FILE_SIZE: usize = 1 << 20;

const WORKER_OPTIONS: &str = "worker_options";
const RUNTIME_ATTRIBUTES: &str = "job_runtime_attributes";
const JOB: &str = "job";

/// The keys of a file besides the options.
const TABLES: [&str; 3] = [WORKER_OPTIONS, RUNTIME_ATTRIBUTES, JOB];

impl Layer {
    /// Reads a config file whose text is `text`. Its format follows from the ending of `path`; `named`
    /// says where the file was named, for the errors that concern the file as a whole.
    ///
    /// Keys are option names with `_` or `-`, `worker_options` and `job_runtime_attributes`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place: no TOML or YAML, an unknown key, a value of the wrong
    /// type, a key given twice, an option that is not ready yet.
    pub fn from_file(path: &Path, text: &str, named: &Origin) -> Result<Layer, ConfigError> {
        let parse = match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => from_toml::parse,
            Some("yaml" | "yml") => from_yaml::parse,
            _ => {
                let path = path.display().to_string();
                return Err(ConfigError::UnknownFormat { path, place: named.clone().into() });
            }
        };
        if text.len() > MAX_FILE_SIZE {
            return Err(ConfigError::Unreadable {
                path: path.display().to_string(),
                reason: format!("it is larger than {} KiB", MAX_FILE_SIZE / 1024),
                place: named.clone().into(),
            });
        }
        let source = Source::new(path, text);
        let tree = parse(&source)?;
        let mut walk = Walk { source: &source, layer: Layer::new() };
        walk.root(&tree)?;
        Ok(walk.layer)
    }
}

struct Walk<'a> {
    source: &'a Source,
    layer: Layer,
}

impl Walk<'_> {
    fn root(&mut self, tree: &Node) -> Result<(), ConfigError> {
        let Value::Table(entries) = &tree.value else {
            return Err(self.wrong_type(&self.source.name(), "a table of options", tree));
        };
        let mut seen: Vec<String> = Vec::new();
        for (key, node) in entries {
            let name = key.name.replace('-', "_");
            // `console-port` and `console_port` are two keys to the parser, and one to us.
            if seen.contains(&name) {
                return Err(self.twice(key));
            }
            self.entry(&name, key, node)?;
            seen.push(name);
        }
        Ok(())
    }

    fn entry(&mut self, name: &str, key: &Key, node: &Node) -> Result<(), ConfigError> {
        match name {
            WORKER_OPTIONS => return self.worker_options(node),
            RUNTIME_ATTRIBUTES => return self.runtime_attributes(node),
            JOB => {
                return Err(ConfigError::NotYet {
                    name: "[[job]]".to_owned(),
                    reason: "commands as jobs come with a later release".to_owned(),
                    place: self.source.place(&key.span),
                });
            }
            _ => {}
        }
        let spec = find_option(name).ok_or_else(|| {
            self.unknown(key, OPTIONS.iter().filter(|spec| spec.in_files).map(|spec| spec.name).chain(TABLES))
        })?;
        if !spec.in_files {
            return Err(ConfigError::Invalid {
                name: key.name.clone(),
                reason: "a config file can't name another one".to_owned(),
                help: Some(format!(
                    "give it on the command line (--{}, repeatable) or in {}",
                    spec.dashed(),
                    spec.environment()
                )),
                place: self.source.place(&key.span),
            });
        }
        self.option(spec, key, node)
    }

    fn option(&mut self, spec: &OptionSpec, key: &Key, node: &Node) -> Result<(), ConfigError> {
        match spec.support {
            Support::Ready { node: set, .. } => {
                let origin = self.source.origin(&key.span);
                set(&mut self.layer, node, origin).map_err(|error| self.at(&key.name, node, error))
            }
            // Given as off, a flag is no wish for what is not there yet.
            Support::NotYet if spec.takes == Takes::Flag && codec::is_off(node) => Ok(()),
            Support::NotYet => Err(not_yet(spec).at(&key.name, self.source.place(&key.span))),
        }
    }

    fn worker_options(&mut self, node: &Node) -> Result<(), ConfigError> {
        for (worker, options) in self.table(WORKER_OPTIONS, "a table of workers", node)? {
            let name = format!("{WORKER_OPTIONS}.{}", worker.name);
            let entry = self.layer.worker_options.entry(worker.name.clone()).or_default();
            let Some(options) = options.entries() else {
                return Err(self.wrong_type(&name, "a table of options", options));
            };
            for (key, value) in options {
                let origin = self.source.origin(&key.span);
                entry.insert(key.name.clone(), Sourced::new(value.to_json(), origin));
            }
        }
        Ok(())
    }

    fn runtime_attributes(&mut self, node: &Node) -> Result<(), ConfigError> {
        for (job, bounds) in self.table(RUNTIME_ATTRIBUTES, "a table of jobs", node)? {
            let name = format!("{RUNTIME_ATTRIBUTES}.{}", job.name);
            let entries = self.table(&name, "a table of attributes, as min_processes", bounds)?;
            let mut max_span = bounds.span.clone();
            for (key, value) in entries {
                let attribute = job_attributes::find(&key.name)
                    .ok_or_else(|| self.unknown(key, JOB_ATTRIBUTES.iter().map(|known| known.name)))?;
                let origin = self.source.origin(&key.span);
                let entry = self.layer.job_runtime_attributes.entry(job.name.clone()).or_default();
                if (attribute.is_set)(entry) {
                    return Err(self.twice(key));
                }
                (attribute.set)(entry, value, origin).map_err(|error| self.at(&key.name, value, error))?;
                if attribute.name == "max_processes" {
                    max_span = value.span.clone();
                }
            }
            if let Some(entry) = self.layer.job_runtime_attributes.get(&job.name) {
                entry.check(&job.name, |_| self.source.place(&max_span))?;
            }
        }
        Ok(())
    }

    /// The error of a value, with its place.
    fn at(&self, name: &str, node: &Node, error: ValueError) -> ConfigError {
        let span = error.span().unwrap_or_else(|| node.span.clone());
        error.at(name, self.source.place(&span))
    }

    fn table<'n>(&self, name: &str, expected: &str, node: &'n Node) -> Result<&'n [(Key, Node)], ConfigError> {
        node.entries().ok_or_else(|| self.wrong_type(name, expected, node))
    }

    fn wrong_type(&self, name: &str, expected: &str, node: &Node) -> ConfigError {
        ConfigError::WrongType {
            name: name.to_owned(),
            expected: expected.to_owned(),
            found: node.found(),
            place: self.place_of_start(&node.span),
        }
    }

    /// Whole tables are not underlined: their first line is.
    fn place_of_start(&self, span: &Range<usize>) -> Box<Place> {
        let text = self.source.text().get(span.clone()).unwrap_or_default();
        let length = text.find(['\r', '\n']).unwrap_or(text.len());
        self.source.place(&(span.start..span.start + length))
    }

    fn unknown<'n>(&self, key: &Key, known: impl IntoIterator<Item = &'n str>) -> ConfigError {
        ConfigError::Unknown {
            what: "key",
            name: key.name.clone(),
            suggestion: suggest::nearest(&key.name, known).map(str::to_owned),
            place: self.source.place(&key.span),
        }
    }

    fn twice(&self, key: &Key) -> ConfigError {
        ConfigError::Twice { name: key.name.clone(), place: self.source.place(&key.span) }
    }
}
