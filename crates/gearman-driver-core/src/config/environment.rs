//! Options from environment variables.

use super::error::ConfigError;
use super::registry::{OPTIONS, Takes};
use super::{Layer, Origin, find_option};
use crate::suggest;

/// What the names of our variables begin with; the option in capitals follows.
pub const ENVIRONMENT_PREFIX: &str = "GEARMAN_DRIVER_";

/// Variables that begin so belong to the roles of the executable (host, worker process), not to the
/// configuration.
pub const ROLE_PREFIX: &str = "GEARMAN_DRIVER_ROLE";

impl Layer {
    /// Reads the options among `variables`: `GEARMAN_DRIVER_CONSOLE_PORT` and so on; lists are separated
    /// by commas, and an empty one is an empty list. Others than ours, and those of roles, are skipped.
    ///
    /// # Errors
    /// A variable with our prefix that names no option, or whose value is refused; the first by name.
    pub fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Result<Layer, ConfigError> {
        let mut ours: Vec<(String, String)> = variables
            .into_iter()
            .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX) && !name.starts_with(ROLE_PREFIX))
            .collect();
        ours.sort();
        let mut layer = Layer::new();
        for (variable, value) in ours {
            layer.set_from_variable(&variable, &value)?;
        }
        Ok(layer)
    }

    fn set_from_variable(&mut self, variable: &str, value: &str) -> Result<(), ConfigError> {
        let origin = Origin::Environment(variable.to_owned());
        let option = variable[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase();
        if matches!(option.as_str(), "worker_options" | "job_runtime_attributes" | "job") {
            return Err(ConfigError::Invalid {
                name: option,
                reason: "can't be given in the environment".to_owned(),
                help: Some("write it into a config file".to_owned()),
                place: origin.into(),
            });
        }
        // Ours are in capitals; another spelling is one that other programs would not find either.
        let spec = find_option(&option).filter(|spec| spec.environment() == variable);
        let Some(spec) = spec else {
            // Compared without the prefix, which would make everything look near.
            let suggestion = suggest::nearest(&option, OPTIONS.iter().map(|spec| spec.name))
                .and_then(find_option)
                .map(super::OptionSpec::environment);
            return Err(ConfigError::Unknown {
                what: "environment variable",
                name: variable.to_owned(),
                suggestion,
                place: origin.into(),
            });
        };
        match spec.takes {
            // Given as off, a flag is no wish for what is not there yet.
            Takes::Flag if !spec.is_ready() && matches!(value, "" | "0" | "false" | "off" | "no") => Ok(()),
            Takes::List(_) if value.trim().is_empty() => self.set_list(spec.name, &[], origin),
            Takes::List(_) => {
                let values: Vec<&str> = value.split(',').map(str::trim).collect();
                self.set_list(spec.name, &values, origin)
            }
            _ => self.set(spec.name, value, origin),
        }
    }
}
