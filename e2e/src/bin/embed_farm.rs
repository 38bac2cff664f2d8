//! The farm of the tests of live objects: everything that a handle can do, as a console command, a callback, and inside a
//! program that goes on (`EMBED_FARM=start`).

use std::process::{Child, Command, ExitCode};
use std::sync::Mutex;
use std::time::Duration;

use gearman_driver::{ConsoleCommand, Driver, DriverHandle, Error, FunctionStatus, JobRef, JobSpec, Method, Worker};
use gearman_protocol::{Client, ServerList};

mod workers {
    //! Found by namespace.
    use gearman_driver::prelude::*;

    /// What most tests call.
    pub(crate) struct Plain;

    #[worker]
    impl Plain {
        fn new(_options: &WorkerOptions) -> Self {
            Self
        }

        #[job(min_processes = 1, max_processes = 4)]
        fn echo(&self, workload: &[u8]) -> Vec<u8> {
            workload.to_vec()
        }

        #[job(min_processes = 0, max_processes = 4)]
        fn sleep(&self, workload: &str) -> Result<String, Error> {
            std::thread::sleep(std::time::Duration::from_millis(workload.parse()?));
            Ok(workload.to_owned())
        }

        #[job(min_processes = 0)]
        fn fail(&self) -> Result<String, Error> {
            Err("failed\non purpose".into())
        }
    }

    /// Has two jobs in one process group.
    pub(crate) struct Grouped;

    #[worker]
    impl Grouped {
        fn new(_options: &WorkerOptions) -> Self {
            Self
        }

        #[job(process_group = "group", min_processes = 0)]
        fn one(&self) -> &'static str {
            "one"
        }

        #[job(process_group = "group")]
        fn two(&self) -> &'static str {
            "two"
        }
    }
}

/// The worker of the job without macros.
struct Reverse;

impl Worker for Reverse {}

fn added() -> JobSpec {
    JobSpec {
        name: "reverse".to_owned(),
        min_processes: 0,
        max_processes: 3,
        worker: Box::new(Reverse),
        methods: vec![Method {
            name: "reverse".to_owned(),
            body: Box::new(|_, _, workload| Ok(workload.iter().rev().copied().collect())),
            decode: None,
            encode: None,
        }],
    }
}

/// `live WHAT ..`: asks the handle, and says what it says.
struct Live;

/// A child of the program's own, from one command to the next.
static OWN_CHILD: Mutex<Option<Child>> = Mutex::new(None);

impl ConsoleCommand for Live {
    fn name(&self) -> &str {
        "live"
    }

    fn arguments(&self) -> &str {
        "WHAT .."
    }

    fn summary(&self) -> &str {
        "Asks the live objects."
    }

    fn run(&self, driver: &DriverHandle, arguments: &[&str]) -> Result<Vec<String>, Error> {
        let own_child = || OWN_CHILD.lock().map_err(|_| "a command has panicked");
        match *arguments {
            ["jobs"] => Ok(driver.jobs().iter().map(|job| job.name().to_owned()).collect()),
            ["has", name] => Ok(vec![driver.has_job(name).to_string()]),
            ["namespaces"] => Ok(driver.namespaces()),
            ["workers"] => Ok(driver.workers()),
            ["times"] => Ok(vec![format!("{:?} {:?}", driver.interval(), driver.max_idle_time())]),
            ["interval", millis] => {
                driver.set_interval(Duration::from_millis(millis.parse()?))?;
                Ok(vec![])
            }
            ["idle", millis] => {
                driver.set_max_idle_time(Duration::from_millis(millis.parse()?))?;
                Ok(vec![])
            }
            ["in_a_runtime"] => {
                let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                Ok(vec![runtime.block_on(async { driver.jobs().len().to_string() })])
            }
            ["signals"] => {
                let status = std::fs::read_to_string("/proc/self/status")?;
                Ok(status.lines().filter_map(|line| line.strip_prefix("SigCgt:\t")).map(str::to_owned).collect())
            }
            ["child", script] => {
                let status = Command::new("sh").args(["-c", &script.replace('_', " ")]).status()?;
                Ok(vec![format!("{:?}", status.code())])
            }
            ["child_starts"] => {
                let child = Command::new("sleep").arg("600").spawn()?;
                let pid = child.id().to_string();
                *own_child()? = Some(child);
                Ok(vec![pid])
            }
            ["child_ends"] => {
                let mut child = own_child()?.take().ok_or("no child was started")?;
                let ended_before = child.try_wait()?;
                child.kill()?;
                Ok(vec![format!("{ended_before:?} {}", child.wait()?)])
            }
            ["panic"] => panic!("the command panics on purpose"),
            [what, name, ref numbers @ ..] => {
                let job = driver.job(name).ok_or_else(|| format!("no job {name}"))?;
                let numbers = numbers.iter().map(|number| number.parse()).collect::<Result<Vec<u32>, _>>()?;
                about(&job, what, &numbers)
            }
            _ => Err("live what?".into()),
        }
    }
}

fn about(job: &JobRef, what: &str, numbers: &[u32]) -> Result<Vec<String>, Error> {
    match (what, numbers) {
        ("functions", []) => return Ok(job.functions()),
        ("pids", []) => return Ok(job.pids().iter().map(ToString::to_string).collect()),
        ("count", []) => return Ok(vec![job.count_processes().to_string()]),
        ("bounds", []) => return Ok(vec![format!("{} {}", job.min_processes(), job.max_processes())]),
        ("last", []) => {
            let message = job.last_error_message();
            return Ok(vec![format!("{:?}", (job.last_run().is_some(), job.last_error().is_some(), message))]);
        }
        ("paused", []) => return Ok(vec![job.is_paused().to_string()]),
        ("pause", []) => job.pause()?,
        ("resume", []) => job.resume()?,
        ("restart", []) => job.restart()?,
        ("add", []) => job.add_process()?,
        ("remove", []) => job.remove_process()?,
        ("min", &[min]) => job.set_min_processes(min)?,
        ("max", &[max]) => job.set_max_processes(max)?,
        ("both", &[min, max]) => job.set_processes(min, max)?,
        _ => return Err("what about it?".into()),
    }
    Ok(vec![])
}

/// Does what the function's name says.
fn unknown_job(driver: &DriverHandle, status: &FunctionStatus) {
    let job = driver.job("embed_farm::workers::Plain::sleep");
    match status.name.as_str() {
        "unknown::submits" => {
            let servers = std::env::var("EMBED_FARM_SERVER").unwrap_or_default();
            let submitted = ServerList::parse(&servers)
                .map_err(Error::from)
                .and_then(|servers| Ok(Client::new(servers).run("embed_farm::workers::Plain::sleep", b"1")?));
            // To the test, by the log: the supervisor's standard error.
            eprintln!("the callback's job answered {submitted:?}");
        }
        "unknown::changes_bounds" => {
            if let Some(job) = job {
                eprintln!("bounds set: {:?}", job.set_processes(2, 3));
            }
        }
        "unknown::shuts_down" => driver.shutdown(),
        _ => {}
    }
}

fn main() -> ExitCode {
    let mut driver = Driver::from_args().namespaces(["embed_farm::workers"]).add_job(added()).console_command(Live);
    driver = driver.unknown_job_callback(unknown_job);
    if std::env::var_os("EMBED_FARM_TAKEN").is_some() {
        driver = driver.console_command(Live);
    }
    if std::env::var_os("EMBED_FARM").is_none() {
        return driver.run();
    }
    // In the program's own process alone; the host comes here too, and has no thread beside this.
    let role = std::env::var_os("GEARMAN_DRIVER_ROLE");
    let busy = role.is_none().then(|| std::thread::spawn(std::thread::park));
    match driver.start() {
        Ok(driver) => {
            let names: Vec<String> = driver.jobs().iter().map(|job| job.name().to_owned()).collect();
            println!("started: {}", names.join(" "));
            println!("a second one: {}", Driver::builder().start().expect_err("one at a time"));
            let end = driver.wait();
            println!(
                "ended: {end:?}, and then {} jobs, {:?}",
                driver.jobs().len(),
                driver.set_interval(Duration::ZERO)
            );
            drop(busy);
            // What a program does after that is its own affair.
            ExitCode::from(42)
        }
        Err(error) => {
            eprintln!("not started: {error}");
            ExitCode::from(43)
        }
    }
}
