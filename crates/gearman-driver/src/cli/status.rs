//! The subcommand `status`: asks the consoles of running drivers, and prints what they answer.

use std::io::Write;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use gearman_driver_core::config::Config;
use serde_json::Value;

use super::remote;

/// A driver answers from memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `status` was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// As JSON, an object a line for each driver.
    pub(crate) json: bool,
    /// The consoles, `host[:port]`; none: that of the configuration.
    pub(crate) consoles: Vec<String>,
}

/// The subcommand as clap sees it, without options of the driver.
pub(super) fn command() -> Command {
    Command::new("status")
        .about("Show the jobs of running drivers, as their consoles do")
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("All that is known, as JSON: an object a line for each driver."),
        )
        .arg(remote::connect())
}

impl Request {
    /// What stands behind the subcommand.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        Self { json: matches.get_flag("json"), consoles: remote::named(matches) }
    }
}

/// Prints the status of every driver that was named, on `out`; what is wrong goes to `complain`. The exit code: 1 when
/// one did not answer.
pub(crate) fn run(request: &Request, config: &Config, out: &mut dyn Write, complain: &mut dyn FnMut(&str)) -> u8 {
    let consoles = match remote::consoles(&request.consoles, config) {
        Ok(consoles) => consoles,
        Err(error) => {
            complain(&error);
            return 1;
        }
    };
    let mut code = 0;
    let many = consoles.len() > 1;
    for console in &consoles {
        match remote::ask(console, if request.json { "snapshot" } else { "status" }, PATIENCE) {
            Ok(lines) => {
                let text = if request.json { json(console, &lines) } else { Ok(rows(console, &lines, many)) };
                match text {
                    // A closed pipe (`| head`) is no failure.
                    Ok(text) => drop(out.write_all(text.as_bytes())),
                    Err(error) => {
                        complain(&error);
                        code = 1;
                    }
                }
            }
            Err(error) => {
                complain(&error);
                code = 1;
            }
        }
    }
    code
}

fn rows(console: &str, lines: &[String], many: bool) -> String {
    let prefix = if many { format!("{console}> ") } else { String::new() };
    lines.iter().map(|line| format!("{prefix}{line}\n")).collect()
}

/// The driver's own JSON, with the console that it came from.
fn json(console: &str, lines: &[String]) -> Result<String, String> {
    match lines.first().map(|line| serde_json::from_str(line)) {
        Some(Ok(Value::Object(mut driver))) => {
            driver.insert("console".to_owned(), console.into());
            Ok(format!("{}\n", Value::Object(driver)))
        }
        _ => {
            let said = lines.first().map_or("nothing", String::as_str);
            Err(format!("the driver at {console} gives no snapshot (it said: {said}): is it of an older version?"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use gearman_driver_core::config::{Layer, Origin};

    use super::*;

    /// A console that reads a line, answers, and closes.
    fn console(answer: &'static [u8]) -> (String, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            BufReader::new(&stream).read_line(&mut asked).unwrap();
            stream.write_all(answer).unwrap();
            asked
        });
        (address, server)
    }

    fn status(json: bool, consoles: &[&str], port: &str) -> (u8, String, String) {
        let mut layer = Layer::new();
        layer.set("console_port", port, Origin::CommandLine).unwrap();
        let config = Layer::merge([layer]).unwrap();
        let request = Request { json, consoles: consoles.iter().map(|&console| console.to_owned()).collect() };
        let (mut out, mut err) = (Vec::new(), String::new());
        let code = run(&request, &config, &mut out, &mut |text| err.push_str(&format!("{text}\n")));
        (code, String::from_utf8(out).unwrap(), err)
    }

    #[test]
    fn rows_are_printed_as_they_come() {
        let (address, server) = console(b"a  0  1  0  x  y  \r\n..\r\n.\r\n");
        assert_eq!(status(false, &[&address], "0"), (0, "a  0  1  0  x  y  \n.\n".to_owned(), String::new()));
        assert_eq!(server.join().unwrap(), "status\n");
        // Without --connect, the console of the configuration.
        let (address, server) = console(b".\r\n");
        let port = address.rsplit_once(':').unwrap().1;
        assert_eq!(status(false, &[], port), (0, String::new(), String::new()));
        server.join().unwrap();
    }

    #[test]
    fn json_says_which_console_it_came_from() {
        let (address, server) = console(b"{\"jobs\":[]}\r\n.\r\n");
        let (code, out, err) = status(true, &[&address], "0");
        assert_eq!((code, err.as_str()), (0, ""));
        assert_eq!(out, format!("{{\"console\":\"{address}\",\"jobs\":[]}}\n"));
        assert_eq!(server.join().unwrap(), "snapshot\n");
        let (address, _server) = console(b"ERR unknown_command: snapshot\r\n.\r\n");
        let (code, out, err) = status(true, &[&address], "0");
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains("ERR unknown_command: snapshot"), "{err}");
    }

    #[test]
    fn of_several_those_that_answer_are_shown() {
        let (first, _server) = console(b"a\r\n.\r\n");
        let (second, _server) = console(b"b\r\n");
        let (code, out, err) = status(false, &[&second, &first], "0");
        assert_eq!((code, out), (1, format!("{first}> a\n")));
        assert!(err.starts_with(&format!("no driver answers at {second}: the answer has no end; ")), "{err}");
    }

    #[test]
    fn a_console_that_is_off_or_away_is_told() {
        let (code, _, err) = status(false, &[], "0");
        assert_eq!(code, 1);
        insta::assert_snapshot!(err.trim_end(), @"the console is off (console_port is 0): name the driver to ask with --connect HOST:PORT");
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (code, _, err) = status(true, &[&free.to_string()], "0");
        assert_eq!(code, 1);
        assert!(err.starts_with(&format!("no driver answers at {free}: Connection refused")), "{err}");
    }
}
