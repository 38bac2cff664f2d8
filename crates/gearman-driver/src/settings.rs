//! What a program sets on its [`Driver`]: options of the configuration, as one would write them, and which workers are wanted.
//!
//! What a value means, and whether it can be, is decided where the configuration is made; here it is only kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gearman_driver_core::duration;
use serde::Serialize;
use serde_json::Value;

use crate::Driver;

/// A map of maps, as worker options are.
type Maps = Vec<(String, serde_json::Map<String, Value>)>;

impl Driver {
    /// The job servers: `host[:port][,host[:port]]`, IPv6 in brackets. Default: `localhost:4730`.
    pub fn server(self, server: impl AsRef<str>) -> Self {
        self.set("server", server.as_ref())
    }

    /// The console's port on 127.0.0.1; 0 turns the console off. Default: 47300.
    pub fn console_port(self, port: u16) -> Self {
        self.set("console_port", &port.to_string())
    }

    /// The time between two looks at the queues; zero turns the observer off. Default: 5 s.
    pub fn interval(self, interval: Duration) -> Self {
        self.set("interval", &duration::display(interval).to_string())
    }

    /// How long a process above the minimum may stay idle. Default: zero.
    pub fn max_idle_time(self, time: Duration) -> Self {
        self.set("max_idle_time", &duration::display(time).to_string())
    }

    /// How long a shutdown waits for running jobs before it kills their processes. Default: 25 s.
    pub fn shutdown_timeout(self, time: Duration) -> Self {
        self.set("shutdown_timeout", &duration::display(time).to_string())
    }

    /// A job that has taken down so many processes is a poison job: it is failed instead of being run again. 0 runs it for
    /// ever. Default: 3.
    pub fn poison_limit(self, deaths: u32) -> Self {
        self.set("poison_limit", &deaths.to_string())
    }

    /// Where the driver keeps what its next start is to know (the deaths that count towards `poison_limit`); `off` is
    /// nowhere. Default: the system's place for such things, see the guide.
    pub fn state_dir(self, path: impl Into<PathBuf>) -> Self {
        self.path("state_dir", &path.into())
    }

    /// The log file, appended to; `-` is standard error. Default: `gearman_driver.log`.
    pub fn logfile(self, path: impl Into<PathBuf>) -> Self {
        self.path("logfile", &path.into())
    }

    /// The layout of log lines, as Log::Log4perl's PatternLayout. Default: `[%d] %p %m%n`.
    pub fn loglayout(self, pattern: impl AsRef<str>) -> Self {
        self.set("loglayout", pattern.as_ref())
    }

    /// The least important level that is logged: TRACE DEBUG INFO WARN ERROR FATAL OFF. Default: INFO.
    pub fn loglevel(self, level: impl AsRef<str>) -> Self {
        self.set("loglevel", level.as_ref())
    }

    /// The module paths under which workers are looked for.
    #[doc(alias = "load_namespaces")]
    pub fn namespaces<S: Into<String>>(self, namespaces: impl IntoIterator<Item = S>) -> Self {
        self.set_list("namespaces", namespaces.into_iter().map(Into::into))
    }

    /// Directories in which worker modules of other languages are looked for. Rust workers are linked into the program,
    /// and there are no hosts for other languages yet: a warning in the log says that it has no effect.
    pub fn lib<P: Into<PathBuf>>(self, directories: impl IntoIterator<Item = P>) -> Self {
        self.set_list("lib", directories.into_iter().map(|dir| dir.into().to_string_lossy().into_owned()))
    }

    /// Which worker types are loaded, by type path (`my_app::workers::image::Image`): one that is refused is not even
    /// built. Asked in the host.
    pub fn wanted(mut self, wanted: impl Fn(&str) -> bool + 'static) -> Self {
        self.wanted = Some(Box::new(wanted));
        self
    }

    /// Options for the workers' constructors: a map from type path, or `GLOBAL` for all, to a map of options.
    ///
    /// ```
    /// # let driver = gearman_driver::Driver::builder();
    /// driver.worker_options(serde_json::json!({
    ///     "GLOBAL": { "database": "postgres:///app" },
    ///     "my_app::workers::image::Image": { "model": "/srv/model.bin" },
    /// }));
    /// ```
    pub fn worker_options(mut self, options: impl Serialize) -> Self {
        match maps("worker_options", options) {
            Ok(workers) => {
                merge(&mut self.said.worker_options, workers);
                self
            }
            Err(text) => self.mistake(text),
        }
    }

    /// Bounds and limits that override what the code says: a map from job (type path + `::` + method or process group) to
    /// `min_processes`, `max_processes`, what else `#[job]` may say of a job's processes (`max_jobs`, `timeout`, ..), and
    /// what it may not: the rights that they have (`user`, `rlimits`, `env`, ..).
    ///
    /// ```
    /// # let driver = gearman_driver::Driver::builder();
    /// driver.job_runtime_attributes(serde_json::json!({
    ///     "my_app::workers::image::Image::scale_image": { "max_processes": 20, "timeout": "30s" },
    /// }));
    /// ```
    pub fn job_runtime_attributes(mut self, attributes: impl Serialize) -> Self {
        match maps("job_runtime_attributes", attributes) {
            Ok(jobs) => {
                merge(&mut self.said.job_runtime_attributes, jobs);
                self
            }
            Err(text) => self.mistake(text),
        }
    }

    /// A config file, TOML or YAML, as `--configfile`. May be called several times: later ones win.
    pub fn configfile(mut self, path: impl Into<PathBuf>) -> Self {
        let before = self.said.options.remove("configfile").unwrap_or_default();
        self = self.path("configfile", &path.into());
        self.said.options.entry("configfile".to_owned()).or_default().splice(0..0, before);
        self
    }

    /// Whether to detach: the process that was started waits until the driver is ready or has failed, and exits in
    /// `run()` with 0 or 1; the daemon goes on in a session of its own, in the same directory.
    pub fn daemonize(self, daemonize: bool) -> Self {
        self.set("daemonize", if daemonize { "true" } else { "false" })
    }

    /// Where the driver writes its PID; locked while it runs, removed at its end. Default: nowhere.
    pub fn pidfile(self, path: impl Into<PathBuf>) -> Self {
        self.path("pidfile", &path.into())
    }

    /// The driver's name, where several run on one host: shown in process titles, in `status --json` and in a log of
    /// JSON. 1 to 32 letters, digits, `_`, `-`, `.`.
    pub fn name(self, name: impl AsRef<str>) -> Self {
        self.set("name", name.as_ref())
    }

    /// Sets an option. Of one that takes a single value the last text counts.
    pub(crate) fn set(self, option: &str, text: &str) -> Self {
        self.set_list(option, [text.to_owned()])
    }

    fn set_list(mut self, option: &str, texts: impl IntoIterator<Item = String>) -> Self {
        self.said.options.insert(option.to_owned(), texts.into_iter().collect());
        self
    }

    fn path(self, option: &str, path: &Path) -> Self {
        match path.to_str() {
            Some(path) => self.set(option, path),
            None => self.mistake(format!("{option} {} is no UTF-8: choose another name", path.display())),
        }
    }

    pub(crate) fn mistake(mut self, text: String) -> Self {
        self.mistake.get_or_insert(text);
        self
    }
}

/// A map of maps, out of anything that serialises to one; a list of pairs is a map too.
fn maps(option: &str, value: impl Serialize) -> Result<Maps, String> {
    let value = serde_json::to_value(value).map_err(|error| format!("{option}: {error}"))?;
    let outer = map(value).map_err(|value| format!("{option} is {value}; a map of maps is expected"))?;
    outer
        .into_iter()
        .map(|(key, inner)| match map(inner) {
            Ok(inner) => Ok((key, inner)),
            Err(value) => Err(format!("{option}: {key} is {value}; a map is expected")),
        })
        .collect()
}

/// Adds what was said to what was said before; key by key the later counts.
fn merge(said: &mut BTreeMap<String, serde_json::Map<String, Value>>, more: Maps) {
    for (name, values) in more {
        said.entry(name).or_default().extend(values);
    }
}

fn map(value: Value) -> Result<serde_json::Map<String, Value>, Value> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Array(pairs) => pairs
            .iter()
            .map(|pair| match pair.as_array().map(Vec::as_slice) {
                Some([Value::String(key), value]) => Some((key.clone(), value.clone())),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or(Value::Array(pairs)),
        other => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn maps_and_lists_of_pairs_are_maps() {
        let expected = vec![("GLOBAL".to_owned(), json!({"a": 1}).as_object().unwrap().clone())];
        assert_eq!(maps("worker_options", json!({"GLOBAL": {"a": 1}})).unwrap(), expected);
        assert_eq!(maps("worker_options", [("GLOBAL", [("a", 1)])]).unwrap(), expected);
        assert_eq!(
            maps("worker_options", json!({"GLOBAL": 5})).unwrap_err(),
            "worker_options: GLOBAL is 5; a map is expected"
        );
        assert!(maps("worker_options", [1, 2]).is_err());
    }
}
