//! Bounds from all who may set them, and options.
use gearman_driver::prelude::*;

#[derive(Default)]
pub(crate) struct Defaults;

#[worker]
impl Defaults {
    #[job]
    fn open(&self) {}

    #[job(min_processes = 1)]
    fn own_min(&self) {}

    #[job(process_group = "grouped")]
    fn one(&self) {}

    #[job(process_group = "grouped", max_processes = 6)]
    fn two(&self) {}

    #[job]
    fn by_type_path(&self) {}

    fn default_attributes(&self) -> JobAttributes {
        JobAttributes::new().min_processes(0).max_processes(4)
    }
}

#[derive(Default)]
pub(crate) struct Overrides;

#[worker]
impl Overrides {
    #[job(min_processes = 1, max_processes = 2)]
    fn overridden(&self) {}

    #[job(min_processes = 1, max_processes = 2)]
    fn by_console_name(&self) {}

    fn prefix(&self) -> String {
        "console_name_".to_owned()
    }

    fn override_attributes(&self) -> JobAttributes {
        JobAttributes::new().min_processes(0).max_processes(5)
    }
}

/// Says what it was given.
pub(crate) struct Options {
    text: String,
}

#[worker]
impl Options {
    fn new(options: &WorkerOptions) -> Result<Self, Error> {
        let colour = options.get::<Option<String>>("colour")?;
        let size = options.get::<Option<u32>>("size")?;
        Ok(Self { text: format!("{colour:?} {size:?} {}", options.server()) })
    }

    #[job]
    fn options(&self) -> String {
        self.text.clone()
    }
}
