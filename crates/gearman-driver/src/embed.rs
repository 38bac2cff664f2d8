//! [`Driver::start`]: the driver as a part of a program that goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gearman_driver_worker::Error;

use crate::driver::{Mistake, program_name};
use crate::embedded_server;
use crate::report::{self, Style};
use crate::{Driver, DriverHandle};

/// Whether a driver runs in this process.
static RUNNING: AtomicBool = AtomicBool::new(false);

impl Driver {
    /// Runs the driver beside the rest of the program: returns once the first host has loaded its workers, so that
    /// [`DriverHandle::jobs`] are there.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), gearman_driver::Error> {
    /// let driver = gearman_driver::Driver::builder().namespaces(["my_app::workers"]).start()?;
    /// for job in driver.jobs() {
    ///     println!("{} has {} processes", job.name(), job.count_processes());
    /// }
    /// // .. what else the program does ..
    /// driver.shutdown();
    /// driver.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What runs where
    /// As with [`run`](Driver::run), the executable is started again as a host, and `main` up to this call runs there too,
    /// with the same arguments: it must come to this call first of all `start` and `run` calls, on its only thread.
    /// There this call does not return. In the program's own process, threads and runtimes may have been started before.
    ///
    /// # What is the program's
    /// - The driver has an event loop on a thread of its own, and ends when it is told to: by
    ///   [`DriverHandle::shutdown`], by the console. Dropping all handles does not stop it. When the process ends without
    ///   that, worker processes finish their jobs and exit.
    /// - Signals: the driver handles none of this process's, and never ends it. TERM and INT are for the program to handle.
    /// - Children: the driver reaps those that it has started, and no others. (Orphans among the descendants of this
    ///   process come to it, as PR_SET_CHILD_SUBREAPER has it.) A program must not wait for *any* child (`waitpid(-1)`).
    /// - The limit of open files is raised to what is allowed.
    /// - One driver at a time.
    ///
    /// # Errors
    /// What [`run`](Driver::run) would say before it exits with 1 or 2: a wrong configuration, workers that cannot be loaded, a
    /// console port that is taken. `daemonize`, `pidfile`, `user` and `group`: they concern the whole process. With [`from_args`](Driver::from_args), `--help` and subcommands other than `run` too.
    pub fn start(mut self) -> Result<DriverHandle, Error> {
        let name = program_name();
        self.take_role(&name)?;
        #[cfg(feature = "cli")]
        let command_line = self.command_line.take().map(|line| line.to_start()).transpose()?.unwrap_or_default();
        #[cfg(not(feature = "cli"))]
        let command_line = gearman_driver_core::config::Layer::new();
        let end = Arc::clone(&self.end);
        let config = self.config(command_line.clone()).map_err(|mistake| match mistake {
            Mistake::Config(error) => report::render(&name, &error, Style::Plain).trim_end().to_owned(),
            Mistake::Text(text) => text,
        })?;
        let set = [
            ("daemonize", config.daemonize),
            ("pidfile", config.pidfile.is_some()),
            ("user", config.user.is_some()),
            ("group", config.group.is_some()),
        ];
        if let Some((option, _)) = set.into_iter().find(|(_, set)| *set) {
            let origin = config.origin(option);
            return Err(format!(
                "{option} is set, {origin}: it concerns the whole process, so it is for `run()` alone"
            )
            .into());
        }
        let mut setup = self.setup(config, command_line)?;
        if RUNNING.swap(true, Ordering::SeqCst) {
            return Err("a driver runs in this process already: shut it down and wait for its end first".into());
        }
        let server = match embedded_server::start(&mut setup) {
            Ok(server) => server,
            Err(error) => {
                RUNNING.store(false, Ordering::SeqCst);
                return Err(error.into());
            }
        };
        let told = Arc::clone(&end);
        let ended = move |result: Result<u8, gearman_driver_supervisor::RunError>| {
            {
                // Stops here: no process of ours needs it any more.
                let _embedded = server;
            }
            RUNNING.store(false, Ordering::SeqCst);
            told.come(match result {
                Ok(0) => Ok(()),
                Ok(code) => Err(format!("the driver ended with exit code {code}")),
                Err(error) => Err(error.to_string()),
            });
        };
        match gearman_driver_supervisor::start(setup, ended) {
            Ok(handle) => Ok(DriverHandle::new(handle, end)),
            Err(error) => {
                RUNNING.store(false, Ordering::SeqCst);
                Err(error.into())
            }
        }
    }
}
