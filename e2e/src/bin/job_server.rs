//! The embedded job server in a process of its own, so that tests may kill, freeze and restart it as they do gearmand.
//!
//! It takes the arguments that the testkit gives to every job server. What it logs goes to standard error.

use std::net::SocketAddr;
use std::process::ExitCode;

use gearman_jobserver::JobServer;

struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{} {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

fn main() -> ExitCode {
    log::set_max_level(log::LevelFilter::Info);
    if log::set_logger(&Stderr).is_err() {
        return ExitCode::FAILURE;
    }
    match run() {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<std::convert::Infallible, Box<dyn std::error::Error>> {
    let (mut host, mut port) = (String::new(), String::new());
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--listen", value)) => host = value.to_owned(),
            Some(("--port", value)) => port = value.to_owned(),
            // It writes neither file.
            Some(("--log-file" | "--pid-file", _)) => {}
            _ => return Err(format!("the embedded job server has nothing like {argument}").into()),
        }
    }
    let address: SocketAddr = format!("{host}:{port}").parse()?;
    let server = JobServer::start(address)?;
    log::info!("listens on {}", server.address());
    loop {
        // Until a signal ends the process.
        std::thread::park();
    }
}
