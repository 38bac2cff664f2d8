//! How an executable that is started again learns which role it has.
//!
//! The supervisor sets [`ROLE_VARIABLE`] to a role and the number of the inherited descriptor,
//! as `host 0`: a host finds its socket as standard input. `run()` checks the descriptor and removes the
//! variable, so that no child of a worker inherits a role.

/// The environment variable that names the role and its descriptor.
pub const ROLE_VARIABLE: &str = "GEARMAN_DRIVER_ROLE";

/// An environment variable that does nothing but take room: a process's title is written over its arguments and
/// environment, and under an empty environment that would be a few bytes.
pub const PADDING_VARIABLE: &str = "GEARMAN_DRIVER_ROLE_PADDING";

/// The value of [`PADDING_VARIABLE`].
#[must_use]
pub fn padding() -> String {
    "-".repeat(1024)
}

/// A role that an executable can be started in, besides that of the supervisor (no variable).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A fork server: loads the worker code, forks worker processes. `socket` is the inherited descriptor.
    Host {
        /// The number of the inherited descriptor: the host's end of the host protocol.
        socket: i32,
    },
}

/// The value of [`ROLE_VARIABLE`] is none that a supervisor sets.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{ROLE_VARIABLE} is {value:?}, which no gearman-driver sets (it would be `host 0`): unset it")]
pub struct RoleError {
    value: String,
}

impl Role {
    /// Reads the value of [`ROLE_VARIABLE`].
    ///
    /// # Errors
    /// When the value is not a role with a descriptor's number.
    pub fn parse(value: &str) -> Result<Self, RoleError> {
        let refused = || RoleError { value: value.chars().take(80).collect() };
        match value.split_once(' ') {
            Some(("host", fd)) => {
                let socket = fd.parse().ok().filter(|fd| *fd >= 0).ok_or_else(refused)?;
                Ok(Self::Host { socket })
            }
            _ => Err(refused()),
        }
    }

    /// The value to set [`ROLE_VARIABLE`] to.
    #[must_use]
    pub fn value(self) -> String {
        match self {
            Self::Host { socket } => format!("host {socket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reads_back_what_it_wrote() {
        let role = Role::Host { socket: 7 };
        assert_eq!(Role::parse(&role.value()), Ok(role));
    }

    #[test]
    fn other_values_are_refused_with_the_value_in_the_message() {
        for value in ["", "host", "host -1", "host x", "relay 0"] {
            let error = Role::parse(value).expect_err(value);
            assert!(error.to_string().contains(&format!("{value:?}")));
        }
    }
}
