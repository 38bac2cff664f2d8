//! A process from its start to its stop.
use gearman_driver::prelude::*;

/// Opens in each process what only processes may have.
#[derive(Default)]
pub(crate) struct Life {
    thread: Option<std::thread::JoinHandle<()>>,
}

#[worker]
impl Life {
    #[job(min_processes = 2, max_processes = 2)]
    fn alive(&self) -> Result<String, Error> {
        if self.thread.is_none() {
            return Err("process_start has not run".into());
        }
        Ok(std::process::id().to_string())
    }

    fn process_start(&mut self) -> Result<(), Error> {
        crate::trace("start");
        self.thread = Some(std::thread::spawn(std::thread::park));
        Ok(())
    }

    fn process_stop(&mut self) {
        crate::trace("stop");
        println!("stopped in order");
    }

    fn process_name(&self, original: &str, job_name: &str) -> Option<String> {
        Some(format!("{original} ({job_name})"))
    }
}

/// Loads with threads that have ended when its constructor returns: those are nobody's business.
pub(crate) struct Loaded {
    sum: u64,
}

#[worker]
impl Loaded {
    fn new(_options: &WorkerOptions) -> Self {
        let parts: Vec<_> = (0..8).map(|part: u64| std::thread::spawn(move || part)).collect();
        Self { sum: parts.into_iter().filter_map(|part| part.join().ok()).sum() }
    }

    #[job]
    fn loaded(&self) -> String {
        self.sum.to_string()
    }
}

/// Keeps the driver's title.
#[derive(Default)]
pub(crate) struct Untitled;

#[worker]
impl Untitled {
    #[job]
    fn untitled(&self) -> String {
        std::process::id().to_string()
    }
}

pub(crate) mod failing {
    use gearman_driver::prelude::*;

    /// No process of it can start.
    #[derive(Default)]
    pub(crate) struct Failing;

    #[worker]
    impl Failing {
        #[job]
        fn failing(&self) {}

        fn process_start(&mut self) -> Result<(), Error> {
            crate::trace("tried");
            Err("the database is away".into())
        }
    }
}
