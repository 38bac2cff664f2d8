//! Jobs without macros: names, functions and codecs are values, put together when the program runs.
//!
//! ```sh
//! cargo run -p without_macros -- --logfile -
//! gearman -f text.words 'how many are these'
//! gearman -f text.longest 'which is the longest'
//! ```
//!
//! `#[worker]` and `#[job]` are shorter where what there is stands in the code; this is for programs that know it
//! only when they start.

use std::process::ExitCode;

use gearman_driver::prelude::*;

/// What the functions share: one for each process.
struct Text {
    /// Shorter words are not words.
    shortest: usize,
}

impl Text {
    fn words<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let shortest = self.shortest;
        text.split_whitespace().filter(move |word| word.chars().count() >= shortest)
    }
}

/// The hooks, all with defaults. This one runs in each process, after the fork.
impl Worker for Text {
    fn process_start(&mut self) -> Result<(), Error> {
        println!("counts words of {} characters and more", self.shortest);
        Ok(())
    }
}

/// A function of the job: gets the worker as its own type, and the workload as text.
fn method(name: &str, body: fn(&Text, &str) -> String) -> Method {
    Method {
        name: name.to_owned(),
        body: Box::new(move |worker, _job, workload| {
            let text = worker.downcast_ref::<Text>().ok_or("the worker of this job is a Text")?;
            Ok(body(text, std::str::from_utf8(workload)?).into_bytes())
        }),
        // Before the body: what is no UTF-8 becomes it.
        decode: Some(Box::new(|_worker, workload| Ok(String::from_utf8_lossy(workload).into_owned().into_bytes()))),
        // After it: the client's terminal wants a line.
        encode: Some(Box::new(|_worker, result| Ok([result, b"\n"].concat()))),
    }
}

/// One job with two functions, which share its processes.
fn job(shortest: usize) -> JobSpec {
    JobSpec {
        name: "text".to_owned(),
        min_processes: 1,
        max_processes: 4,
        // Built here, in the supervisor too: big data belongs into `process_start`.
        worker: Box::new(Text { shortest }),
        methods: vec![
            method("text.words", |text, workload| text.words(workload).count().to_string()),
            method("text.longest", |text, workload| {
                let longest = text.words(workload).max_by_key(|word| word.chars().count());
                longest.unwrap_or_default().to_owned()
            }),
        ],
    }
}

fn main() -> ExitCode {
    Driver::from_args().add_job(job(2)).run()
}
