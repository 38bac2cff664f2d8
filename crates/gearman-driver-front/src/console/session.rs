//! One connection: lines in, answers out, in order.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::line::{Lines, TooLong};
use super::{Action, CommandError, Commands, Task, answer, text};
use crate::{DriverGone, Handle};

/// A client that has taken nothing for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long, and for how much, a closed connection is still read, so that the last answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;

/// What becomes of the connection after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Read,
    Close,
}

/// Talks to one client until either side closes.
///
/// # Errors
/// When the connection breaks, or the client has taken nothing for 30 s.
pub async fn session<S>(mut stream: S, handle: Handle, commands: &Commands) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut lines = Lines::default();
    let mut packet = [0; 4096];
    let mut first = true;
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => String::from_utf8_lossy(line).into_owned(),
            Ok(None) => {
                let read = stream.read(&mut packet).await?;
                if read == 0 {
                    return Ok(());
                }
                lines.push(&packet[..read]);
                continue;
            }
            Err(TooLong) => return refuse(stream, &CommandError::LineTooLong).await,
        };
        if std::mem::take(&mut first) && looks_like_http(&line) {
            return Ok(());
        }
        if carry_out(&mut stream, &line, &handle, commands).await? == Next::Close {
            return linger(stream).await;
        }
    }
}

/// Sends an error, and closes.
pub(super) async fn refuse<S>(mut stream: S, error: &CommandError) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    send(&mut stream, &answer::error(error)).await?;
    linger(stream).await
}

async fn carry_out<S>(stream: &mut S, line: &str, handle: &Handle, commands: &Commands) -> io::Result<Next>
where
    S: AsyncWrite + Unpin,
{
    let (bytes, next) = match respond(line, handle, commands).await {
        Ok(response) => response,
        Err(DriverGone) => return Ok(Next::Close),
    };
    send(stream, &bytes).await?;
    Ok(next)
}

async fn respond(line: &str, handle: &Handle, commands: &Commands) -> Result<(Vec<u8>, Next), DriverGone> {
    // Nonsense doesn't cost the driver a snapshot.
    let name = match commands.parse(line) {
        Ok((command, _)) => command.name().to_owned(),
        Err(error) => return Ok((answer::error(&error), Next::Read)),
    };
    let action = {
        let snapshot = handle.snapshot().await?;
        commands.interpret(line, &snapshot)
    };
    let (order, after) = match action {
        Err(error) => return Ok((answer::error(&error), Next::Read)),
        Ok(Action::Answer(lines)) => {
            return Ok((answer::lines(lines.iter().map(String::as_str)), Next::Read));
        }
        Ok(Action::Close) => return Ok((Vec::new(), Next::Close)),
        Ok(Action::Run(task)) => return Ok((run(task, name, handle).await, Next::Read)),
        Ok(Action::Order(order)) => (order, Next::Read),
        Ok(Action::LastOrder(order)) => (order, Next::Close),
    };
    match handle.order(order).await? {
        Ok(()) => Ok((answer::ok(), after)),
        Err(error) => Ok((answer::error(&error.into()), Next::Read)),
    }
}

/// Runs a command of a program's own, off the event loop: it may block, and may wait for the event loop.
async fn run(task: Task, name: String, handle: &Handle) -> Vec<u8> {
    let handle = handle.clone();
    match tokio::task::spawn_blocking(move || task.run(&handle)).await {
        Ok(Ok(lines)) => {
            let lines: Vec<String> = lines.iter().map(|line| text::whole_line(line)).collect();
            answer::lines(lines.iter().map(String::as_str))
        }
        Ok(Err(error)) => answer::lines([text::whole_line(&format!("ERR {error}")).as_str()]),
        Err(_) => answer::error(&CommandError::Panicked(name)),
    }
}

/// Sends everything. A client that is slow may take its time, one that takes nothing may not.
async fn send<S: AsyncWrite + Unpin>(stream: &mut S, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = timeout(WRITE_TIMEOUT, stream.write(bytes)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Closes our side, and reads on for a moment: a connection that is closed with bytes unread is reset, and the client
/// would lose the last answer.
async fn linger<S>(mut stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let read_rest = async {
        let mut total = 0;
        while total < LINGER_BYTES {
            match stream.read(&mut rest).await {
                Ok(0) | Err(_) => break,
                Ok(read) => total += read,
            }
        }
    };
    // The time being up is as good an end as any.
    let _ = timeout(LINGER, read_rest).await;
    Ok(())
}

/// Whether a browser (or a script in one) talks to us: no command begins like that.
pub(super) fn looks_like_http(line: &str) -> bool {
    const METHODS: [&str; 10] = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI"];
    let method = line.split(' ').next().unwrap_or_default();
    METHODS.contains(&method) || line.contains(" HTTP/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_told_from_commands() {
        assert!(looks_like_http("GET / HTTP/1.1"));
        assert!(looks_like_http("POST /x"));
        assert!(looks_like_http("BREW /pot HTTP/2"));
        assert!(!looks_like_http("status"));
        assert!(!looks_like_http(""));
        assert!(!looks_like_http("get"));
    }
}
