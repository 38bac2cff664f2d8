//! Where a setting may stand, which of several counts, and what the settings do, on a running driver.

use e2e::{Farm, FarmBuilder};
use gearman_testkit::{Gearmand, JobServer, free_port};

use crate::support::{SHOW, client, farm};

/// Where a setting may stand, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    CommandLine,
    Environment,
    LaterFile,
    EarlierFile,
    Builder,
}

use Source::{Builder, CommandLine, EarlierFile, Environment, LaterFile};

const SOURCES: [Source; 5] = [CommandLine, Environment, LaterFile, EarlierFile, Builder];

/// What one source says; each says something else.
struct Said {
    source: Source,
    port: u16,
    server: String,
    logfile: String,
    loglayout: String,
    /// Not on the command line, nor in the environment.
    fruit: String,
    max: u32,
}

impl Said {
    fn by(source: Source, server: &JobServer) -> Self {
        let name = format!("{source:?}");
        Self {
            source,
            port: free_port(),
            // The second is away, and tells who was listened to.
            server: format!("{},127.0.0.1:{}", server.address(), source as u16 + 1),
            logfile: format!("{name}.log"),
            loglayout: format!("{name}: %m%n"),
            fruit: name,
            max: source as u32 + 10,
        }
    }

    fn tell(&self, driver: FarmBuilder) -> FarmBuilder {
        let Self { source, port, server, logfile, loglayout, fruit, max } = self;
        match source {
            CommandLine => {
                let driver = driver.args(&format!("--console_port={port} --server {server} --logfile {logfile}"));
                driver.arg("--loglayout").arg(loglayout)
            }
            Environment => driver
                .env("GEARMAN_DRIVER_CONSOLE_PORT", port.to_string())
                .env("GEARMAN_DRIVER_SERVER", server)
                .env("GEARMAN_DRIVER_LOGFILE", logfile)
                .env("GEARMAN_DRIVER_LOGLAYOUT", loglayout),
            LaterFile => driver.file(
                "later.yaml",
                format!(
                    "console_port: {port}\nserver: {server}\nlogfile: {logfile}\nloglayout: '{loglayout}'\n\
                     worker_options:\n  GLOBAL:\n    fruit: {fruit}\n\
                     job_runtime_attributes:\n  {SHOW}: {{ max_processes: {max} }}\n"
                ),
            ),
            EarlierFile => driver.file(
                "earlier.toml",
                format!(
                    "console-port = {port}\nserver = '{server}'\nlogfile = '{logfile}'\nloglayout = '{loglayout}'\n\
                     [worker-options.GLOBAL]\nfruit = '{fruit}'\n\
                     [job-runtime-attributes.'{SHOW}']\nmax_processes = {max}\n"
                ),
            ),
            Builder => driver
                .env("OPERATE_CONSOLE_PORT", port.to_string())
                .env("OPERATE_SERVER", server)
                .env("OPERATE_LOGFILE", logfile)
                .env("OPERATE_LOGLAYOUT", loglayout)
                .env("OPERATE_WORKER_OPTIONS", format!(r#"{{"GLOBAL": {{"fruit": "{fruit}"}}}}"#))
                .env("OPERATE_JOB_RUNTIME_ATTRIBUTES", format!(r#"{{"{SHOW}": {{"max_processes": {max}}}}}"#)),
        }
    }
}

#[test]
fn the_strongest_source_counts() {
    let server = Gearmand::start();
    for strongest in SOURCES {
        let said: Vec<Said> =
            SOURCES.into_iter().filter(|source| *source >= strongest).map(|source| Said::by(source, &server)).collect();
        let driver = farm(&server).bare().console_port(said[0].port);
        let driver = said.iter().fold(driver, |driver, said| said.tell(driver));
        // The later file is the one that is named behind the other.
        let files = if strongest <= LaterFile {
            "--configfile earlier.toml --configfile later.yaml"
        } else if strongest == EarlierFile {
            "--configfile earlier.toml"
        } else {
            ""
        };
        let driver = driver.args(files);
        let farm = driver.start();
        let log = farm.file(&said[0].logfile);
        assert!(log.starts_with(&format!("{strongest:?}: ")), "{strongest:?} sets the layout: {log}");
        for other in &said[1..] {
            assert!(!farm.dir().join(&other.logfile).exists(), "{strongest:?} over {:?}", other.source);
        }
        let in_files = said.iter().find(|said| said.source >= LaterFile).unwrap();
        let row = farm.console().row(SHOW);
        assert_eq!((row.min, row.max), (0, in_files.max), "{strongest:?}");
        let shown = shown(&farm, &server);
        assert!(shown.starts_with(&in_files.fruit), "{strongest:?}: {shown}");
        assert!(shown.ends_with(&said[0].server), "{strongest:?}: {shown}");
    }
}

/// What the worker `Configured` was built with.
fn shown(farm: &Farm, server: &JobServer) -> String {
    assert_eq!(farm.console().ask(&format!("set_min_processes {SHOW} 1")), ["OK"]);
    String::from_utf8(client(server).run(SHOW, "").unwrap()).unwrap()
}

#[test]
fn what_nobody_sets_has_its_default() {
    let server = Gearmand::start();
    let port = free_port();
    let farm = farm(&server).bare().console_port(port);
    let farm = farm.args(&format!("--server {} --console-port {port}", server.address())).start();
    let line = farm.wait("a process is logged", || {
        farm.file("gearman_driver.log").lines().find(|line| line.contains("Process started")).map(str::to_owned)
    });
    // [2010/01/29 20:37:17] INFO (4711) [JOB] Process started
    let (time, message) = line.split_at(22);
    let shape: String = time.chars().map(|letter| if letter.is_ascii_digit() { '9' } else { letter }).collect();
    assert_eq!(shape, "[9999/99/99 99:99:99] ");
    assert!(message.starts_with("INFO ("), "{line}");
    assert!(!farm.file("gearman_driver.log").contains("DEBUG"));
    assert_eq!(farm.console().row(SHOW).max, 3);
}

#[test]
fn worker_options_and_bounds_come_from_all_files_together() {
    let server = Gearmand::start();
    let farm = farm(&server)
        .file("a.toml", "[worker_options.GLOBAL]\nfruit = 'apple'\ncolour = 'red'\n[job_runtime_attributes.'my_app::workers::image::Image::convert']\nmin_processes = 2\n")
        .file("b.yml", format!("worker_options:\n  operate_farm::workers::Configured: {{ colour: green }}\njob_runtime_attributes:\n  {SHOW}:\n    min_processes: 1\n    max_processes: 9\n"))
        .args("--configfile a.toml --configfile b.yml --interval 0")
        .start();
    assert_eq!(shown(&farm, &server), format!("apple green {}", server.address()));
    let row = farm.console().row(SHOW);
    assert_eq!((row.min, row.max), (1, 9));
    assert_eq!(farm.console().row("my_app::workers::image::Image::convert").min, 2);
}

#[test]
fn both_spellings_of_an_option() {
    let server = Gearmand::start();
    for (option, key) in [("--max-idle-time", "log_level"), ("--max_idle_time", "loglevel")] {
        let ended = farm(&server).args(&format!("check {option} 5m {option}=500ms --shutdown_timeout 1")).run_to_end();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{option}");
        let known = key == "loglevel";
        let ended =
            farm(&server).file("a.toml", format!("{key} = 'INFO'")).args("check --configfile a.toml").run_to_end();
        assert_eq!(ended.code, Some(i32::from(!known)), "{key}: {ended:?}");
    }
    for key in ["max-idle-time", "max_idle_time"] {
        let ended = farm(&server).file("a.yaml", format!("{key}: 5m\n")).args("check --configfile a.yaml").run_to_end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

#[test]
fn a_log_on_standard_error_leaves_no_file() {
    let server = Gearmand::start();
    let port = free_port();
    let mut farm = farm(&server)
        .bare()
        .console_port(port)
        .args(&format!("--server {} --console-port {port} --logfile -", server.address()))
        .start();
    assert_eq!(farm.console().ask("shutdown"), ["OK"]);
    assert!(farm.wait_exit().success());
    assert!(farm.stderr().contains("] INFO Shutting down"), "{}", farm.stderr());
    let mut files: Vec<_> = std::fs::read_dir(farm.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["stderr", "stdout"]);
}

#[test]
fn the_layout_is_log4perls() {
    let server = Gearmand::start();
    let farm = farm(&server).arg("--loglayout").arg("%-5p|%c|%P|%d{yyyy}|%.8m|%%%n").start();
    let line = farm.wait_log("console ");
    let fields: Vec<&str> = line.split('|').collect();
    let pid = farm.pid().to_string();
    assert_eq!(fields[..3], ["INFO ", "Gearman::Driver", &pid]);
    assert_eq!(fields[3].len(), 4);
    assert_eq!(fields[4..], ["console ", "%"]);
}

#[test]
fn the_level_holds_for_driver_and_workers() {
    let server = Gearmand::start();
    let run = |level: &str| {
        let mut farm = farm(&server).args(&format!("--interval 0 --loglevel {level}")).start();
        let _ = shown(&farm, &server);
        assert_eq!(farm.console().ask("shutdown"), ["OK"]);
        assert!(farm.wait_exit().success());
        let log = farm.log();
        ["a debug record", "Added new job", "Process started", "an error record"].map(|line| log.contains(line))
    };
    assert_eq!(run("DEBUG"), [true, true, true, true]);
    assert_eq!(run("info"), [false, false, true, true]);
    assert_eq!(run("ERROR"), [false, false, false, true]);
    assert_eq!(run("OFF"), [false, false, false, false]);
}
