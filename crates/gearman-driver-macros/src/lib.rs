//! The #[worker] and #[job] attributes of gearman-driver.
//!
//! Decides what a worker's impl block means and whether it is well written; every mistake that can be seen in the
//! source is told here, at its place. It writes no run-time logic: for each `#[job]` method a short function that hands
//! the method to `gearman_driver_worker::api::call`, for each hook a forwarder, and one registry entry.
//!
//! What it writes names `::gearman_driver::__private` only, and needs no `allow`: a crate with `forbid` on lints
//! compiles.

mod attributes;
mod cfg;
mod client;
mod duration;
mod emit;
mod hooks;
mod method;
mod size;
mod worker;

use proc_macro::TokenStream;
use quote::quote;

/// Makes the type of an impl block a worker: its `#[job]` methods become functions, and its methods with the names of
/// hooks (`new`, `prefix`, `begin`, `end`, `process_name`, `default_attributes`, `override_attributes`,
/// `process_start`, `process_stop`) override `Gearman::Driver::Worker`'s defaults.
///
/// `#[worker(decode = "..", encode = "..")]` names codecs for all its job methods; `decode = ""` on a method opts out.
///
/// For a worker `Image` it also writes `ImageClient`, a typed caller with a function for each job method, such as
/// `ImageClient::convert(&job.client(), &request)?`. `Json<T>` is sent as `&T` and read as `T`, text as `&str` and
/// `String`; all else (named codecs, aliases of types) as bytes. `T` needs serde's other half only where such a function
/// is called. `#[worker(client = "Convert")]` gives it another name, `client = ""` leaves it out. It is as public as the
/// module that it stands in. A worker with a `prefix` of its own has none: the names of its functions are known only
/// at run time.
///
/// The worker's path is that of the module in which this impl block stands, and the type's name. `Driver::namespaces` finds
/// it by that, and it is the beginning of its functions' names.
///
/// `fn new(options: &WorkerOptions) -> Self` (or `Result<Self, E>`) builds the worker, once, in the host, before any
/// fork; without it, `Default` does. The signatures of the other hooks are those of the trait `Worker`, where `process_start`
/// and `begin` may return nothing as well. Methods without `#[job]` that have no hook's name are the worker's own business.
/// A worker type needs neither `Send` nor `Sync`, and can't be generic.
#[proc_macro_attribute]
pub fn worker(arguments: TokenStream, item: TokenStream) -> TokenStream {
    worker::expand(arguments.into(), &item.into()).into()
}

/// Makes a method of a [`macro@worker`] impl block a function that clients can call.
///
/// The method takes `&self`, then optionally the job (`&mut Job` or `&Job`), then optionally the workload: `&[u8]`,
/// `Vec<u8>`, `&str`, `String`, `Json<T>`, or what its decoder returns. It returns the client's result: `Vec<u8>`,
/// `&'static [u8]`, `String`, `&'static str`, `()`, `Json<T>`, or what its encoder takes; alone, or in a `Result` with any
/// error that `?` turns into `Error`. An `Err` fails the job with its message, and so does a panic, after which the process
/// is replaced.
///
/// | attribute | means | default |
/// | --- | --- | --- |
/// | `name = ".."` | registered under this name, after the worker's prefix | the method's |
/// | `min_processes = N` | never fewer processes | 1 |
/// | `max_processes = N` | never more processes | 1, or `min_processes` where that is larger |
/// | `process_group = ".."` | shares its processes with the other methods of the group; bounds once per group | |
/// | `decode`, `decode = ".."` | the worker's method that makes the argument of the workload | by the argument's type |
/// | `encode`, `encode = ".."` | the worker's method that makes the answer of the result | by the result's type |
/// | `exceptions = true` | failures go out as WORK_EXCEPTION | WORK_WARNING and WORK_FAIL |
/// | `max_idle_time = ".."` | how long a process above the minimum may stay idle: `5`, `500ms`, `5m`; once per group | the driver's |
/// | `concurrency = N` | `async fn` only: jobs at once in one process; once per group | 1 |
/// | `timeout = ".."` | how long a job may take until its client is told that it failed; 5 s later a process that still has it is killed; once per group | for ever |
/// | `max_jobs = N` | how many jobs a process does before it is replaced, and never more; once per group | no limit |
/// | `max_age = ".."` | how old a process becomes before it is replaced; once per group | no limit |
/// | `max_memory = ".."` | by how much the memory that a process shares with no other may grow before it is replaced: `"100MB"`, `"1GiB"`, a number of bytes; once per group | no limit |
/// | `jitter = ..` | by which part of them, 0 to 1, the last three are lowered at the most, by chance, in each process; once per group | 0.1 |
/// | `drain_timeout = ".."` | how long a process may take to finish its job when the driver ends, where that is longer than its `shutdown_timeout`; once per group | the driver's |
///
/// An `async fn` runs on a tokio runtime of one thread. Each process of a worker that has one makes it after its fork, before
/// `process_start`, also where the process's own methods are plain. Its future need not be `Send`; for the same reason `job` and the workload can't go into
/// `tokio::spawn` (copy what such a task needs out of them; `tokio::task::spawn_local` runs on the same thread). What blocks
/// (`std::thread::sleep`, `job.client()`) holds up all jobs of the process: use tokio's, and `job.client_async()`. Plain
/// methods in a process group with an `async fn` run on the same thread, and hold up the others while they run. Hooks are
/// not asynchronous; `process_start` runs inside the runtime, where tokio's sockets can be made and tasks be started, but
/// nothing can be waited for: a connection that is made by waiting belongs into a `tokio::sync::OnceCell` that the
/// first job fills.
#[proc_macro_attribute]
pub fn job(_: TokenStream, item: TokenStream) -> TokenStream {
    // A `#[job]` inside a `#[worker]` block is taken away by that, so this one stands elsewhere.
    let item = proc_macro2::TokenStream::from(item);
    quote! {
        #item
        ::core::compile_error! {
            "`#[job]` marks a method inside an impl block that carries `#[worker]`; put `#[worker]` on the impl block"
        }
    }
    .into()
}
