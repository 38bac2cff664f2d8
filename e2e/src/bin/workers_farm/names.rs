//! Names and prefixes.
use gearman_driver::prelude::*;

#[derive(Default)]
pub(crate) struct Plain;

#[worker]
impl Plain {
    #[job]
    fn plain(&self, job: &mut Job) -> String {
        job.function_name().to_owned()
    }

    #[job(name = "renamed")]
    fn original(&self, job: &mut Job) -> String {
        self.not_a_job();
        job.function_name().to_owned()
    }

    fn not_a_job(&self) {}
}

#[derive(Default)]
pub(crate) struct Prefixed;

#[worker]
impl Prefixed {
    #[job]
    fn job_of_prefixed(&self, job: &mut Job) -> String {
        job.function_name().to_owned()
    }

    fn prefix(&self) -> String {
        "foo_bar_".to_owned()
    }
}

/// The farm's `wanted` refuses it.
pub(crate) struct Refused;

#[worker]
impl Refused {
    fn new(_options: &WorkerOptions) -> Result<Self, Error> {
        crate::trace("Refused was built");
        Err("Refused must not be built".into())
    }

    #[job]
    fn never(&self) {}
}

pub(crate) mod deeper {
    use gearman_driver::prelude::*;

    #[derive(Default)]
    pub(crate) struct Below;

    #[worker]
    impl Below {
        #[job]
        fn below(&self) {}
    }
}
