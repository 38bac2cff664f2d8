//! Looks at the queues of all job servers, each `interval`; a server that is away or frozen delays nobody.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use gearman_driver_core::manager::FunctionStatus;
use gearman_driver_sys::limits;
use gearman_protocol::ServerList;
use gearman_protocol::admin::{AdminLine, AdminReader, StatusRow};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};

use crate::event_loop::{News, Supervisor};
use crate::log::Log;

/// A job server has this long to answer, or the interval where that is shorter.
const PATIENCE: Duration = Duration::from_secs(2);

/// A longer answer is refused.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// What one look found.
#[derive(Debug)]
pub(crate) struct Look {
    /// Status by function, added up over the servers that answered.
    pub(crate) functions: BTreeMap<String, FunctionStatus>,
    /// For each server, in the order of the list: why it did not answer.
    pub(crate) servers: Vec<(String, Option<String>)>,
}

impl Supervisor {
    /// Looks at the queues each `interval` from now on, anew also where it is what it was if there are `others` to ask.
    pub(crate) fn observe_anew(&mut self, interval: Duration, others: bool) {
        if interval == self.interval && !others {
            return;
        }
        self.interval = interval;
        if let Some(observer) = self.observer.take() {
            observer.abort();
            self.start_observing();
        }
    }

    /// The queues are looked at once there are jobs: before, every function would be unknown.
    pub(crate) fn start_observing(&mut self) {
        let (interval, servers) = (self.interval, self.generations.in_force().servers.clone());
        let (news, log) = (self.news.clone(), self.log.clone());
        let observer = tokio::spawn(async move {
            if !interval.is_zero() {
                observe(servers, interval, news, log).await;
            }
        });
        self.observer = Some(observer.abort_handle());
    }
}

struct Server {
    index: usize,
    address: String,
    connection: Option<TcpStream>,
    failing: bool,
}

/// Looks for ever.
async fn observe(servers: ServerList, interval: Duration, news: mpsc::Sender<News>, log: Log) {
    let patience = interval.min(PATIENCE).max(Duration::from_millis(100));
    let mut servers: Vec<Server> = servers
        .iter()
        .enumerate()
        .map(|(index, server)| Server { index, address: server.to_string(), connection: None, failing: false })
        .collect();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut looks = JoinSet::new();
        for mut server in servers.drain(..) {
            looks.spawn(async move {
                let rows = match timeout(patience, look(&mut server)).await {
                    Ok(rows) => rows,
                    Err(_) => Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("no answer to `status` within {} ms", patience.as_millis()),
                    )),
                };
                if rows.is_err() {
                    server.connection = None;
                }
                (server, rows)
            });
        }
        let mut found = Look { functions: BTreeMap::new(), servers: Vec::new() };
        let mut health = BTreeMap::new();
        while let Some(looked) = looks.join_next().await {
            let Ok((mut server, rows)) = looked else { continue };
            let error = match rows {
                Ok(rows) => {
                    for row in rows {
                        let status =
                            FunctionStatus { queue: row.total, busy: row.running, running: row.available_workers };
                        let sum = found.functions.entry(row.function).or_default();
                        *sum = sum.plus(status);
                    }
                    if server.failing {
                        log.info(&format!("job server {} answers again", server.address));
                    }
                    server.failing = false;
                    None
                }
                Err(error) => {
                    if !server.failing {
                        log.warn(&format!("job server {} can't be observed: {error}", server.address));
                    }
                    server.failing = true;
                    Some(error.to_string())
                }
            };
            health.insert(server.index, (server.address.clone(), error));
            servers.push(server);
        }
        found.servers = health.into_values().collect();
        if news.send(News::Looked(found)).await.is_err() {
            return;
        }
    }
}

/// Asks one server, over the connection that there is or a new one.
async fn look(server: &mut Server) -> io::Result<Vec<StatusRow>> {
    let connection = match &mut server.connection {
        Some(connection) => connection,
        None => {
            let connection = TcpStream::connect(&server.address).await.map_err(limits::explain)?;
            connection.set_nodelay(true)?;
            server.connection.insert(connection)
        }
    };
    connection.write_all(b"status\n").await?;
    let mut lines = AdminReader::new(MAX_ANSWER_BYTES);
    let mut bytes = [0; 8 << 10];
    let mut rows = Vec::new();
    loop {
        let n = connection.read(&mut bytes).await?;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"));
        }
        lines.push(&bytes[..n]);
        while let Some(line) = lines.next_line().map_err(io::Error::other)? {
            match line {
                AdminLine::Row(row) => rows.push(StatusRow::parse(&row).map_err(io::Error::other)?),
                AdminLine::End => return Ok(rows),
            }
        }
    }
}
