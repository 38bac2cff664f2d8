//! What a job server holds at most, and what it says of itself.

/// Bounds of a [`crate::Server`]. Each has a default that is generous for trying out and testing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a packet's body. One that announces more closes its connection. Default: 64 MiB, for a workload or a
    /// result of that size, and 64 KiB, for the names before it.
    pub packet_bytes: usize,
    /// Connections at a time. One more is closed at once. Default: 4096.
    pub connections: usize,
    /// Bytes of all jobs, functions and registrations together. A job that would go over it is refused with ERROR
    /// (`QUEUE_ERROR`). Default: 1 GiB.
    pub queue_bytes: usize,
    /// Bytes that wait for one connection to read them. When there are more and another packet comes, the connection is
    /// closed. Default: 128 MiB, so that one result of the largest size does not close the connection of a client that
    /// is still reading it.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { packet_bytes: (64 << 20) + (64 << 10), connections: 4096, queue_bytes: 1 << 30, output_bytes: 128 << 20 }
    }
}

/// What a [`crate::Server`] says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The host's name, as in job handles: `H:HOST:1`. Cut at 40 bytes.
    pub host: String,
    /// The answer to the admin command `getpid`.
    pub pid: u32,
    /// The answer to the admin command `version`.
    pub version: String,
}

impl Identity {
    /// Of this process on this host.
    pub(crate) fn of_this_process() -> Self {
        let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
        Self {
            host: host.unwrap_or_else(|_| "localhost".to_owned()),
            pid: std::process::id(),
            version: concat!("gearman-jobserver-", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// What every handle begins with. gearmand's are shorter than 64 bytes, which is what its clients have room for.
    pub(crate) fn handle_prefix(&self) -> String {
        let mut end = self.host.len().min(40);
        while !self.host.is_char_boundary(end) {
            end -= 1;
        }
        // A NUL or a line break would break packets and the admin text.
        let host: String =
            self.host[..end].chars().map(|c| if c.is_control() || c.is_whitespace() { '_' } else { c }).collect();
        format!("H:{host}:")
    }
}
