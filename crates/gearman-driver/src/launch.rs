//! How the driver's process comes to run: detached or not, its pidfile taken, its identity changed, in this order.
//!
//! The working directory stays what it was: paths on the command line and in config files mean the same with and
//! without `--daemonize`, and in the hosts, which are started with the same arguments.

use std::io::Write;
use std::path::Path;

use gearman_driver_core::config::Config;
use gearman_driver_supervisor::Setup;

use crate::daemon::{self, Started};
use crate::embedded_server;
use crate::identity::Identity;
use crate::pidfile::Pidfile;

/// Runs the driver as its configuration says. With `daemonize` this returns twice: in the daemon, when it has ended; in
/// the process that called, when the daemon is ready (`Ok(0)`) or has failed; that one then exits here.
///
/// # Errors
/// What could not be had, in one sentence for people.
pub(crate) fn run(program: &str, mut setup: Setup) -> Result<u8, String> {
    let config = &setup.config;
    // What can be refused before anything is forked or written is refused here.
    let identity = Identity::of(config).map_err(|error| error.to_string())?;
    if !config.daemonize {
        let _pidfile = enter(config, &identity)?;
        return supervise(setup);
    }
    if config.logfile == Path::new("-") {
        return Err(format!(
            "--daemonize and --logfile - exclude each other, since a daemon has no standard error: name a log file, {}",
            config.origin("logfile")
        ));
    }
    match daemon::start().map_err(|error| format!("--daemonize: {error}"))? {
        Started::Caller(waiting) => {
            let outcome = waiting.wait(&config.logfile);
            if let Some(message) = &outcome.message {
                // If standard error is closed, there is nobody to hear it.
                let _ = writeln!(std::io::stderr(), "{program}: {message}");
            }
            // Not through main's return: what a program does after run() is the daemon's business alone.
            std::process::exit(i32::from(outcome.code));
        }
        Started::Daemon(caller) => {
            let told = caller.clone();
            setup.ready = Some(Box::new(move || told.ready()));
            let result = match enter(&setup.config, &identity) {
                Ok(_pidfile) => supervise(setup),
                Err(error) => Err(error),
            };
            match &result {
                Ok(_) => caller.failed("the driver was shut down before it was ready"),
                Err(error) => caller.failed(error),
            }
            result
        }
    }
}

/// Runs the supervisor, with the embedded job server around it: after the last fork, since that has a thread.
fn supervise(mut setup: Setup) -> Result<u8, String> {
    let _server = embedded_server::start(&mut setup)?;
    gearman_driver_supervisor::run(setup).map_err(|error| error.to_string())
}

/// Takes the pidfile, which root may keep where the user can't write, and then changes the identity.
fn enter(config: &Config, identity: &Identity) -> Result<Option<Pidfile>, String> {
    let pidfile = config.pidfile.as_deref().map(Pidfile::take).transpose().map_err(|error| error.to_string())?;
    identity.assume().map_err(|error| error.to_string())?;
    Ok(pidfile)
}
