//! Methods of every shape, and how they fail.

use std::cell::RefCell;

use gearman_driver::JobError;
use gearman_driver::prelude::*;

/// A base class of the original: codecs from a trait.
trait Reversed {
    fn reverse(&self, workload: &[u8]) -> Vec<u8> {
        workload.iter().rev().copied().collect()
    }
}

#[derive(Default)]
struct Shapes {
    log: RefCell<Vec<String>>,
}

impl Reversed for Shapes {}

type Fallible<T> = Result<T, JobError>;

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] std::num::ParseIntError);

#[worker]
impl Shapes {
    #[job]
    fn nothing(&self) {
        self.log.borrow_mut().push("nothing".to_owned());
    }
    #[job]
    fn only_job(&self, job: &mut Job) -> String {
        job.function_name().to_owned()
    }
    #[job]
    fn shared_job(&self, job: &Job) -> String {
        job.server().to_owned()
    }
    #[job]
    fn only_workload(&self, workload: &[u8]) -> Vec<u8> {
        workload.to_vec()
    }
    #[job]
    fn owned(&self, workload: Vec<u8>) -> Vec<u8> {
        workload
    }
    #[job]
    fn text(&self, workload: &str) -> &'static str {
        if workload.is_empty() { "empty" } else { "text" }
    }
    #[job]
    fn owned_text(&self, _job: &mut Job, workload: String) -> Fallible<String> {
        Ok(workload)
    }
    #[job]
    fn fixed(&self) -> &'static [u8] {
        b"fixed"
    }
    #[job]
    fn borrowed(&self, Json(words): Json<Vec<&str>>) -> Json<usize> {
        Json(words.len())
    }
    #[job]
    fn with_lifetime<'a>(&self, Json(word): Json<&'a str>) -> Result<String, &'a str> {
        if word.is_empty() { Err("no word") } else { Ok(word.to_owned()) }
    }
    #[job(name = "end")]
    fn the_end(&self) -> Result<(), String> {
        Err("it ends".into())
    }
    #[job]
    fn r#type(&self) -> &'static str {
        "raw"
    }
    #[job(decode, encode)]
    fn bare(&self, number: u32) -> u32 {
        number + 1
    }
    fn decode(&self, workload: &[u8]) -> Result<u32, std::num::ParseIntError> {
        std::str::from_utf8(workload).unwrap_or("").parse()
    }
    fn encode(&self, number: u32) -> Json<[u32; 1]> {
        Json([number])
    }
    #[job(decode = "reverse", encode = "back")]
    fn lent(&self, workload: &[u8]) -> Vec<u8> {
        [workload, b"!"].concat()
    }
    fn back(&self, result: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.reverse(result))
    }
    #[job(decode)]
    fn decoded_for_nobody(&self) -> &'static str {
        "well"
    }
    #[job]
    fn chained(&self) -> Result<(), Outer> {
        Err(Outer("x".parse::<u8>().unwrap_err()))
    }
    #[job(exceptions = true)]
    fn panics(&self) {
        panic!("at the disco");
    }
    #[cfg(any())]
    #[job]
    fn compiled_out(&self, job: NoSuchType) {}
    #[cfg(any())]
    fn begin(&self, _job: &Job, _workload: &[u8]) {}
    #[cfg(any())]
    fn new(_options: &WorkerOptions) -> Self {
        no_such_function()
    }
    #[cfg(any())]
    fn prefix(&self) -> String {
        no_such_function()
    }
    #[cfg(not(any()))]
    fn end(&self, _job: &Job, _workload: &[u8]) {
        self.log.borrow_mut().push("end".to_owned());
    }
    /// No job.
    fn process_start(&mut self) {
        self.log.borrow_mut().push("start".to_owned());
    }
}

#[test]
fn every_shape_of_a_method_works() {
    let worker = TestWorker::<Shapes>::new(WorkerOptions::new().with_server("a:1,b:2")).unwrap();
    let call = |function, workload| String::from_utf8(worker.call(function, workload).unwrap()).unwrap();
    assert_eq!(call("nothing", ""), "");
    assert_eq!(call("only_job", ""), "worker_api::shapes::Shapes::only_job");
    assert_eq!(call("shared_job", ""), "a:1");
    assert_eq!(call("only_workload", "w"), "w");
    assert_eq!(call("owned", "w"), "w");
    assert_eq!(call("text", ""), "empty");
    assert_eq!(call("owned_text", "w"), "w");
    assert_eq!(call("fixed", "w"), "fixed");
    assert_eq!(call("borrowed", r#"["a", "b"]"#), "2");
    assert_eq!(call("with_lifetime", r#""a""#), "a");
    assert_eq!(call("type", ""), "raw");
    assert_eq!(call("bare", "41"), "[42]");
    assert_eq!(call("lent", "abc"), "!abc");
    assert_eq!(call("decoded_for_nobody", "1"), "well");
}

#[test]
fn failures_come_with_their_causes() {
    let worker = TestWorker::<Shapes>::new(WorkerOptions::new()).unwrap();
    let fails = |function, workload: &[u8]| worker.call(function, workload).unwrap_err().to_string();
    assert!(fails("text", b"\xff").starts_with("decode failed: the workload is not UTF-8 text"));
    assert_eq!(fails("with_lifetime", b"\"\""), "no word");
    assert_eq!(fails("end", b""), "it ends");
    assert_eq!(fails("chained", b""), "outer: invalid digit found in string");
    assert_eq!(fails("decoded_for_nobody", b"x"), "decode failed: invalid digit found in string");
    assert_eq!(fails("panics", b""), "at the disco");
    assert_eq!(worker.worker().log.borrow().join(" "), "start end end end end");
}

#[derive(Default)]
struct Coded;

/// Codecs for all methods, and one that opts out.
#[worker(decode = "dec", encode = "enc")]
impl Coded {
    fn dec(&self, workload: &[u8]) -> String {
        String::from_utf8_lossy(workload).to_uppercase()
    }
    fn enc(&self, result: &str) -> String {
        format!("<{result}>")
    }
    #[job]
    fn both(&self, text: &str) -> String {
        text.to_owned()
    }
    #[job(decode = "", encode = "")]
    fn neither(&self, text: &str) -> String {
        text.to_owned()
    }
    fn prefix(&self) -> String {
        "foo_bar_".into()
    }
}

#[test]
fn a_worker_can_name_codecs_for_all_its_methods() {
    let worker = TestWorker::<Coded>::new(WorkerOptions::new()).unwrap();
    assert_eq!(worker.call("foo_bar_both", "a").unwrap(), b"<A>");
    assert_eq!(worker.call("neither", "a").unwrap(), b"a");
}
