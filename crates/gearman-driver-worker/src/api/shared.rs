//! Layers that several workers share: each built once per load, found again by its type.

use std::any::{Any, TypeId, type_name};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Error, JobError};

/// The layers built so far. `None` marks one that is being built.
#[derive(Default)]
pub(crate) struct SharedLayers {
    layers: RefCell<HashMap<TypeId, Option<Box<dyn Any>>>>,
}

impl SharedLayers {
    /// The layer of type `T`; builds it where it is not there yet. `build` may ask for other layers.
    pub(crate) fn get<T: 'static, E: Into<Error>>(
        &self,
        worker: &str,
        build: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, JobError> {
        let key = TypeId::of::<T>();
        match self.layers.borrow().get(&key) {
            Some(Some(layer)) => {
                let layer = layer.downcast_ref::<Arc<T>>().expect("a layer is kept under its own type");
                return Ok(Arc::clone(layer));
            }
            Some(None) => {
                return Err(JobError::SharedCycle { worker: worker.to_owned(), layer: type_name::<T>() });
            }
            None => {}
        }
        self.layers.borrow_mut().insert(key, None);
        // No borrow is held here: `build` may come back for another layer. Its failure (or panic) leaves no mark, so
        // that whoever asks next gets that error and not one about a cycle.
        let mark = Mark { layers: self, key };
        let built = build().map(Arc::new);
        drop(mark);
        let layer = built.map_err(|error| JobError::Shared {
            worker: worker.to_owned(),
            layer: type_name::<T>(),
            source: error.into(),
        })?;
        self.layers.borrow_mut().insert(key, Some(Box::new(Arc::clone(&layer))));
        Ok(layer)
    }
}

struct Mark<'a> {
    layers: &'a SharedLayers,
    key: TypeId,
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.layers.layers.borrow_mut().remove(&self.key);
    }
}
