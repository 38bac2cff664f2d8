//! The command `gearman-driver`: the driver without a program's own Rust workers.

use std::process::ExitCode;

fn main() -> ExitCode {
    gearman_driver::Driver::from_args().run()
}
