//! The order around a job, step by step, through a declared job, with and without a runtime: it takes the same way as one
//! that `#[worker]` wrote.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gearman_protocol::{JobAssignment, Magic, Packet, PacketType};

use super::*;
use crate::api::{AddedJob, AsyncJobSpec, JobError, JobLink, JobSpec, LoadRequest, Report, load};

type Log = Rc<RefCell<Vec<String>>>;

/// A worker whose steps go wrong when the workload says so: `"begin err"`, `"method panic"`, ..
struct Steps(Log);

impl Steps {
    fn step(log: &Log, step: &str, workload: &[u8]) -> Result<(), Error> {
        log.borrow_mut().push(step.to_owned());
        let workload = String::from_utf8_lossy(workload);
        match workload.split(',').find_map(|fault| fault.strip_prefix(step)) {
            Some(" err") => Err(format!("bad {step}").into()),
            Some(" panic") => panic!("mad {step}"),
            _ => Ok(()),
        }
    }
}

impl Worker for Steps {
    fn begin(&self, _: &Job, workload: &[u8]) -> Result<(), Error> {
        Self::step(&self.0, "begin", workload)
    }
    fn end(&self, _: &Job, workload: &[u8]) {
        Self::step(&self.0, "end", workload).unwrap();
    }
    fn process_name(&self, _: &str, _: &str) -> Option<String> {
        panic!("no name")
    }
    fn process_start(&mut self) -> Result<(), Error> {
        panic!("no start")
    }
    fn process_stop(&mut self) {
        panic!("no stop")
    }
}

struct Noted(Log);

impl Notes for Noted {
    fn ran(&self) {
        self.0.borrow_mut().push("RAN".to_owned());
    }
    fn failed(&self, message: &str) {
        self.0.borrow_mut().push(format!("FAILED {message}"));
    }
}

struct NoLink;

impl JobLink for NoLink {
    fn send(&self, _: Report<'_>) -> Result<(), JobError> {
        Err(JobError::link("a:1", "gone"))
    }
    fn server(&self) -> &str {
        "a:1"
    }
    fn servers(&self) -> &str {
        "a:1"
    }
}

/// How the codecs of the declared methods work.
fn codec(log: &Log, step: &'static str) -> Option<Codec> {
    let log = Rc::clone(log);
    Some(Box::new(move |_: &dyn Worker, workload: &[u8]| {
        // What is encoded is the method's result, which repeats the workload.
        Steps::step(&log, step, workload)?;
        Ok(workload.to_vec())
    }))
}

fn process(log: &Log) -> ProcessWorker {
    let of_method = Rc::clone(log);
    let method = Method {
        name: "steps".to_owned(),
        decode: codec(log, "decode"),
        body: Box::new(move |worker, _, workload| {
            assert!(worker.downcast_ref::<Steps>().is_some());
            Steps::step(&of_method, "method", workload)?;
            Ok(workload.to_vec())
        }),
        encode: codec(log, "encode"),
    };
    let spec = JobSpec {
        name: "steps".to_owned(),
        min_processes: 1,
        max_processes: 1,
        worker: Box::new(Steps(Rc::clone(log))),
        methods: vec![method],
    };
    loaded(spec.into())
}

/// The same with a body that waits in between.
fn async_process(log: &Log) -> ProcessWorker {
    let of_method = Rc::clone(log);
    let method = AsyncMethod {
        name: "steps".to_owned(),
        decode: codec(log, "decode"),
        body: Box::new(move |worker, _, workload| {
            let log = Rc::clone(&of_method);
            Box::pin(async move {
                assert!(worker.downcast_ref::<Steps>().is_some());
                tokio::task::yield_now().await;
                Steps::step(&log, "method", workload)?;
                Ok(workload.to_vec())
            })
        }),
        encode: codec(log, "encode"),
    };
    let spec = AsyncJobSpec {
        name: "steps".to_owned(),
        min_processes: 1,
        max_processes: 1,
        concurrency: 2,
        worker: Box::new(Steps(Rc::clone(log))),
        methods: vec![method],
    };
    loaded(spec.into())
}

fn loaded(added: AddedJob) -> ProcessWorker {
    load(LoadRequest {
        namespaces: &[],
        wanted: None,
        server: "a:1",
        worker_options: &BTreeMap::new(),
        job_runtime_attributes: &BTreeMap::new(),
        added: vec![added],
        may_be_empty: true,
    })
    .unwrap()
    .into_process("steps")
    .unwrap()
}

fn job(workload: &str) -> Job {
    let body = format!("H:a:1\0steps\0u\0{workload}").into_bytes();
    let packet = Packet { magic: Magic::Response, kind: PacketType::JobAssignUniq, body };
    Job::new(Rc::new(NoLink), Rc::new(JobAssignment::from_packet(packet).unwrap()))
}

/// What happens to a job with this workload, and how it ends: the same with and without a runtime.
fn told(workload: &str) -> String {
    let log = Log::default();
    let outcome = process(&log).run(0, &mut job(workload), &Noted(Rc::clone(&log)));
    let told = described(&log, outcome);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (process, mut job, notes) = (async_process(&log), job(workload), Noted(Rc::clone(&log)));
    let outcome = runtime.block_on(process.run_async(0, &mut job, &notes));
    assert_eq!(described(&log, outcome), told);
    told
}

fn described(log: &Log, outcome: Outcome) -> String {
    let answer = match outcome.answer {
        Answer::Complete(result) => format!("COMPLETE {}", String::from_utf8_lossy(&result)),
        Answer::Fail { message } => format!("FAIL {message}"),
        Answer::Exception { message } => format!("EXCEPTION {message}"),
    };
    let replaced = if outcome.replace_process { " -> replaced" } else { "" };
    format!("{} -> {answer}{replaced}", log.take().join(", "))
}

#[test]
fn a_job_that_goes_well() {
    assert_eq!(told("x"), "decode, begin, method, RAN, end, encode -> COMPLETE x");
}

#[test]
fn a_method_that_fails_still_has_its_end() {
    assert_eq!(told("method err"), "decode, begin, method, RAN, FAILED bad method, end -> FAIL bad method");
    assert_eq!(
        told("method panic"),
        "decode, begin, method, RAN, FAILED mad method, end -> FAIL mad method -> replaced"
    );
    assert_eq!(
        told("method err,end panic"),
        "decode, begin, method, RAN, FAILED bad method, end -> FAIL bad method -> replaced"
    );
}

#[test]
fn a_decode_or_a_begin_that_fails_has_neither_method_nor_end() {
    assert_eq!(told("decode err"), "decode, FAILED decode failed: bad decode -> FAIL decode failed: bad decode");
    assert_eq!(
        told("decode panic"),
        "decode, FAILED decode failed: mad decode -> FAIL decode failed: mad decode -> replaced"
    );
    assert_eq!(told("begin err"), "decode, begin, FAILED begin failed: bad begin -> FAIL begin failed: bad begin");
    assert_eq!(
        told("begin panic"),
        "decode, begin, FAILED begin failed: mad begin -> FAIL begin failed: mad begin -> replaced"
    );
}

#[test]
fn an_end_or_an_encode_that_fails_fails_the_job() {
    assert_eq!(
        told("encode err"),
        "decode, begin, method, RAN, end, encode, FAILED encode failed: bad encode -> FAIL encode failed: bad encode"
    );
    assert_eq!(
        told("end panic"),
        "decode, begin, method, RAN, end, FAILED end failed: mad end -> FAIL end failed: mad end -> replaced"
    );
}

#[test]
fn a_function_that_is_not_served_fails() {
    let log = Log::default();
    let outcome = process(&log).run(1, &mut job(""), &Noted(Rc::clone(&log)));
    assert_eq!(outcome.answer, Answer::Fail { message: "job steps does not serve function steps".to_owned() });
}

#[test]
fn an_asynchronous_function_needs_a_runtime() {
    let log = Log::default();
    let outcome = async_process(&log).run(0, &mut job(""), &Noted(Rc::clone(&log)));
    let message = "function steps is asynchronous, and this process has no runtime".to_owned();
    assert_eq!(outcome.answer, Answer::Fail { message });
}

#[test]
fn panics_of_process_hooks_are_caught() {
    let mut process = process(&Log::default());
    assert_eq!(process.start().unwrap_err().to_string(), "no start");
    assert_eq!(process.process_name("driver"), None);
    process.stop();
}

#[test]
fn a_job_says_what_it_is_and_what_it_cannot_send() {
    let job = job("\u{1}");
    assert_eq!((job.handle(), job.function_name(), job.unique()), ("H:a:1", "steps", "u"));
    assert_eq!(job.workload(), b"\x01");
    assert_eq!(job.send_status(1, 2).unwrap_err().to_string(), "job server a:1: gone");
    assert_eq!(job.server(), "a:1");
}

#[test]
fn a_unique_that_is_no_text_is_replaced() {
    let packet =
        Packet { magic: Magic::Response, kind: PacketType::JobAssignUniq, body: b"H:a:1\0steps\0\xff\0".to_vec() };
    let job = Job::new(Rc::new(NoLink), Rc::new(JobAssignment::from_packet(packet).unwrap()));
    assert_eq!(job.unique(), "\u{fffd}");
    assert_eq!(job.unique(), "\u{fffd}");
}
