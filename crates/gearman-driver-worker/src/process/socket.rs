//! Sockets of the blocking loop: a signal is seen at once, and nothing waits for ever.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use gearman_protocol::connection::prepare;
use socket2::Socket;

/// How long a read waits before the loop looks around; a signal ends it at once.
const READ_TIMEOUT: Duration = Duration::from_millis(250);
/// How long a write may wait without any progress.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a connected socket one of the blocking loop.
pub(super) fn blocking(socket: Socket) -> io::Result<TcpStream> {
    prepare(&socket)?;
    socket.set_nonblocking(false)?;
    // With time-outs, SA_RESTART does not restart these calls: a signal is seen at once.
    socket.set_read_timeout(Some(READ_TIMEOUT))?;
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket.into())
}

/// Writes all of it, however often a signal interrupts; gives up when nothing moves for [`WRITE_TIMEOUT`].
pub(super) fn write_all(stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    write_within(stream, bytes, WRITE_TIMEOUT)
}

/// The same; gives up when nothing moves for so long.
pub(super) fn write_within(mut stream: &TcpStream, mut bytes: &[u8], patience: Duration) -> io::Result<()> {
    let mut moved = None;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                moved = None;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if moved.get_or_insert_with(Instant::now).elapsed() >= patience {
                    return Err(io::Error::new(ErrorKind::TimedOut, format!("it takes nothing for {patience:?}")));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
