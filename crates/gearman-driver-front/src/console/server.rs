//! Accepts connections, and bounds their number.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::session::{refuse, session};
use super::{CommandError, Commands};
use crate::Handle;

/// So many clients may be connected at once.
pub const MAX_CONNECTIONS: usize = 64;

/// So many more may be told at once that there are too many; the others are closed without a word.
const MAX_REFUSALS: usize = 64;

/// How long to wait after an accept that failed (no descriptor is free, say) before the next one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A client whose machine is gone without a word is noticed after this and six probes, and its place given back.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 6;

/// How soon it is told again that connections can't be accepted.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

/// Serves the console on `listener`, for ever. Dropping the future closes all connections. `refused` is told, now and then,
/// why the system gives no connection.
pub async fn serve(
    listener: TcpListener,
    handle: Handle,
    commands: Arc<Commands>,
    refused: impl Fn(io::Error) + Send + 'static,
) {
    let mut told: Option<Instant> = None;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = clients.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // A client that has gone before it was accepted is nothing to tell of.
                if error.kind() != io::ErrorKind::ConnectionAborted
                    && told.is_none_or(|told| told.elapsed() >= TELL_INTERVAL)
                {
                    told = Some(Instant::now());
                    refused(error);
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        tune(&stream);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let (handle, commands) = (handle.clone(), Arc::clone(&commands));
            clients.spawn(async move {
                // A connection that breaks is the client's affair.
                let _ = session(stream, handle, &commands).await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
            clients.spawn(async move {
                let _ = refuse(stream, &CommandError::TooManyConnections).await;
                drop(place);
            });
        }
    }
}

/// Neither is vital: where the system refuses it, the connection is as good without.
fn tune(stream: &TcpStream) {
    // Answers are written whole, so nothing is gained by holding them back.
    let _ = stream.set_nodelay(true);
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}
