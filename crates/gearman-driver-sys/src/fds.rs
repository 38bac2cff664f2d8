//! Descriptors: which are sockets, and which is the host's socket.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use socket2::SockRef;

/// The descriptors of this process that are sockets.
///
/// # Errors
/// When `/proc/self/fd` cannot be read.
pub fn sockets() -> io::Result<BTreeSet<RawFd>> {
    let mut sockets = BTreeSet::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // A descriptor may be gone by now (the directory's own is in the list).
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        if let Some(number) = number
            && target.to_string_lossy().starts_with("socket:")
        {
            sockets.insert(number);
        }
    }
    Ok(sockets)
}

/// The address at the other end of a socket, in words; `None` when it is not connected.
#[must_use]
pub fn peer(socket: RawFd) -> Option<String> {
    // SAFETY: getpeername(2) on a number that may be closed fails, and nothing else is done with it.
    let socket = unsafe { BorrowedFd::borrow_raw(socket) };
    let address = SockRef::from(&socket).peer_addr().ok()?;
    Some(match (address.as_socket(), address.as_pathname()) {
        (Some(internet), _) => internet.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "a socket without a name".to_owned(),
    })
}

/// Takes over an inherited descriptor: a copy of it, closed at exec, while the number itself now reads /dev/null.
///
/// # Errors
/// When the descriptor is not a connected Unix stream socket, or cannot be copied.
pub fn take_inherited_socket(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: on a number that is not open the first call fails, and nothing is done with it.
    let inherited = unsafe { BorrowedFd::borrow_raw(number) };
    let socket = SockRef::from(&inherited);
    if !socket.local_addr()?.is_unix() || socket.peer_addr().is_err() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a connected Unix socket"));
    }
    let copy = inherited.try_clone_to_owned()?;
    let null = std::fs::OpenOptions::new().read(true).open("/dev/null")?;
    // SAFETY: dup2 onto a number that was inherited for us, and that no Rust object owns.
    if unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&null), number) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_connected_socket_is_found_with_its_peer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let sockets = sockets().unwrap();
        assert!(sockets.contains(&listener.as_raw_fd()) && sockets.contains(&stream.as_raw_fd()));
        assert_eq!(peer(listener.as_raw_fd()), None);
        assert_eq!(peer(stream.as_raw_fd()), Some(listener.local_addr().unwrap().to_string()));
    }

    #[test]
    fn only_a_connected_unix_socket_is_taken_over() {
        let file = tempfile::tempfile().unwrap();
        assert!(take_inherited_socket(file.as_raw_fd()).is_err());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(take_inherited_socket(listener.as_raw_fd()).is_err());
    }
}
