//! A layer that workers share.
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gearman_driver::prelude::*;

pub(crate) struct Base {
    words: Vec<String>,
    uses: AtomicU32,
}

fn base(options: &WorkerOptions) -> Result<Arc<Base>, Error> {
    let base = options.shared(|| {
        crate::trace("base built");
        Ok::<_, Error>(Base { words: vec!["shared".to_owned()], uses: AtomicU32::new(0) })
    })?;
    Ok(base)
}

fn used(base: &Base) -> String {
    let before = base.uses.fetch_add(1, Ordering::Relaxed);
    format!("{} {before} {}", base.words[0], std::process::id())
}

pub(crate) struct First {
    base: Arc<Base>,
}

#[worker]
impl First {
    fn new(options: &WorkerOptions) -> Result<Self, Error> {
        Ok(Self { base: base(options)? })
    }

    #[job]
    fn first(&self) -> String {
        used(&self.base)
    }
}

pub(crate) struct Second {
    base: Arc<Base>,
}

#[worker]
impl Second {
    fn new(options: &WorkerOptions) -> Result<Self, Error> {
        Ok(Self { base: base(options)? })
    }

    #[job]
    fn second(&self) -> String {
        used(&self.base)
    }
}
