//! Submits the jobs and writes their results: two for each image, a few at a time.

use std::collections::VecDeque;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use gearman_protocol::{Client, ClientError, ServerList};

use crate::Error;
use crate::codec::Target;
use crate::folder::{Folder, Image};
use crate::progress::Progress;

/// Connections that submit, each with one job at a time: enough for every process, and one job more to
/// wait for each.
const CONNECTIONS: usize = 20;
/// How often it is looked whether the driver still runs.
const LOOK: Duration = Duration::from_millis(100);

/// What is still to be submitted: an image, by its place in the folder, and what to make of it.
type Queue = Mutex<VecDeque<(usize, Target)>>;

/// A result has been written, or there is none: which image, and what went wrong.
struct Done {
    image: usize,
    outcome: Result<(), String>,
}

/// Converts every image of the folder. Fails only when nobody is left to do it: `check` says so.
///
/// The submitting threads are left to themselves in that case, as each waits for an answer that does not
/// come; they end with the program.
pub(crate) fn all(
    folder: &Arc<Folder>,
    server: &str,
    progress: &mut Progress,
    mut check: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    let servers = ServerList::parse(server)?;
    let images = folder.images();
    let jobs = (0..images.len()).flat_map(|image| Target::ALL.map(|target| (image, target)));
    let queue: Arc<Queue> = Arc::new(Mutex::new(jobs.collect()));
    let (sender, done) = mpsc::sync_channel(CONNECTIONS);
    for _ in 0..CONNECTIONS.min(images.len() * Target::ALL.len()) {
        let (folder, queue, sender) = (Arc::clone(folder), Arc::clone(&queue), sender.clone());
        let client = Client::new(servers.clone());
        thread::spawn(move || submit(&folder, client, &queue, &sender));
    }
    // The channel ends when the last thread does.
    drop(sender);

    let mut tallies: Vec<Tally> = images.iter().map(|_| Tally::default()).collect();
    loop {
        match done.recv_timeout(LOOK) {
            Ok(Done { image, outcome }) => {
                let tally = &mut tallies[image];
                if tally.add(outcome) {
                    progress.image_done(&images[image].title(), &tally.errors);
                }
            }
            Err(RecvTimeoutError::Timeout) => check()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// What has come back of one image.
#[derive(Default)]
struct Tally {
    results: usize,
    errors: Vec<String>,
}

impl Tally {
    /// Notes one result; says whether it was the image's last. An error is kept once.
    fn add(&mut self, outcome: Result<(), String>) -> bool {
        self.results += 1;
        if let Err(error) = outcome
            && !self.errors.contains(&error)
        {
            self.errors.push(error);
        }
        self.results == Target::ALL.len()
    }
}

/// One thread's work: job after job, until the queue is empty or nobody listens any more.
fn submit(folder: &Folder, mut client: Client, queue: &Queue, done: &SyncSender<Done>) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some((image, target)) = next() {
        let outcome = convert(folder, &folder.images()[image], target, &mut client).map_err(|error| error.to_string());
        if done.send(Done { image, outcome }).is_err() {
            return;
        }
    }
}

fn convert(folder: &Folder, image: &Image, target: Target, client: &mut Client) -> Result<(), Error> {
    let result = client.run(target.function(), image.read()?).map_err(reason)?;
    folder.write(image, target, &result)
}

/// The worker's own words, where there are any: it sends them as a warning before the job fails.
fn reason(error: ClientError) -> Error {
    match error {
        ClientError::Failed { mut warnings, .. } => match warnings.pop() {
            Some(warning) => warning.into(),
            None => "the job failed".into(),
        },
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_testkit::Gearmand;
    use std::fs;
    use std::process::{Child, Command, Stdio};

    /// A `gearman` tool that works on both functions with a command, ended by PID.
    struct Stand(Child);

    impl Stand {
        fn start(gearmand: &Gearmand, command: &[&str]) -> Self {
            let functions = Target::ALL.iter().flat_map(|target| ["-f", target.function()]);
            let child = Command::new("gearman")
                .args(["-w", "-h", "127.0.0.1", "-p", &gearmand.port().to_string()])
                .args(functions)
                .args(command)
                .stdin(Stdio::null())
                .spawn()
                .expect("gearman is installed (Debian: gearman-tools)");
            Self(child)
        }
    }

    impl Drop for Stand {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn folder_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Arc<Folder>) {
        let there = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(there.path().join(name), content).unwrap();
        }
        let folder = Arc::new(Folder::open(there.path(), false).unwrap());
        (there, folder)
    }

    #[test]
    fn every_image_is_submitted_for_both_kinds_and_written() {
        let gearmand = Gearmand::start();
        let _worker = Stand::start(&gearmand, &["cat"]);
        let names: Vec<String> = (0..30).map(|number| format!("{number}.png")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
        let (there, folder) = folder_with(&files);
        let mut progress = Progress::new(30);
        all(&folder, &gearmand.address(), &mut progress, || Ok(())).unwrap();
        assert_eq!((progress.converted(), progress.failed()), (30, 0));
        for end in ["jpg", "gif"] {
            let result = fs::read(there.path().join(format!("converted/17.{end}"))).unwrap();
            assert_eq!(result, b"17.png");
        }
    }

    #[test]
    fn a_driver_that_has_ended_stops_the_run() {
        let gearmand = Gearmand::start();
        let (_there, folder) = folder_with(&[("a.png", "a")]);
        let mut progress = Progress::new(1);
        let outcome = all(&folder, &gearmand.address(), &mut progress, || Err("gone".into()));
        assert_eq!(outcome.unwrap_err().to_string(), "gone");
    }

    #[test]
    fn a_job_server_that_is_away_fails_each_image_and_ends() {
        let (_there, folder) = folder_with(&[("a.png", "a"), ("b.png", "b")]);
        let mut progress = Progress::new(2);
        all(&folder, "127.0.0.1:1", &mut progress, || Ok(())).unwrap();
        assert_eq!((progress.converted(), progress.failed()), (0, 2));
    }

    #[test]
    fn the_workers_own_words_come_first() {
        let failed = |warnings: &[&str]| ClientError::Failed {
            handle: "H:x:1".into(),
            warnings: warnings.iter().map(|&text| text.to_owned()).collect(),
        };
        assert_eq!(reason(failed(&["slow", "no image"])).to_string(), "no image");
        assert_eq!(reason(failed(&[])).to_string(), "the job failed");
    }

    #[test]
    fn an_image_is_done_with_its_last_result_and_says_the_same_thing_once() {
        let mut tally = Tally::default();
        assert!(!tally.add(Err("no image".into())));
        assert!(tally.add(Err("no image".into())));
        assert_eq!(tally.errors, ["no image"]);
    }
}
