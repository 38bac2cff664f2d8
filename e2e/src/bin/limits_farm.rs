//! The farm of the tests of limits: jobs that take too long, and processes that have had their time.

#![allow(clippy::unwrap_used, reason = "a job of a test that can't note what it does fails that test")]

use std::process::ExitCode;

mod workers {
    //! Workers of the farm.
    use std::cell::RefCell;
    use std::fs::{self, File, OpenOptions};
    use std::io::Write;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use gearman_driver::prelude::*;

    fn notes() -> PathBuf {
        std::env::var_os("LIMITS_NOTES").unwrap_or_else(|| ".".into()).into()
    }

    /// A line in one write, so that lines of several processes don't mix.
    fn note(line: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(notes().join("notes")).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn pid() -> String {
        std::process::id().to_string()
    }

    /// Jobs with a timeout, one after the other.
    #[derive(Default)]
    pub(crate) struct Late;

    #[worker]
    impl Late {
        /// Workload: milliseconds. Sleeps, then sends data. Answers its PID.
        #[job(timeout = "300ms", process_group = "late")]
        fn sleep(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
            std::thread::sleep(Duration::from_millis(workload.parse()?));
            match job.send_data("late data") {
                Ok(()) => {}
                Err(error) => note(&format!("refused: {error}")),
            }
            note(&format!("returned {workload}"));
            Ok(pid())
        }

        /// The same, and fails when it is late.
        #[job(process_group = "late", exceptions = true)]
        fn exception(&self, workload: &str) -> Result<String, Error> {
            std::thread::sleep(Duration::from_millis(workload.parse()?));
            note(&format!("returned {workload}"));
            Err("an error of its own".into())
        }

        /// Sends data all the time, until it is told that it is too late. Answers how often that went well.
        #[job(process_group = "late")]
        fn pour(&self, job: &mut Job) -> String {
            let data = vec![b'x'; 50_000];
            let mut sent = 0;
            while job.send_data(&data).is_ok() {
                sent += 1;
            }
            note(&format!("poured {sent}"));
            sent.to_string()
        }

        /// Waits for ever, if it is not killed.
        #[job(timeout = "200ms", max_processes = 2)]
        fn stuck(&self, workload: &str) -> String {
            note(&format!("stuck {workload} {}", pid()));
            while !workload.is_empty() {
                std::thread::sleep(Duration::from_secs(60));
            }
            pid()
        }
    }

    /// Jobs with a timeout, several at once.
    #[derive(Default)]
    pub(crate) struct LateAsync;

    /// Notes that what a job was at is dropped.
    struct Dropped(String);

    impl Drop for Dropped {
        fn drop(&mut self) {
            note(&format!("dropped {}", self.0));
        }
    }

    #[worker]
    impl LateAsync {
        #[job(timeout = "400ms", concurrency = 8)]
        async fn sleep(&self, workload: &str) -> Result<String, Error> {
            let _dropped = Dropped(workload.to_owned());
            tokio::time::sleep(Duration::from_millis(workload.parse()?)).await;
            Ok(pid())
        }

        /// Blocks the thread the first time, for ever; the next time it answers at once.
        #[job(timeout = "200ms", concurrency = 8)]
        async fn block(&self, workload: &str) -> String {
            if File::create_new(notes().join(format!("blocked-{workload}"))).is_ok() {
                note(&format!("blocked {}", pid()));
                loop {
                    std::thread::sleep(Duration::from_secs(60));
                }
            }
            pid()
        }

        fn end(&self, job: &Job, _workload: &[u8]) {
            note(&format!("end of {}", String::from_utf8_lossy(job.workload())));
        }
    }

    /// Processes that do so many jobs.
    #[derive(Default)]
    pub(crate) struct Few;

    #[worker]
    impl Few {
        #[job(max_jobs = 10, jitter = 0.5, min_processes = 3, max_processes = 3)]
        fn ten(&self, workload: &str) -> String {
            note(&format!("ten {} {workload}", pid()));
            workload.to_owned()
        }

        #[job(max_jobs = 1)]
        fn one(&self, workload: &str) -> String {
            note(&format!("one {} {workload}", pid()));
            workload.to_owned()
        }

        /// No limit of its own.
        #[job(max_processes = 2)]
        fn many(&self) -> String {
            pid()
        }
    }

    /// The same, asynchronously: two job servers' worth of jobs at once.
    #[derive(Default)]
    pub(crate) struct FewAsync;

    #[worker]
    impl FewAsync {
        #[job(max_jobs = 10, jitter = 0, min_processes = 2, max_processes = 2, concurrency = 4)]
        async fn ten(&self, workload: &str) -> String {
            note(&format!("ten {} {workload}", pid()));
            tokio::time::sleep(Duration::from_millis(20)).await;
            workload.to_owned()
        }
    }

    /// A process that grows.
    #[derive(Default)]
    pub(crate) struct Leak {
        leaked: RefCell<Vec<Vec<u8>>>,
    }

    #[worker]
    impl Leak {
        /// Keeps as many bytes as the workload says. Answers its PID.
        #[job(max_memory = "20MB", jitter = 0, process_group = "leak")]
        fn keep(&self, workload: &str) -> Result<String, Error> {
            self.leaked.borrow_mut().push(vec![1; workload.parse()?]);
            Ok(pid())
        }

        /// Uses as many bytes as the workload says, and gives them back.
        #[job(process_group = "leak")]
        fn borrow(&self, workload: &str) -> Result<String, Error> {
            let block = vec![1_u8; workload.parse()?];
            Ok(format!("{} {}", pid(), block.iter().map(|byte| usize::from(*byte)).sum::<usize>()))
        }
    }

    /// What a process may do, and what a shell may do that it has started. Two jobs, so that each can have its own rights.
    #[derive(Default)]
    pub(crate) struct Rights;

    /// What /proc and the environment say of a process, each line with its kind. What the last command writes
    /// arrives only if it can open what the process prints to.
    const LOOK: &str = "sed 's/^/STATUS /' /proc/$$/status; sed 's/^/LIMIT /' /proc/$$/limits; \
                        sed 's/.*) /STAT /' /proc/$$/stat; env | sed 's/^/ENV /'; \
                        echo opened by a shell >/dev/stderr";

    fn look() -> Result<String, Error> {
        let mut report = String::new();
        let mut add = |kind: &str, text: &str| {
            for line in text.lines() {
                report.push_str(&format!("own {kind} {line}\n"));
            }
        };
        add("STATUS", &fs::read_to_string("/proc/self/status")?);
        add("LIMIT", &fs::read_to_string("/proc/self/limits")?);
        add("STAT", fs::read_to_string("/proc/self/stat")?.rsplit_once(") ").ok_or("no name in /proc/self/stat")?.1);
        for (name, value) in std::env::vars() {
            add("ENV", &format!("{name}={value}"));
        }
        let shell =
            Command::new("/bin/sh").args(["-c", LOOK]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        for line in String::from_utf8_lossy(&shell.stdout).lines() {
            report.push_str(&format!("shell {line}\n"));
        }
        Ok(report)
    }

    #[worker]
    impl Rights {
        #[job]
        fn fewer(&self) -> Result<String, Error> {
            look()
        }

        #[job]
        fn all(&self) -> Result<String, Error> {
            look()
        }

        /// Keeps as many bytes as the workload says, for ever. Answers its PID.
        #[job(max_memory = "20MB", jitter = 0)]
        fn leak(&self, workload: &str) -> Result<String, Error> {
            vec![1_u8; workload.parse()?].leak();
            Ok(pid())
        }

        /// Waits until the file of that name is there. Answers its user.
        #[job]
        fn wait(&self, workload: &str) -> String {
            note(&format!("waits {}", pid()));
            while !notes().join(workload).exists() {
                std::thread::sleep(Duration::from_millis(10));
                println!("still waiting");
            }
            nix::unistd::geteuid().to_string()
        }
    }

    /// The same, in a process with a runtime.
    #[derive(Default)]
    pub(crate) struct RightsAsync;

    #[worker]
    impl RightsAsync {
        #[job(concurrency = 8)]
        async fn fewer(&self) -> Result<String, Error> {
            look()
        }
    }

    /// Jobs that are there when the driver ends.
    #[derive(Default)]
    pub(crate) struct Drain;

    #[worker]
    impl Drain {
        #[job(drain_timeout = "20s")]
        fn patient(&self, workload: &str) -> Result<String, Error> {
            note(&format!("patient {}", pid()));
            let end = Instant::now() + Duration::from_millis(workload.parse()?);
            while Instant::now() < end {
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(pid())
        }

        #[job]
        fn hasty(&self, workload: &str) -> Result<String, Error> {
            note(&format!("hasty {}", pid()));
            std::thread::sleep(Duration::from_millis(workload.parse()?));
            Ok(pid())
        }
    }
}

fn main() -> ExitCode {
    gearman_driver::Driver::from_args().namespaces(["limits_farm::workers"]).run()
}
