//! The farm of the lifecycle and fault tests: jobs that note each execution, that wait, print, exit and start children.

#![allow(clippy::unwrap_used, reason = "a job of a test that can't note its execution fails that test")]

use std::process::ExitCode;

mod workers {
    //! Workers of the farm.
    use std::ffi::CString;
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::os::unix::process::CommandExt;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use gearman_driver::prelude::*;

    /// A shell's look at itself. The name patterns are expanded before: a descriptor without a target was the
    /// directory's that was read for it. Status is that of `sed`: a shell holds signals back while it waits.
    const LOOK: &str = "for fd in /proc/$$/fd/*; do to=$(readlink $fd) && echo \"FD ${fd##*/} $to\"; done; \
                        sed 's/^/STATUS /' /proc/self/status; env | sed 's/^/ENV /'";

    /// Jobs about a process's life. Each has no process until a test asks for some, but `echo`.
    pub(crate) struct Life {
        /// Where executions are noted.
        notes: PathBuf,
    }

    impl Life {
        /// Notes an execution in one write, so that lines of several processes don't mix.
        fn begun(&self, id: &str) {
            let mut file = OpenOptions::new().append(true).create(true).open(self.notes.join("begun")).unwrap();
            file.write_all(format!("{id} {}\n", std::process::id()).as_bytes()).unwrap();
        }
    }

    #[worker]
    impl Life {
        fn new(_options: &WorkerOptions) -> Self {
            Self { notes: std::env::var_os("LIFE_NOTES").unwrap_or_else(|| ".".into()).into() }
        }

        #[job(min_processes = 1, max_processes = 50)]
        fn echo(&self, workload: &[u8]) -> Vec<u8> {
            workload.to_vec()
        }

        /// Workload: `ID MILLISECONDS`. Notes ID, sleeps, answers ID.
        #[job(min_processes = 0, max_processes = 50)]
        fn note(&self, workload: &str) -> Result<String, Error> {
            let (id, millis) = workload.split_once(' ').ok_or("`ID MILLISECONDS` is wanted")?;
            self.begun(id);
            std::thread::sleep(Duration::from_millis(millis.parse()?));
            Ok(id.to_owned())
        }

        /// Notes the workload, waits until the file `gate-WORKLOAD` is there, answers the workload.
        #[job(min_processes = 0, max_processes = 50)]
        fn gate(&self, workload: &str) -> String {
            self.begun(workload);
            let gate = self.notes.join(format!("gate-{workload}"));
            while !gate.exists() {
                std::thread::sleep(Duration::from_millis(10));
            }
            workload.to_owned()
        }

        /// Workload: an ID. Notes it and answers with 300,000 bytes that begin with it.
        #[job(min_processes = 0, max_processes = 50)]
        fn big(&self, workload: &[u8]) -> Vec<u8> {
            self.begun(&String::from_utf8_lossy(workload));
            let mut result = workload.to_vec();
            result.resize(300_000, b'.');
            result
        }

        /// Notes the workload and prints as fast as it can, on both streams, until its gate is there; then 300 kB more.
        #[job(min_processes = 0, max_processes = 50)]
        fn chatter(&self, workload: &str) -> Result<String, Error> {
            self.begun(workload);
            let gate = self.notes.join(format!("gate-{workload}"));
            let line = format!("{}\n", "chatter ".repeat(12));
            let print = |lines: usize| -> std::io::Result<()> {
                for _ in 0..lines {
                    std::io::stdout().write_all(line.as_bytes())?;
                    std::io::stderr().write_all(line.as_bytes())?;
                }
                std::io::stdout().flush()
            };
            while !gate.exists() {
                print(20)?;
                std::thread::sleep(Duration::from_millis(5));
            }
            print(3000)?;
            Ok(workload.to_owned())
        }

        /// Notes the workload, waits for its gate, then has a child print a megabyte on each stream that it takes over
        /// from this process.
        #[job(min_processes = 0, max_processes = 50)]
        fn shout(&self, workload: &str) -> Result<String, Error> {
            self.gate(workload);
            let script = "yes shouting | head -c 1000000; yes shouting | head -c 1000000 >&2";
            let status = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).status()?;
            if status.success() { Ok(workload.to_owned()) } else { Err(status.to_string().into()) }
        }

        /// Notes the workload and ends the process.
        #[job(min_processes = 0, max_processes = 50)]
        fn leave(&self, workload: &str) -> String {
            self.begun(workload);
            std::process::exit(3)
        }

        /// Notes the workload and takes the process down, unless the file `mended` is there: then answers it.
        #[job(min_processes = 0, max_processes = 50)]
        fn fall(&self, workload: &str) -> String {
            self.begun(workload);
            if !self.notes.join("mended").exists() {
                std::process::abort();
            }
            workload.to_owned()
        }

        /// As `fall`, with WORK_EXCEPTION for failures.
        #[job(min_processes = 0, max_processes = 50, exceptions = true)]
        fn fall_with_exceptions(&self, workload: &str) -> String {
            self.fall(workload)
        }

        /// Starts a child that sleeps for ten minutes and holds none of our descriptors; answers its PID.
        #[job(min_processes = 0, max_processes = 50)]
        fn parent(&self) -> Result<String, Error> {
            let null = || Stdio::null();
            #[allow(clippy::zombie_processes, reason = "that the driver ends it is what is tested")]
            let child = Command::new("sleep").arg("600").stdin(null()).stdout(null()).stderr(null()).spawn()?;
            Ok(child.id().to_string())
        }

        /// Starts so many processes whose parents exit at once: orphans, which end a moment later. Answers when all
        /// have been started.
        #[job(min_processes = 0, max_processes = 50)]
        fn litter(&self, workload: &str) -> Result<(), Error> {
            let count: u32 = workload.parse()?;
            let script = format!("i=0; while [ $i -lt {count} ]; do (sleep 0.05 &); i=$((i+1)); done");
            let null = || Stdio::null();
            let status =
                Command::new("sh").args(["-c", &script]).stdin(null()).stdout(null()).stderr(null()).status()?;
            if status.success() { Ok(()) } else { Err(status.to_string().into()) }
        }

        /// What a shell that this process turns into sees: a stricter look than a child's, since the standard library
        /// sets some signals back for children. The worker process is gone with it;
        /// what was seen is in the file `seen`.
        #[job(min_processes = 0, max_processes = 50)]
        fn seen_after_exec(&self) -> Result<String, Error> {
            let seen = self.notes.join("seen");
            let part = self.notes.join("seen.part");
            nix::unistd::dup2_stdout(fs::File::create(&part)?)?;
            let script = format!("{LOOK}; mv {} {}", part.display(), seen.display());
            match nix::unistd::execv(c"/bin/sh", &[c"sh".to_owned(), c"-c".to_owned(), CString::new(script)?])? {}
        }

        /// What a child sees: its descriptors, status and environment.
        #[job(min_processes = 0, max_processes = 50)]
        fn seen_by_child(&self) -> Result<Vec<u8>, Error> {
            Ok(Command::new("sh").args(["-c", LOOK]).stdin(Stdio::null()).process_group(0).output()?.stdout)
        }
    }

    /// Several jobs at once in a process.
    pub(crate) struct Together(Life);

    #[worker]
    impl Together {
        fn new(options: &WorkerOptions) -> Self {
            Self(Life::new(options))
        }

        /// Notes the workload and waits for its gate; one that begins with `fall` takes the process down as soon as the
        /// file `fall` is there.
        #[job(min_processes = 0, max_processes = 50, concurrency = 8)]
        async fn wait(&self, workload: &str) -> String {
            self.0.begun(workload);
            let there = |name: &str| self.0.notes.join(name).exists();
            while !there(&format!("gate-{workload}")) {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if workload.starts_with("fall") && there("fall") {
                    std::process::abort();
                }
            }
            workload.to_owned()
        }
    }
}

fn main() -> ExitCode {
    gearman_driver::Driver::from_args().namespaces(["life_farm::workers"]).run()
}
