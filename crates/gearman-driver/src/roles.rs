//! Which role this start of the executable has, and running as a host.

use std::ffi::OsString;

use gearman_driver_sys::{environment, fds};
use gearman_driver_wire::role::{PADDING_VARIABLE, ROLE_VARIABLE, Role};
use gearman_driver_worker::host::{Program, serve};

/// Runs as a host if the supervisor started this process as one: its exit code. `None`: this process is the supervisor.
pub(crate) fn take_role(program: Program<'_>) -> Option<Result<i32, String>> {
    let value = std::env::var_os(ROLE_VARIABLE)?;
    Some(take(&value, program))
}

fn take(value: &OsString, program: Program<'_>) -> Result<i32, String> {
    let Role::Host { socket } = Role::parse(&value.to_string_lossy()).map_err(|error| error.to_string())?;
    let inherited = fds::take_inherited_socket(socket).map_err(|error| {
        format!(
            "{ROLE_VARIABLE} names descriptor {socket} as a host's socket, and it is none ({error}): \
             unset the variable, a supervisor sets it for its hosts alone"
        )
    })?;
    for variable in [ROLE_VARIABLE, PADDING_VARIABLE] {
        if let Err(error) = environment::remove_variable(variable) {
            // Told over the socket, so that the supervisor says it: this process's caller may show nothing.
            return Ok(refuse(
                inherited,
                &format!(
                    "{error} when run() or start() is called: main up to there runs in the host too, which forks the \
                     worker processes. Start threads and runtimes in `process_start`, which runs in each worker process \
                     after the fork"
                ),
            ));
        }
    }
    Ok(serve(inherited, program))
}

fn refuse(socket: std::os::fd::OwnedFd, error: &str) -> i32 {
    use std::io::Write;
    let message = gearman_driver_wire::host::FromHost::Failed { error: error.to_owned() };
    let mut socket = std::os::unix::net::UnixStream::from(socket);
    // If the supervisor is gone, there is nobody to tell.
    let _ = socket.write_all(&gearman_driver_wire::host::encode(&message));
    1
}
