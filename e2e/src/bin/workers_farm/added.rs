//! Jobs without macros.
use gearman_driver::prelude::*;

pub(crate) struct Added {
    greeting: String,
}

impl Worker for Added {
    fn prefix(&self) -> String {
        "added_".to_owned()
    }

    fn begin(&self, _job: &Job, workload: &[u8]) -> Result<(), Error> {
        crate::trace(&format!("added begin {}", String::from_utf8_lossy(workload)));
        Ok(())
    }

    fn end(&self, _job: &Job, _workload: &[u8]) {
        crate::trace("added end");
    }
}

fn added() -> Box<Added> {
    Box::new(Added { greeting: "hello".to_owned() })
}

/// Registered under the names given, with both codecs.
pub(crate) fn plain() -> JobSpec {
    let greet = Method {
        name: "greet".to_owned(),
        body: Box::new(|worker, job, workload| {
            let added = worker.downcast_ref::<Added>().ok_or("another worker")?;
            let name = String::from_utf8_lossy(workload);
            Ok(format!("{} {name} in {}", added.greeting, job.function_name()).into_bytes())
        }),
        decode: Some(Box::new(|_, workload| Ok(workload.to_ascii_uppercase()))),
        encode: Some(Box::new(|_, result| Ok([b"<", result, b">"].concat()))),
    };
    let fail = Method {
        name: "fail".to_owned(),
        body: Box::new(|_, _, _| Err("failed on purpose".into())),
        decode: None,
        encode: None,
    };
    JobSpec {
        name: "greeter".to_owned(),
        min_processes: 1,
        max_processes: 2,
        worker: added(),
        methods: vec![greet, fail],
    }
}

/// Registered under the worker's prefix.
pub(crate) fn prefixed() -> JobSpec {
    let pid = Method {
        name: "pid".to_owned(),
        body: Box::new(|_, _, _| Ok(std::process::id().to_string().into_bytes())),
        decode: None,
        encode: None,
    };
    JobSpec { name: "pid".to_owned(), min_processes: 0, max_processes: 1, worker: added(), methods: vec![pid] }
        .prefixed()
}

/// The same functions under another job's name.
pub(crate) fn other(job: JobSpec) -> JobSpec {
    JobSpec { name: "other".to_owned(), ..job }
}
