//! `gearman-driver demo`: a job server, a driver with workers, and a load, to look at and to steer.
//!
//! Decides the order of things: the job server and the load are in this process, the driver is a child of it (the same
//! executable, started with a hidden subcommand), so that no thread is where workers are forked from. At the end: no new
//! jobs, all answers, the driver's drain, the sum.

mod driver;
mod load;
mod options;
mod svg;
mod view;
mod watch;
mod workers;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gearman_driver_sys::signal::SelfPipe;
use gearman_jobserver::JobServer;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::os::fd::AsFd;

use driver::DriverProcess;
use load::Load;
use options::{Asked, Options};
use view::{Frame, View};
use watch::Watch;

pub(crate) use options::command;

/// Whatever ends the demo early; told in one line.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// How often it is looked whether something has ended.
const LOOK: Duration = Duration::from_millis(50);
/// The driver's own patience with its workers is 25 s.
const DRAIN: Duration = Duration::from_secs(40);

/// Runs the demo if the command line begins with it: its exit code.
pub(crate) fn run_if_asked(args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<OsString> = args.skip(1).collect();
    if args.first().is_none_or(|first| first != options::NAME) {
        return None;
    }
    Some(match options::parse(args) {
        Ok(Asked::Driver(options)) => driver::run(&options),
        Ok(Asked::Demo(options)) => match demo(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                let _ = writeln!(io::stderr(), "gearman-driver demo: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            // Help goes to standard output, wrong usage to standard error.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    })
}

/// Why the load ends.
enum Stop {
    /// Time is up, or somebody asked for it: all that was submitted is waited for.
    Drain,
    /// At once.
    Now,
    /// There is no driver any more.
    Broken(Error),
}

/// The result says whether every job was answered as it should be.
fn demo(options: &Options) -> Result<bool, Error> {
    let start = Instant::now();
    let signals = SelfPipe::install(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP])?;
    let job_server = JobServer::start((Ipv4Addr::LOCALHOST, options.port)).map_err(|error| {
        format!("no job server on 127.0.0.1:{}: {error}; choose another --port, or none for a free one", options.port)
    })?;
    let port = job_server.address().port();
    let mut stage = Stage {
        driver: DriverProcess::start(port)?,
        watch: Watch::new(port),
        load: Load::start(job_server.address(), options.load)?,
        view: View::new(start),
        signals,
        end: options.seconds.and_then(|time| start.checked_add(time)),
    };
    stage.driver.settle()?;
    stage.view.welcome(port, stage.driver.console_port(), stage.driver.log());
    let stop = stage.play();
    stage.load.stop();
    let stop = match stop {
        Stop::Drain => stage.drain(),
        other => other,
    };
    let outcome = match stop {
        Stop::Drain => stage.end_driver(),
        Stop::Now => {
            stage.driver.kill();
            Err("stopped at once: jobs that had no answer yet are counted as lost".into())
        }
        Stop::Broken(error) => Err(error),
    };
    // Before the job server's end, which is an error for whoever waits for an answer still.
    let (complaint, sum) = (stage.load.complaint(), stage.load.total());
    job_server.stop();
    if let Some(path) = &options.svg {
        std::fs::write(path, svg::picture(stage.view.busiest()))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Err(error) = &outcome {
        let _ = writeln!(io::stderr(), "gearman-driver demo: {error}");
    }
    if let Some(complaint) = complaint {
        let _ = writeln!(io::stderr(), "gearman-driver demo: {complaint}");
    }
    stage.view.sum_up(&sum);
    Ok(outcome.is_ok() && sum.open() == 0)
}

/// All that is there while it runs.
struct Stage {
    driver: DriverProcess,
    watch: Watch,
    load: Load,
    view: View,
    signals: SelfPipe,
    /// When it ends by itself.
    end: Option<Instant>,
}

impl Stage {
    /// Until somebody or something ends it.
    fn play(&mut self) -> Stop {
        loop {
            if self.wait() || self.end.is_some_and(|end| end <= Instant::now()) {
                return Stop::Drain;
            }
            if let Err(error) = self.look("") {
                return Stop::Broken(error);
            }
            // Nobody reads any more (`demo | head`).
            if self.view.is_closed() {
                return Stop::Drain;
            }
        }
    }

    /// Until every job that was submitted has its answer.
    fn drain(&mut self) -> Stop {
        self.view.say("stopping: no new jobs; waiting for the answers (Ctrl-C: at once)");
        while !self.load.has_ended() {
            if self.wait() {
                return Stop::Now;
            }
            if let Err(error) = self.look("stopping") {
                return Stop::Broken(error);
            }
        }
        Stop::Drain
    }

    /// When all answers are there: the driver's own drain, which waits for jobs that others have submitted.
    fn end_driver(&mut self) -> Result<(), Error> {
        self.view.say("all answers are there; the driver ends (Ctrl-C: at once)");
        let hurried = self.driver.drain(DRAIN, || self.signals.take())?;
        if hurried {
            self.view.say("stopped at once: jobs that others had submitted may have no answer");
        }
        Ok(())
    }

    /// A moment; whether a signal came in it.
    fn wait(&self) -> bool {
        let timeout = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO);
        match poll(&mut [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            // Not to be busy for nothing.
            Err(_) => std::thread::sleep(LOOK),
        }
        self.signals.take()
    }

    /// Shows how it stands, when it is time to; sees to the driver.
    fn look(&mut self, note: &str) -> Result<(), Error> {
        if let Some(news) = self.driver.check()? {
            self.view.say(&news);
        }
        self.view.first(&self.load.total());
        if self.view.is_due() {
            let jobs = self.watch.jobs(self.driver.console_port(), &self.load);
            self.view.show(Frame { at: self.view.elapsed(), note: note.to_owned(), jobs });
        }
        Ok(())
    }
}
