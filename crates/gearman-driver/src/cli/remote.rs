//! The consoles of running drivers, for subcommands that ask them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches};
use gearman_driver_core::config::Config;

/// The options of the driver that such subcommands take: they say where the console is.
pub(super) const OPTIONS: [&str; 3] = ["console_port", "console_host", "configfile"];

/// The console's port where none is named.
const DEFAULT_PORT: u16 = 47300;

/// A console has this long to take a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A longer answer is refused.
const MAX_ANSWER: u64 = 64 << 20;

/// The argument that names consoles.
pub(super) fn connect() -> Arg {
    Arg::new("connect")
        .long("connect")
        .value_name("HOST[:PORT]")
        .action(ArgAction::Append)
        .help("A driver's console. Repeatable. [default: the configuration's console]")
}

/// The consoles that were named.
pub(super) fn named(matches: &ArgMatches) -> Vec<String> {
    matches.get_many::<String>("connect").into_iter().flatten().cloned().collect()
}

/// The consoles to ask: those that were named, else that of the configuration.
///
/// # Errors
/// None was named, and the configuration has none; one sentence for people.
pub(super) fn consoles(named: &[String], config: &Config) -> Result<Vec<String>, String> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    if config.console_port == 0 {
        return Err(
            "the console is off (console_port is 0): name the driver to ask with --connect HOST:PORT".to_owned()
        );
    }
    Ok(vec![address(&config.console_host, config.console_port)])
}

/// Gives one command to the console at `host[:port]`; the lines of the answer.
///
/// # Errors
/// Nobody answers, or not for as long as `patience`; one sentence for people.
pub(super) fn ask(console: &str, command: &str, patience: Duration) -> Result<Vec<String>, String> {
    exchange(console, command, patience).map_err(|error| {
        format!(
            "no driver answers at {console}: {error}; is it running, and is this the port of its console? (--connect HOST:PORT)"
        )
    })
}

fn exchange(console: &str, command: &str, patience: Duration) -> io::Result<Vec<String>> {
    let mut stream = dial(console)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(format!("{command}\n").as_bytes())?;
    let mut answer = BufReader::new(stream.take(MAX_ANSWER));
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        match answer.read_until(b'\n', &mut line) {
            Ok(_) if line.ends_with(b"\n") => {}
            Ok(_) => return Err(io::Error::other("the answer has no end")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::other(format!("no answer within {} s", patience.as_secs())));
            }
            Err(error) => return Err(error),
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        match line.strip_prefix('.') {
            Some("") => return Ok(lines),
            // A line of one dot comes as two.
            Some(rest) => lines.push(rest.to_owned()),
            None => lines.push(line.to_owned()),
        }
    }
}

fn dial(console: &str) -> io::Result<TcpStream> {
    let (host, port) = split(console).ok_or_else(|| io::Error::other("this is no HOST:PORT"))?;
    let mut last = io::Error::other("the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Host and port of `host`, `host:port`, `[ipv6]` or `[ipv6]:port`.
fn split(console: &str) -> Option<(&str, u16)> {
    let (host, port) = match console.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match console.rsplit_once(':') {
            // An IPv6 address without brackets has no port.
            Some((host, _)) if host.contains(':') => (console, None),
            Some((host, port)) => (host, Some(port)),
            None => (console, None),
        },
    };
    let port = port.map_or(Some(DEFAULT_PORT), |port| port.parse().ok())?;
    (!host.is_empty()).then_some((host, port))
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consoles_are_named_as_job_servers_are() {
        assert_eq!(split("a"), Some(("a", 47300)));
        assert_eq!(split("a:5"), Some(("a", 5)));
        assert_eq!(split("[::1]:5"), Some(("::1", 5)));
        assert_eq!(split("[::1]"), Some(("::1", 47300)));
        assert_eq!(split("::1"), Some(("::1", 47300)));
        for wrong in ["", ":5", "a:", "a:x", "a:99999", "[::1", "[::1]5"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
