//! From the sources of the configuration to the configuration.
//!
//! Decides in which order command line, environment, config files and builder are asked. What a value means is decided
//! in [`gearman_driver_core::config`].

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use gearman_driver_core::config::{
    Config, ConfigError, ENVIRONMENT_PREFIX, Layer, LiveChanges, MAX_FILE_SIZE, Origin, ROLE_PREFIX,
};
use gearman_driver_wire::program::ProgramConfiguration;

/// Makes the configuration: command line over environment over config files over builder over defaults.
///
/// Config files are those of the command line, else those of the environment, else those of the builder;
/// a later one wins over an earlier one. `read_file` gets each path as it was given; [`read_config_file`]
/// is the one for real files.
///
/// # Errors
/// The first source in that order that is wrong.
pub(crate) fn load_config(
    command_line: Layer,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
    builder: Layer,
) -> Result<Config, ConfigError> {
    let environment = Layer::from_environment(readable(environment)?)?;
    let configfiles = [&command_line, &environment, &builder].into_iter().find_map(|layer| layer.configfile.as_ref());
    let mut files = Vec::new();
    if let Some(named) = configfiles {
        for path in &named.value {
            let text = read_file(path).map_err(|error| ConfigError::Unreadable {
                path: path.display().to_string(),
                reason: error.to_string(),
                place: named.origin.clone().into(),
            })?;
            files.push(Layer::from_file(path, &text, &named.origin)?);
        }
    }
    let by_precedence = [command_line, environment].into_iter().chain(files.into_iter().rev()).chain([builder]);
    Layer::merge(by_precedence)
}

/// What a program's code says, as a layer.
///
/// # Errors
/// The first option, worker option or attribute that can't be what it was set to.
pub(crate) fn builder(program: &ProgramConfiguration) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    for (option, texts) in &program.options {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        layer.set_list(option, &texts, Origin::Builder)?;
    }
    for (worker, options) in &program.worker_options {
        for (key, value) in options {
            layer.set_worker_option(worker, key, value.clone(), Origin::Builder);
        }
    }
    for (job, attributes) in &program.job_runtime_attributes {
        for (name, value) in attributes {
            layer.set_runtime_attribute(job, name, value, Origin::Builder)?;
        }
    }
    Ok(layer)
}

/// Writes what was changed live into the last of the config files, which wins over those before it.
///
/// # Errors
/// There is no config file, or it can't be read, changed or written; one sentence for people.
pub(crate) fn save(changes: &LiveChanges, configfiles: &[PathBuf]) -> Result<(), String> {
    let Some(path) = configfiles.last() else {
        return Err("there is no config file; name one with --configfile, an empty one will do".to_owned());
    };
    let shown = path.display();
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Err(format!(
            "{shown} is no TOML file, and writing YAML anew would lose its comments; add an empty .toml file with \
             --configfile behind it"
        ));
    }
    let text = read_config_file(path).map_err(|error| format!("{shown} can't be read: {error}"))?;
    let text = changes.write_into(&text).map_err(|error| format!("{shown}: {error}"))?;
    replace(path, &text).map_err(|error| format!("{shown} can't be written: {error}"))
}

/// Puts a text in the place of a file's, whole or not at all; the file's mode stays.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Behind a symlink, the file is meant.
    let path = path.canonicalize()?;
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Reads a config file, and no more of it than the bound on its size.
///
/// # Errors
/// As the system says; or the file is too large, or is not UTF-8.
pub(crate) fn read_config_file(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let limit = MAX_FILE_SIZE as u64;
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE_SIZE {
        let reason = format!("it is larger than {} KiB", MAX_FILE_SIZE / 1024);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// The variables whose names are text; of these, a value of ours must be text too.
fn readable(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, ConfigError> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.starts_with(ENVIRONMENT_PREFIX) && !name.starts_with(ROLE_PREFIX) => {
                return Err(ConfigError::Invalid {
                    reason: "the value is not UTF-8 text".to_owned(),
                    help: None,
                    place: Origin::Environment(name.clone()).into(),
                    name,
                });
            }
            Err(_) => {}
        }
    }
    Ok(variables)
}

/// The last part of `argv[0]`.
pub(crate) fn program_name(first: Option<&OsString>) -> String {
    first
        .and_then(|path| Path::new(path).file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "gearman-driver".to_owned())
}

#[cfg(test)]
mod tests;
