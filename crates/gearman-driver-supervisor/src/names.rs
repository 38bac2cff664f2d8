//! Names of this machine and this program.

use std::ffi::OsString;

/// The name of this machine, as far as it is known.
pub(crate) fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The name that this program was started with.
pub(crate) fn program(arguments: &[OsString]) -> OsString {
    arguments.first().cloned().unwrap_or_else(|| OsString::from("gearman-driver"))
}
