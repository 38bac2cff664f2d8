//! The command `gearman-driver`: the driver without a program's own Rust workers, and the demo.

use std::process::ExitCode;

#[cfg(feature = "demo")]
mod demo;

fn main() -> ExitCode {
    let driver = gearman_driver::Driver::from_args();
    #[cfg(feature = "demo")]
    let driver = {
        if let Some(code) = demo::run_if_asked(std::env::args_os()) {
            return code;
        }
        driver.__own_subcommand(demo::command())
    };
    driver.run()
}
