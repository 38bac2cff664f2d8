//! A writer that does not wait for a reader: the event loop must not stand still because a pager was left open, or because
//! what collects the log hangs.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::PIPE_BUF;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long a reader that is slow is waited for.
const PATIENCE: Duration = Duration::from_millis(20);

/// Writes to a pipe, a socket, a terminal or a file, in parts that are taken at once, or fails.
///
/// The descriptor stays a blocking one: others may have it too (a shell its terminal, say), and would see the change.
#[derive(Debug)]
pub(crate) struct Brisk<W> {
    out: W,
    patience: Duration,
}

impl<W: Write + AsFd> Brisk<W> {
    /// `stuck`: nothing was taken the last time, so that it is not waited for this time.
    pub(crate) fn new(out: W, stuck: bool) -> Self {
        Self { out, patience: if stuck { Duration::ZERO } else { PATIENCE } }
    }

    fn has_room(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(self.out.as_fd(), PollFlags::POLLOUT)];
        // At the most 20, see above.
        let patience = PollTimeout::try_from(self.patience).unwrap_or(PollTimeout::ZERO);
        match poll(&mut fds, patience) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Err(ErrorKind::Interrupted.into()),
            Err(error) => Err(error.into()),
        }
    }
}

impl<W: Write + AsFd> Write for Brisk<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.has_room()? {
            return Err(io::Error::new(ErrorKind::WouldBlock, "whoever reads it takes nothing"));
        }
        // Where there is room, there is room for that much.
        self.out.write(&bytes[..bytes.len().min(PIPE_BUF)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_full_pipe_is_an_error_and_room_is_used() {
        let (mut read, write) = io::pipe().unwrap();
        let mut brisk = Brisk::new(write, false);
        let mut filled = 0;
        let error = loop {
            match brisk.write(&[b'x'; 100_000]) {
                Ok(written) => filled += written,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(filled >= PIPE_BUF, "{filled}");
        read.read_exact(&mut vec![0; filled]).unwrap();
        assert_eq!(brisk.write(b"after").unwrap(), 5);
    }

    #[test]
    fn a_file_has_room_always() {
        let mut brisk = Brisk::new(tempfile::tempfile().unwrap(), true);
        assert_eq!(brisk.write(&[b'x'; 100_000]).unwrap(), PIPE_BUF);
    }
}
