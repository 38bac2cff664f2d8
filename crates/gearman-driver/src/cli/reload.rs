//! The subcommand `reload`: running drivers load their worker code and configuration anew.

use std::time::Duration;

use clap::{ArgMatches, Command};
use gearman_driver_core::config::Config;

use super::remote;

/// Loading worker code and its data may take its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// The subcommand as clap sees it, without options of the driver.
pub(super) fn command() -> Command {
    Command::new("reload")
        .about("Have running drivers load their worker code and configuration anew; no job is lost")
        .arg(remote::connect())
}

/// The consoles of the drivers, `host[:port]`; none: that of the configuration.
pub(super) fn consoles(matches: &ArgMatches) -> Vec<String> {
    remote::named(matches)
}

/// Has each driver reload, one after the other, and stops at the first that does not. The exit code: 0 when all have
/// loaded the new code; what is wrong goes to `complain`.
pub(super) fn run(named: &[String], config: &Config, complain: &mut dyn FnMut(&str)) -> u8 {
    let consoles = match remote::consoles(named, config) {
        Ok(consoles) => consoles,
        Err(error) => {
            complain(&error);
            return 1;
        }
    };
    for console in &consoles {
        let problem = match remote::ask(console, "reload", PATIENCE) {
            Ok(lines) if lines == ["OK"] => continue,
            Ok(lines) => format!("{console}: {}", lines.join(" ")),
            Err(error) => error,
        };
        complain(&problem);
        return 1;
    }
    0
}
