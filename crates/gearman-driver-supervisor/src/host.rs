//! Starting a host and talking to it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gearman_driver_core::process::{ExitStatus, HostId};
use gearman_driver_sys::limits;
use gearman_driver_wire::host::{FromHost, Lines, ToHost, encode};
use gearman_driver_wire::role::{PADDING_VARIABLE, ROLE_VARIABLE, Role, padding};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use crate::HostCommand;
use crate::event_loop::News;
use crate::log::Log;
use crate::names;
use crate::output::{Output, Speaker};

/// A host process, until it is reaped and its last message is read.
pub(crate) struct Host {
    pub(crate) pid: Pid,
    pub(crate) generation: u32,
    /// It has loaded its worker code.
    pub(crate) ready: bool,
    /// The functions of each of its jobs, for reading slots.
    pub(crate) functions: BTreeMap<String, Arc<[String]>>,
    /// Why it could not, in its own words.
    pub(crate) failure: Option<String>,
    /// How it ended, once it is reaped.
    pub(crate) ended: Option<ExitStatus>,
    /// Its last message has been read.
    pub(crate) closed: bool,
    pub(crate) output: Output,
    orders: mpsc::UnboundedSender<Vec<u8>>,
}

impl Host {
    /// Starts a host; its messages come as [`News::Host`], the end of them as [`News::HostClosed`].
    pub(crate) fn start(
        id: HostId,
        generation: u32,
        executable: &Path,
        command: &HostCommand,
        log: &Log,
        news: &mpsc::Sender<News>,
    ) -> io::Result<Self> {
        let mut starter = Command::new(executable);
        limits::hand_down_open_files(&mut starter);
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (out_read, out_write) = io::pipe()?;
        let (err_read, err_write) = io::pipe()?;
        let child = starter
            .arg0(names::program(&command.arguments))
            .args(command.arguments.iter().skip(1))
            .env(ROLE_VARIABLE, Role::Host { socket: 0 }.value())
            .env(PADDING_VARIABLE, padding())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(OwnedFd::from(out_write)))
            .stderr(Stdio::from(OwnedFd::from(err_write)))
            // What a terminal signals is the supervisor's to pass on.
            .process_group(0)
            .spawn()?;
        let pid = child.id();
        let speaker = Speaker::known(pid, "host");
        let output = Output::read(out_read.into(), err_read.into(), speaker, log.clone())?;
        let (read, write) = UnixStream::from_std(ours)?.into_split();
        let (orders, queue) = mpsc::unbounded_channel();
        tokio::spawn(pass_on_orders(write, queue));
        tokio::spawn(pass_on_messages(id, read, news.clone()));
        Ok(Self {
            pid: Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?),
            generation,
            ready: false,
            functions: BTreeMap::new(),
            failure: None,
            ended: None,
            closed: false,
            output,
            orders,
        })
    }

    /// Sends a message; one to a host that is gone is lost, which the news of its end makes good.
    pub(crate) fn send(&self, message: &ToHost) {
        let _ = self.orders.send(encode(message));
    }
}

async fn pass_on_orders(mut socket: OwnedWriteHalf, mut queue: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(message) = queue.recv().await {
        if socket.write_all(&message).await.is_err() {
            return;
        }
    }
}

async fn pass_on_messages(id: HostId, mut socket: OwnedReadHalf, news: mpsc::Sender<News>) {
    let mut lines = Lines::default();
    let mut bytes = [0; 8 << 10];
    let problem = 'read: loop {
        match socket.read(&mut bytes).await {
            Ok(0) | Err(_) => break None,
            Ok(n) => lines.push(&bytes[..n]),
        }
        loop {
            match lines.next_message::<FromHost>() {
                Ok(Some(message)) => {
                    if news.send(News::Host(id, message)).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                // A host that speaks garbage can't be trusted to report an exit: it is replaced.
                Err(error) => break 'read Some(error.to_string()),
            }
        }
    };
    let _ = news.send(News::HostClosed(id, problem)).await;
}
