//! What can be wrong with the workers of a program.

/// Why the workers could not be loaded. Each names the worker and the method that it is about.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// A namespace has no worker.
    #[error(
        "no worker in namespace {namespace}{}; namespaces known: {}. {}",
        did_you_mean(.suggestion), list(.known), own_program(.known)
    )]
    EmptyNamespace {
        /// The namespace asked for.
        namespace: String,
        /// Modules that have workers.
        known: Vec<String>,
        /// One that is spelled alike.
        suggestion: Option<String>,
    },
    /// There is nothing to run processes for: no namespace was given, or `wanted` refused all that is there.
    #[error("no job to run: {}", nothing_to_run(.namespaces, .known))]
    NoJob {
        /// The namespaces asked for.
        namespaces: Vec<String>,
        /// Modules that have workers.
        known: Vec<String>,
    },
    /// `new` failed or panicked.
    #[error("worker {worker}: new failed: {message}")]
    New {
        /// Path of the worker type.
        worker: String,
        /// What it said.
        message: String,
    },
    /// A hook that is asked at the start panicked.
    #[error("worker {worker}: {hook} failed: {message}")]
    Hook {
        /// Path of the worker type.
        worker: String,
        /// The hook.
        hook: &'static str,
        /// What it said.
        message: String,
    },
    /// The bounds of a job contradict each other.
    #[error("worker {worker}, {job}: {reason}")]
    Bounds {
        /// Path of the worker type.
        worker: String,
        /// Its method or process group.
        job: String,
        /// What is wrong.
        reason: String,
    },
    /// The bounds of a job that the program added contradict each other.
    #[error("{job}: {reason}")]
    Added {
        /// The job.
        job: String,
        /// What is wrong.
        reason: String,
    },
    /// Two methods of one process group set the same bound or limit.
    #[error(
        "worker {worker}, process group {group}: {bound} is set by method {first} and by method {second}; set it once per \
         process group"
    )]
    BoundTwice {
        /// Path of the worker type.
        worker: String,
        /// The process group.
        group: String,
        /// `min_processes`, say.
        bound: &'static str,
        /// The method that sets it first.
        first: &'static str,
        /// The method that sets it again.
        second: &'static str,
    },
    /// Two functions have one name.
    #[error(
        "function {function} is registered twice, by {} and by {}; give one another name (#[job(name = \"..\")]) or its \
         worker another prefix", by(.first), by(.second)
    )]
    FunctionTwice {
        /// The name.
        function: String,
        /// The worker that has it first.
        first: String,
        /// The worker that has it again.
        second: String,
    },
    /// Two jobs have one name in the console.
    #[error(
        "two jobs are called {job}, one of {} and one of {}; give a method, a process group or a prefix another name",
        by(.first), by(.second)
    )]
    JobTwice {
        /// The name.
        job: String,
        /// The worker that has it first.
        first: String,
        /// The worker that has it again.
        second: String,
    },
    /// A name that job servers or the console cannot carry.
    #[error("{}: {name:?} cannot be the name of a function or a job: it is empty, or has white space or control characters", by(.worker))]
    Name {
        /// The worker.
        worker: String,
        /// The name.
        name: String,
    },
    /// A job was added with no method.
    #[error("{job}: it has no method; give its JobSpec at least one")]
    NoMethod {
        /// The job.
        job: String,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none, as this program has no Rust worker in it".to_owned() } else { names.join(", ") }
}

/// How workers get into a program: from the beginning where it has none at all.
fn own_program(known: &[String]) -> &'static str {
    if known.is_empty() {
        "Rust workers are compiled into a program of your own: its main.rs has `mod workers;` (and `use my_workers as _;` \
         for each library crate with workers, else the linker drops it), and its main calls \
         `gearman_driver::Driver::from_args().namespaces([\"my_app::workers\"]).run()`; see README.md, and examples/convert \
         for a whole one. Workers in other languages come with a later release"
    } else {
        "A program of your own needs `mod workers;` for the module with its workers, and `use my_workers as _;` for each \
         library crate with workers, else the linker drops it; see README.md"
    }
}

fn nothing_to_run(namespaces: &[String], known: &[String]) -> String {
    if known.is_empty() {
        format!("this program has no Rust worker in it. {}", own_program(known))
    } else if namespaces.is_empty() {
        format!("no namespace is given; choose with --namespaces (or `.namespaces(..)`) from {}", known.join(", "))
    } else {
        format!("`wanted` refuses every worker in {}", namespaces.join(", "))
    }
}

fn did_you_mean(name: &Option<String>) -> String {
    name.as_ref().map_or(String::new(), |name| format!(" (did you mean {name}?)"))
}

fn by(name: &str) -> String {
    if name.starts_with(ADDED) { name.to_owned() } else { format!("worker {name}") }
}

/// How messages call the worker of a job that the program added.
pub(super) const ADDED: &str = "added job ";
