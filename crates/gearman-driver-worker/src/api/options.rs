//! What a worker's `new` gets: the operator's options for it, and the layers it shares with other workers.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::{Map, Value};

use super::shared::SharedLayers;
use super::{Error, JobError};

/// The server list that stands where nobody named one.
const DEFAULT_SERVER: &str = "localhost:4730";

/// Options of one worker (as `worker_options`: what stands under `GLOBAL`, and on top of it what stands under the
/// worker's own path), the layers shared with other workers, and the job servers.
#[derive(Clone)]
pub struct WorkerOptions {
    worker: String,
    values: Map<String, Value>,
    /// Options given to [`set`](WorkerOptions::set) that are no JSON, and why.
    unusable: BTreeMap<String, String>,
    shared: Rc<SharedLayers>,
    server: String,
}

impl WorkerOptions {
    /// No options yet. For tests; the driver makes its own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            worker: "under test".to_owned(),
            values: Map::new(),
            unusable: BTreeMap::new(),
            shared: Rc::default(),
            server: DEFAULT_SERVER.to_owned(),
        }
    }

    /// Those that `load` builds a worker with.
    pub(crate) fn for_worker(
        worker: &str,
        values: Map<String, Value>,
        shared: &Rc<SharedLayers>,
        server: &str,
    ) -> Self {
        Self {
            worker: worker.to_owned(),
            values,
            unusable: BTreeMap::new(),
            shared: Rc::clone(shared),
            server: server.to_owned(),
        }
    }

    /// Sets one option to any serde type. A value that JSON cannot hold is reported by [`get`](WorkerOptions::get).
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl serde::Serialize) -> Self {
        let key = key.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.unusable.remove(&key);
                self.values.insert(key, value);
            }
            Err(error) => {
                self.values.remove(&key);
                self.unusable.insert(key, error.to_string());
            }
        }
        self
    }

    /// Sets the job servers, `host:port,host:port`. For tests; the driver gives its own.
    #[must_use]
    pub fn with_server(mut self, server: impl Into<String>) -> Self {
        self.server = server.into();
        self
    }

    /// The name that errors call the worker by.
    pub(crate) fn named(mut self, worker: &str) -> Self {
        worker.clone_into(&mut self.worker);
        self
    }

    /// One option as any serde type. An `Option<T>` is `None` where the option is missing.
    ///
    /// # Errors
    /// [`JobError::OptionMissing`] and [`JobError::OptionType`], which name the worker and the key.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, JobError> {
        let wrong_type = |reason: String| JobError::OptionType {
            worker: self.worker.clone(),
            key: key.to_owned(),
            wanted: std::any::type_name::<T>(),
            reason,
        };
        if let Some(reason) = self.unusable.get(key) {
            return Err(wrong_type(format!("it was set to what JSON cannot hold: {reason}")));
        }
        match self.values.get(key) {
            Some(value) => T::deserialize(value).map_err(|error| wrong_type(error.to_string())),
            None => T::deserialize(Absent).map_err(|_| JobError::OptionMissing {
                worker: self.worker.clone(),
                key: key.to_owned(),
                known: self.values.keys().cloned().collect(),
            }),
        }
    }

    /// The layer of type `T`, built by the first worker that asks and shared by all that ask after it: the original's
    /// base class. The key is `T` alone, so give each layer a type of its own. `build` may ask for other layers.
    ///
    /// # Errors
    /// [`JobError::Shared`] with what `build` said, [`JobError::SharedCycle`] when a layer asks for itself.
    pub fn shared<T: 'static, E: Into<Error>>(&self, build: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, JobError> {
        self.shared.get(&self.worker, build)
    }

    /// The driver's job servers, `host:port,host:port` (as `server`).
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WorkerOptions {
    // Keys only: values are often credentials, and this text ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerOptions")
            .field("worker", &self.worker)
            .field("keys", &self.values.keys().collect::<Vec<_>>())
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Stands for an option that is not there: an `Option` reads it as `None`, all else as an error.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Base(u32);
    struct Upper(Arc<Base>);

    fn options() -> WorkerOptions {
        WorkerOptions::new().named("app::Image").set("model", "resnet").set("size", 7)
    }

    #[test]
    fn options_come_as_the_type_asked_for() {
        assert_eq!(options().get::<String>("model").unwrap(), "resnet");
        assert_eq!(options().get::<u8>("size").unwrap(), 7);
        assert_eq!(options().get::<Option<u8>>("size").unwrap(), Some(7));
        assert_eq!(options().get::<Option<u8>>("absent").unwrap(), None);
    }

    #[test]
    fn a_missing_option_names_worker_and_key() {
        let error = options().get::<String>("path").unwrap_err().to_string();
        assert_eq!(
            error,
            "worker app::Image: option \"path\" is missing (options set: model, size); set it in worker_options, under app::Image or GLOBAL"
        );
        assert!(matches!(options().get::<Value>("path"), Err(JobError::OptionMissing { .. })));
    }

    #[test]
    fn an_option_of_the_wrong_type_says_so() {
        let error = options().get::<u8>("model").unwrap_err().to_string();
        assert_eq!(
            error,
            "worker app::Image: option \"model\" is not of type u8: invalid type: string \"resnet\", expected u8"
        );
    }

    #[test]
    fn a_value_that_json_cannot_hold_is_told_when_asked_for() {
        let options = options().set("model", BTreeMap::from([(vec![1], 1)]));
        assert!(options.get::<String>("model").unwrap_err().to_string().contains("JSON cannot hold"));
    }

    #[test]
    fn a_layer_is_built_once_also_when_layers_nest() {
        let options = options();
        let base = || options.shared(|| Ok::<_, JobError>(Base(4)));
        let upper = options.shared(|| Ok::<_, JobError>(Upper(base()?))).unwrap();
        assert!(Arc::ptr_eq(&upper.0, &base().unwrap()));
        assert_eq!(upper.0.0, 4);
        let again = options.clone().shared(|| Err::<Upper, _>("not called")).unwrap();
        assert!(Arc::ptr_eq(&upper, &again));
    }

    #[test]
    fn a_layer_that_fails_says_which_and_may_be_tried_again() {
        let options = options();
        let error = options.shared(|| Err::<Base, _>("no disk")).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("worker app::Image: shared layer"), "{error}");
        assert!(error.ends_with("Base could not be built: no disk"), "{error}");
        assert!(options.shared(|| Ok::<_, JobError>(Base(1))).is_ok());
    }

    #[test]
    fn a_layer_that_asks_for_itself_is_an_error() {
        let options = options();
        let inner = || options.shared(|| Ok::<_, JobError>(Base(1)));
        let error = options.shared(|| inner().map(|base| Base(base.0))).map(drop).unwrap_err().to_string();
        assert!(error.contains("asks for itself"), "{error}");
        assert!(inner().is_ok());
    }
}
