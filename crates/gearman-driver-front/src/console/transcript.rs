//! Writes docs/console.md: runs the examples of every command against a live console, and shows what came back.
//!
//! For tests only (feature `transcript`); blocking. What differs from run to run is replaced: PIDs by 4711 and so on,
//! times by one that is used in all of them.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Command, Commands, MAX_CONNECTIONS, MAX_LINE};

const PATIENCE: Duration = Duration::from_secs(10);

/// The time that stands for all times but the epoch.
const SAMPLE_TIME: &str = "2010-01-29T20:37:17";

const INTRODUCTION: &str = "\
# The console

A line protocol on TCP, port 47300, as Gearman::Driver's. A command is a line that ends in LF or CRLF, its words
separated by white space; words after those that a command needs are ignored. The answer is lines, then a line with a
single dot, each ending in CRLF. An error is a line that begins with `ERR`, then the dot.

Written by a test from a live console: lines after `>` were sent, the others came back. PIDs and times are replaced by
samples.
";

/// Runs every example of every built-in command, and every bound, against the console at `address`; the last command
/// ends the driver. `job` is a job with one process, a minimum of 1, and a maximum of at least 1; nothing else may stop its processes.
///
/// # Errors
/// When the connection breaks, or an answer is missing for 10 s.
pub fn transcript(address: SocketAddr, job: &str) -> io::Result<String> {
    let commands = Commands::new();
    let mut page = INTRODUCTION.to_owned();
    let mut samples = Samples::default();
    let ends_connection = |command: &&dyn Command| matches!(command.name(), "quit" | "shutdown");
    let (last, others): (Vec<_>, Vec<_>) = commands.iter().partition(ends_connection);

    page.push_str("\n## Commands\n");
    let mut client = Client::connect(address)?;
    for command in others {
        describe(&mut page, command);
        let mut block = String::new();
        for example in command.examples() {
            let line = fill_in(example, job, &mut client, &samples)?;
            block.push_str(&samples.replace(&client.exchange(&line)?));
        }
        fence(&mut page, &block);
    }

    page.push_str(
        "\n## Errors and bounds\n\nWhat is no command, an empty line, and a line that begins with white space:\n\n",
    );
    let mut block = String::new();
    for line in ["no_such_command", "", " status"] {
        block.push_str(&client.exchange(line)?);
    }
    fence(&mut page, &block);
    drop(client);
    bounds(&mut page, address)?;

    page.push_str("\n## Ending\n");
    // `shutdown` last: nothing answers after it.
    for command in last
        .iter()
        .filter(|command| command.name() == "quit")
        .chain(last.iter().filter(|command| command.name() != "quit"))
    {
        describe(&mut page, *command);
        let mut block = String::new();
        for example in command.examples() {
            block.push_str(&Client::connect(address)?.exchange(example)?);
        }
        fence(&mut page, &block);
    }
    Ok(page)
}

fn describe(page: &mut String, command: &dyn Command) {
    let usage = format!("{} {}", command.name(), command.arguments());
    // Writing to a string can't fail.
    let _ = write!(page, "\n### `{}`\n\n{}.\n", usage.trim_end(), command.summary());
    for line in command.details() {
        let _ = writeln!(page, "{line}");
    }
    page.push('\n');
}

fn fence(page: &mut String, block: &str) {
    let _ = writeln!(page, "```text\n{block}```");
}

fn bounds(page: &mut String, address: SocketAddr) -> io::Result<()> {
    let _ = write!(page, "\nA line of more than {MAX_LINE} bytes; the connection is closed:\n\n");
    let answer = Client::connect(address)?.exchange(&"x".repeat(MAX_LINE + 1))?;
    fence(page, &answer.replacen(&"x".repeat(MAX_LINE + 1), "xxxxx(and so on)", 1));

    let _ = write!(page, "\nConnection number {}; it is closed:\n\n", MAX_CONNECTIONS + 1);
    let mut others = Vec::new();
    let refused = loop {
        let mut client = Client::connect(address)?;
        let greeting = client.exchange("version").or_else(|_| client.rest())?;
        if greeting.contains("ERR ") {
            break greeting;
        }
        others.push(client);
        if others.len() > MAX_CONNECTIONS {
            return Err(io::Error::other("the number of connections is not bounded"));
        }
    };
    fence(page, refused.trim_start_matches("> version\n"));
    drop(others);

    page.push_str("\nA first line that looks like HTTP; the connection is closed without an answer:\n\n");
    // The places of the others are given back one by one.
    let started = Instant::now();
    let answer = loop {
        match Client::connect(address)?.exchange("GET / HTTP/1.1") {
            Ok(answer) if !answer.contains("too_many_connections") => break answer,
            _ if started.elapsed() > PATIENCE => return Err(io::ErrorKind::TimedOut.into()),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    fence(page, &answer);
    Ok(())
}

/// The example with a real job and a PID of it that was not seen before. Waits until there is one: what earlier
/// examples have stopped is being replaced.
fn fill_in(example: &str, job: &str, client: &mut Client, samples: &Samples) -> io::Result<String> {
    let line = example.replace("{job}", job);
    if !line.contains("{pid}") {
        return Ok(line);
    }
    let started = Instant::now();
    loop {
        let shown = client.exchange(&format!("show {job}"))?;
        if let Some(pid) = shown
            .lines()
            .skip(2)
            .filter(|line| line.parse::<u32>().is_ok() && !samples.pids.iter().any(|pid| pid == line))
            .last()
        {
            return Ok(line.replace("{pid}", pid));
        }
        if started.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("{job} gets no new process")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// The line after `> `, and what came back up to the dot, or up to the end of the connection.
    fn exchange(&mut self, line: &str) -> io::Result<String> {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes())?;
        Ok(format!("> {line}\n{}", self.rest()?))
    }

    fn rest(&mut self) -> io::Result<String> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                text.push_str("(closed)\n");
                return Ok(text);
            }
            let line = line.trim_end_matches(['\r', '\n']);
            let _ = writeln!(text, "{line}");
            if line == "." {
                return Ok(text);
            }
        }
    }
}

/// What stands for what differs from run to run.
#[derive(Default)]
struct Samples {
    pids: Vec<String>,
}

impl Samples {
    fn replace(&mut self, text: &str) -> String {
        let mut replaced = String::new();
        for line in text.lines() {
            if line.starts_with('{') {
                replaced.push_str(&outline(line));
                replaced.push('\n');
                continue;
            }
            let words: Vec<String> = line.split(' ').map(|word| self.word(line, word)).collect();
            replaced.push_str(&words.join(" "));
            replaced.push('\n');
        }
        replaced
    }

    fn word(&mut self, line: &str, word: &str) -> String {
        let is_time = word.len() == SAMPLE_TIME.len()
            && word.as_bytes().get(10) == Some(&b'T')
            && word.starts_with(|c: char| c.is_ascii_digit());
        if is_time && !word.starts_with("1970-") {
            return SAMPLE_TIME.to_owned();
        }
        let ends = ["> kill ", "> stop ", "> kill_now "];
        let may_be_pid = line == word || ends.iter().any(|command| line.starts_with(command));
        if may_be_pid && word.parse::<u32>().is_ok_and(|pid| pid > 1) {
            let index = self.pids.iter().position(|pid| pid == word).unwrap_or_else(|| {
                self.pids.push(word.to_owned());
                self.pids.len() - 1
            });
            return (4711 + index).to_string();
        }
        word.to_owned()
    }
}

/// The keys of an object of JSON, two dots for each value: its numbers are others each time.
fn outline(json: &str) -> String {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let mut keys = Vec::new();
    let mut text = String::new();
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => {
                quoted = !quoted;
                if quoted {
                    text.clear();
                }
                continue;
            }
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            ':' if !quoted && depth == 1 => keys.push(format!("\"{text}\":..")),
            _ => {}
        }
        if quoted {
            text.push(c);
        }
    }
    format!("{{{}}}", keys.join(","))
}
