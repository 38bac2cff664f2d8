//! Every construct of the worker API, with the prelude alone, in a crate that forbids what generated code might stumble
//! over.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
// Methods take what the guide says they take; helpers of tests unwrap.
#![allow(clippy::needless_pass_by_value, clippy::unwrap_used)]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use gearman_driver::prelude::*;
use gearman_driver::{AddedJob, AsyncJobSpec, AsyncMethod, JobError, Sent};
use serde::{Deserialize, Serialize};

mod image {
    use super::*;

    #[derive(Debug)]
    pub(crate) struct Model(pub(crate) String);

    impl Model {
        fn load(name: &str) -> Result<Self, std::io::Error> {
            Ok(Self(name.to_owned()))
        }
    }

    #[derive(Debug, Deserialize, PartialEq)]
    pub(crate) struct Convert {
        width: u32,
    }

    #[derive(Debug, Serialize)]
    pub(crate) struct Converted {
        height: u32,
    }

    /// The worker of the guide.
    pub(crate) struct Image {
        pub(crate) model: Arc<Model>,
        pub(crate) db: Option<Rc<RefCell<Vec<String>>>>,
    }

    #[worker]
    impl Image {
        fn new(options: &WorkerOptions) -> Result<Self, Error> {
            Ok(Self { model: options.shared(|| Model::load(&options.get::<String>("model")?))?, db: None })
        }

        #[job]
        fn scale_image(&self, job: &mut Job, workload: &[u8]) -> Result<Vec<u8>, Error> {
            job.send_status(1, 2)?;
            job.send_data(b"part")?;
            job.send_warning("careful")?;
            assert_eq!(job.workload(), workload);
            Ok([job.function_name().as_bytes(), b" ", workload].concat())
        }

        #[job(min_processes = 2, max_processes = 15)]
        fn do_something_else(&self, job: &mut Job, workload: &[u8]) -> Result<String, Error> {
            Ok(format!("{} {} {}", job.handle(), job.unique(), workload.len()))
        }

        #[job(process_group = "image_worker")]
        fn convert(&self, _job: &mut Job, Json(req): Json<Convert>) -> Result<Json<Converted>, Error> {
            Ok(Json(Converted { height: req.width * 2 }))
        }

        #[job(decode = "dec_yaml", encode = "enc_yaml", process_group = "image_worker")]
        fn custom(&self, _job: &mut Job, req: Convert) -> Result<Converted, Error> {
            Ok(Converted { height: req.width + 1 })
        }
        fn dec_yaml(&self, workload: &[u8]) -> Result<Convert, Error> {
            Ok(Convert { width: std::str::from_utf8(workload)?.parse()? })
        }
        fn enc_yaml(&self, result: Converted) -> Result<Vec<u8>, Error> {
            Ok(format!("height: {}", result.height).into_bytes())
        }

        fn begin(&self, _job: &Job, workload: &[u8]) -> Result<(), Error> {
            self.note(format!("begin {}", workload.len()));
            Ok(())
        }
        fn end(&self, _job: &Job, workload: &[u8]) {
            self.note(format!("end {}", workload.len()));
        }
        fn process_name(&self, original: &str, job_name: &str) -> Option<String> {
            Some(format!("{original} ({job_name})"))
        }
        fn default_attributes(&self) -> JobAttributes {
            JobAttributes::new().min_processes(0)
        }
        fn override_attributes(&self) -> JobAttributes {
            JobAttributes::new()
        }
        fn process_start(&mut self) -> Result<(), Error> {
            self.db = Some(Rc::default());
            Ok(())
        }
        fn process_stop(&mut self) {}

        fn note(&self, what: String) {
            if let Some(db) = &self.db {
                db.borrow_mut().push(what);
            }
        }
    }
}

fn image() -> TestWorker<image::Image> {
    TestWorker::new(WorkerOptions::new().set("model", "x")).unwrap()
}

#[test]
fn the_guides_worker_works() {
    let worker = image();
    assert_eq!(worker.worker().model.0, "x");
    assert_eq!(worker.call("scale_image", b"abc").unwrap(), b"worker_api::image::Image::scale_image abc");
    assert_eq!(
        worker.sent(),
        [
            Sent::Status { numerator: 1, denominator: 2 },
            Sent::Data(b"part".to_vec()),
            Sent::Warning(b"careful".to_vec())
        ]
    );
    assert_eq!(worker.call("worker_api::image::Image::do_something_else", "ab").unwrap(), b"H:test:2  2");
    assert_eq!(worker.call("convert", br#"{"width":4}"#).unwrap(), br#"{"height":8}"#);
    assert_eq!(worker.call("custom", "4").unwrap(), b"height: 5");
    let notes = worker.worker().db.as_ref().unwrap().borrow().join(", ");
    assert_eq!(notes, "begin 3, end 3, begin 2, end 2, begin 11, end 11, begin 1, end 1");
}

#[test]
fn what_fails_says_so() {
    let worker = image();
    let message = |function, workload| worker.call(function, workload).unwrap_err().to_string();
    assert_eq!(
        message("convert", "{}"),
        "decode failed: the workload is not the JSON expected: missing field `width` at line 1 column 2"
    );
    assert_eq!(message("custom", "x"), "decode failed: invalid digit found in string");
    assert_eq!(
        message("scale", ""),
        "worker worker_api::image::Image has no function scale; it has: scale_image, do_something_else, convert, custom"
    );
    let missing = TestWorker::<image::Image>::new(WorkerOptions::new()).map(drop).unwrap_err().to_string();
    assert!(missing.contains("option \"model\" is missing"), "{missing}");
}

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
    assert_eq!(call("only_job", ""), "worker_api::Shapes::only_job");
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

fn load(namespaces: &[&str], added: Vec<AddedJob>) -> gearman_driver_worker::Loaded {
    let namespaces: Vec<String> = namespaces.iter().map(|&name| name.to_owned()).collect();
    let options = [("GLOBAL".to_owned(), serde_json::Map::from_iter([("model".to_owned(), "x".into())]))];
    gearman_driver_worker::load(gearman_driver_worker::LoadRequest {
        namespaces: &namespaces,
        wanted: Some(&|path: &str| !path.ends_with("::Shapes")),
        server: "localhost:4730",
        worker_options: &options.into(),
        job_runtime_attributes: &std::collections::BTreeMap::new(),
        added,
        may_be_empty: true,
    })
    .unwrap()
}

#[test]
fn registered_workers_are_found_by_namespace() {
    let loaded = load(&["worker_api::image", "worker_api::Coded"], Vec::new());
    let jobs: Vec<_> =
        loaded.jobs().iter().map(|job| (job.name.as_str(), job.min_processes, job.max_processes)).collect();
    assert_eq!(
        jobs,
        [
            ("foo_bar_both", 1, 1),
            ("foo_bar_neither", 1, 1),
            ("worker_api::image::Image::do_something_else", 2, 15),
            ("worker_api::image::Image::image_worker", 0, 1),
            ("worker_api::image::Image::scale_image", 0, 1),
        ]
    );
    let process = loaded.into_process("worker_api::image::Image::image_worker").unwrap();
    assert_eq!(
        process.process_name("driver").unwrap(),
        "driver (worker_api::image::Image::image_worker)",
        "the hook gets the name that the console shows"
    );
    let functions: Vec<_> = process.functions().iter().map(|function| function.name.as_str()).collect();
    assert_eq!(functions, ["worker_api::image::Image::convert", "worker_api::image::Image::custom"]);
}

/// A worker without macros.
struct Bare(u8);

impl Worker for Bare {}

#[test]
fn jobs_can_be_declared_without_macros() {
    let spec = || JobSpec {
        name: "shout".into(),
        min_processes: 0,
        max_processes: 3,
        worker: Box::new(Bare(b'!')),
        methods: vec![Method {
            name: "shout_it".into(),
            body: Box::new(|worker, job, workload| {
                let Some(Bare(mark)) = worker.downcast_ref::<Bare>() else { return Err("not mine".into()) };
                job.send_status(1, 1)?;
                Ok([workload, &[*mark]].concat())
            }),
            decode: None,
            encode: Some(Box::new(|_, result| Ok(result.to_ascii_uppercase()))),
        }],
    };
    let loaded = load(&[], vec![spec().into(), spec().prefixed().into()]);
    let names: Vec<_> = loaded.jobs().iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["shout", "worker_api::Bare::shout"]);
    assert_eq!(loaded.jobs()[1].functions[0].name, "worker_api::Bare::shout_it");
    assert_eq!((loaded.jobs()[0].min_processes, loaded.jobs()[0].max_processes), (0, 3));
}

#[test]
fn asynchronous_jobs_can_be_declared_without_macros() {
    let spec = AsyncJobSpec {
        name: "shout".into(),
        min_processes: 0,
        max_processes: 1,
        concurrency: 8,
        worker: Box::new(Bare(b'!')),
        methods: vec![AsyncMethod {
            name: "shout_it".into(),
            body: Box::new(|worker, job, workload| {
                Box::pin(async move {
                    let Bare(mark) = worker.downcast_ref().ok_or("not mine")?;
                    job.send_status(1, 1)?;
                    tokio::task::yield_now().await;
                    Ok([workload, &[*mark]].concat())
                })
            }),
            decode: None,
            encode: Some(Box::new(|_, result| Ok(result.to_ascii_uppercase()))),
        }],
    };
    let loaded = load(&[], vec![spec.prefixed().into()]);
    assert_eq!(loaded.jobs()[0].name, "worker_api::Bare::shout");
    assert_eq!(loaded.jobs()[0].functions[0].name, "worker_api::Bare::shout_it");
    assert_eq!(loaded.jobs()[0].concurrency, Some(8));
}

/// Asynchronous methods of every shape.
#[derive(Default)]
struct Asynchronous {
    log: RefCell<Vec<String>>,
    /// Not `Send`, as nothing need be.
    shared: Rc<std::cell::Cell<u32>>,
}

#[worker]
impl Asynchronous {
    #[job(concurrency = 32, max_idle_time = "5m")]
    async fn both(&self, job: &mut Job, workload: &[u8]) -> Result<Vec<u8>, Error> {
        job.send_status(1, 2)?;
        tokio::task::yield_now().await;
        self.shared.set(self.shared.get() + 1);
        assert_eq!(job.workload(), workload);
        Ok(workload.to_vec())
    }
    #[job]
    async fn nothing(&self) {
        tokio::task::yield_now().await;
    }
    #[job]
    async fn only_job(&self, job: &mut Job) -> String {
        let handle = job.handle().to_owned();
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        handle
    }
    #[job]
    async fn borrowed(&self, Json(words): Json<Vec<&str>>) -> Json<usize> {
        tokio::task::yield_now().await;
        Json(words.len())
    }
    #[job]
    async fn text(&self, _job: &mut Job, workload: &str) -> Fallible<String> {
        tokio::task::yield_now().await;
        Ok(workload.to_uppercase())
    }
    #[job(decode, encode = "enc")]
    async fn coded(&self, number: u32) -> Result<u32, Error> {
        tokio::task::yield_now().await;
        if number == 0 { Err("zero".into()) } else { Ok(number + 1) }
    }
    fn decode(&self, workload: &[u8]) -> Result<u32, Error> {
        Ok(std::str::from_utf8(workload)?.parse()?)
    }
    fn enc(&self, number: u32) -> String {
        format!("<{number}>")
    }
    #[job(decode = "lend")]
    async fn lent(&self, workload: &[u8]) -> Vec<u8> {
        tokio::task::yield_now().await;
        workload.to_vec()
    }
    fn lend(&self, workload: &[u8]) -> Vec<u8> {
        [workload, b"!"].concat()
    }
    #[job]
    async fn panics(&self) {
        tokio::task::yield_now().await;
        panic!("at the disco");
    }
    #[job]
    async fn panics_at_once(&self) {
        panic!("at once");
    }
    #[job]
    async fn local(&self) -> Result<String, Error> {
        let shared = Rc::clone(&self.shared);
        Ok(tokio::task::spawn_local(async move { shared.get().to_string() }).await?)
    }
    #[job]
    fn plain(&self, workload: String) -> String {
        workload
    }
    fn process_start(&mut self) -> Result<(), Error> {
        tokio::runtime::Handle::try_current()?;
        Ok(())
    }
    fn begin(&self, _job: &Job, _workload: &[u8]) {
        self.log.borrow_mut().push("begin".to_owned());
    }
    fn end(&self, _job: &Job, _workload: &[u8]) {
        self.log.borrow_mut().push("end".to_owned());
    }
}

#[test]
fn asynchronous_methods_run_where_no_runtime_is() {
    let worker = TestWorker::<Asynchronous>::new(WorkerOptions::new()).unwrap();
    let call = |function, workload| String::from_utf8(worker.call(function, workload).unwrap()).unwrap();
    assert_eq!(call("both", "w"), "w");
    assert_eq!(worker.sent(), [Sent::Status { numerator: 1, denominator: 2 }]);
    assert_eq!(call("nothing", ""), "");
    assert_eq!(call("only_job", ""), "H:test:3");
    assert_eq!(call("borrowed", r#"["a"]"#), "1");
    assert_eq!(call("text", "a"), "A");
    assert_eq!(call("coded", "1"), "<2>");
    assert_eq!(call("lent", "a"), "a!");
    assert_eq!(call("local", ""), "1");
    assert_eq!(call("plain", "p"), "p");
    let fails = |function, workload: &str| worker.call(function, workload).unwrap_err().to_string();
    worker.worker().log.borrow_mut().clear();
    assert_eq!(fails("coded", "0"), "zero");
    assert_eq!(fails("panics", ""), "at the disco");
    assert_eq!(fails("panics_at_once", ""), "at once");
    assert_eq!(worker.worker().log.borrow().join(" "), "begin end begin end begin end");
    assert_eq!(fails("coded", "x"), "decode failed: invalid digit found in string");
}

#[test]
fn inside_a_runtime_call_async_is_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let worker = TestWorker::<Asynchronous>::new(WorkerOptions::new()).unwrap();
        assert_eq!(worker.call_async("both", "w").await.unwrap(), b"w");
        assert_eq!(worker.call_async("plain", "p").await.unwrap(), b"p");
        assert_eq!(worker.call("plain", "p").unwrap(), b"p");
        assert_eq!(
            worker.call("both", "w").unwrap_err().to_string(),
            "function both is asynchronous, and this test runs inside a runtime: use `call_async(\"both\", ..).await`"
        );
        // Several at once.
        let (a, b) = tokio::join!(worker.call_async("only_job", ""), worker.call_async("only_job", ""));
        assert_eq!((a.unwrap(), b.unwrap()), (b"H:test:4".to_vec(), b"H:test:5".to_vec()));
    });
}

#[test]
fn limits_of_asynchronous_jobs_are_loaded() {
    let loaded = load(&["worker_api::Asynchronous"], Vec::new());
    let of = |name: &str| {
        let job = loaded.jobs().iter().find(|job| job.name.ends_with(name)).unwrap();
        (job.concurrency, job.limits.max_idle_time)
    };
    assert_eq!(of("::both"), (Some(32), Some(std::time::Duration::from_secs(300))));
    assert_eq!(of("::nothing"), (Some(1), None));
    assert_eq!(of("::plain"), (Some(1), None), "a runtime for process_start, in all processes of the worker");
    let loaded = load(&["worker_api::Adder", "worker_api::Coded"], Vec::new());
    let concurrency: Vec<_> = loaded.jobs().iter().map(|job| job.concurrency).collect();
    assert_eq!(concurrency, [None, None, Some(1), Some(1), Some(1)]);
}

/// Types of a job that are sent and read by its callers as well.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Sum {
    of: Vec<i64>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Total(i64);

#[derive(Default)]
struct Adder;

#[worker]
impl Adder {
    #[job]
    fn add(&self, Json(sum): Json<Sum>) -> Result<Json<Total>, Error> {
        Ok(Json(Total(sum.of.iter().sum())))
    }
    #[job(name = "concatenate")]
    async fn join(&self, Json(words): Json<Vec<&str>>) -> String {
        words.concat()
    }
    #[job]
    fn nothing(&self) {}
}

/// The second of two in one module, under another name, and one that wants none.
mod others {
    use super::*;

    #[derive(Default)]
    pub(super) struct Other;

    #[worker(client = "Named")]
    impl Other {
        #[job(decode = "number")]
        fn coded(&self, number: u64) -> &'static str {
            if number > 0 { "some" } else { "none" }
        }
        fn number(&self, workload: &[u8]) -> Result<u64, Error> {
            Ok(std::str::from_utf8(workload)?.parse()?)
        }
    }

    #[derive(Default)]
    struct Silent;

    pub(super) struct SilentClient(pub(super) u8);

    #[worker(client = "")]
    impl Silent {
        #[job]
        fn nothing(&self) {}
    }
}

/// A job server of one job: it answers with `result`, and gives what it was asked.
fn answering(result: &[u8]) -> (String, std::thread::JoinHandle<(String, Vec<u8>)>) {
    use gearman_protocol::{Decoder, Magic, PacketType, packet};
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, result) = (listener.local_addr().unwrap().to_string(), result.to_vec());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut decoder = Decoder::new(1 << 20);
        loop {
            while let Some(asked) = decoder.next_packet().unwrap() {
                let mut answer = Vec::new();
                let mut say = |kind, args: &[&[u8]]| packet::encode(Magic::Response, kind, args, &mut answer).unwrap();
                match asked.kind {
                    PacketType::EchoReq => say(PacketType::EchoRes, &[&asked.body]),
                    PacketType::SubmitJob => {
                        say(PacketType::JobCreated, &[b"H:a:1"]);
                        say(PacketType::WorkComplete, &[b"H:a:1", &result]);
                        stream.write_all(&answer).unwrap();
                        let [function, _, workload] = asked.args().unwrap();
                        return (String::from_utf8_lossy(function).into_owned(), workload.to_vec());
                    }
                    _ => {}
                }
                stream.write_all(&answer).unwrap();
            }
            let n = stream.read(decoder.space()).unwrap();
            decoder.filled(n);
        }
    });
    (address, server)
}

#[test]
fn a_worker_has_a_typed_caller() {
    use gearman_driver::{Client, ServerList};
    let client = |address: &str| Client::new(ServerList::parse(address).unwrap());

    let (address, server) = answering(b"6");
    let total = AdderClient::add(&mut client(&address), &Sum { of: vec![1, 2, 3] });
    assert_eq!(total.unwrap(), Total(6));
    assert_eq!(server.join().unwrap(), ("worker_api::Adder::add".to_owned(), br#"{"of":[1,2,3]}"#.to_vec()));

    let (address, server) = answering(b"ab");
    assert_eq!(AdderClient::join(&mut client(&address), &vec!["a", "b"]).unwrap(), "ab");
    assert_eq!(server.join().unwrap(), ("worker_api::Adder::concatenate".to_owned(), br#"["a","b"]"#.to_vec()));

    let (address, server) = answering(b"");
    assert!(AdderClient::nothing(&mut client(&address)).is_ok());
    assert_eq!(server.join().unwrap(), ("worker_api::Adder::nothing".to_owned(), Vec::new()));

    let (address, server) = answering(b"some");
    assert_eq!(others::Named::coded(&mut client(&address), b"5").unwrap(), "some");
    assert_eq!(server.join().unwrap(), ("worker_api::others::Other::coded".to_owned(), b"5".to_vec()));
    assert_eq!(others::SilentClient(1).0, 1);

    let (address, server) = answering(b"six");
    let error = AdderClient::add(&mut client(&address), &Sum { of: Vec::new() }).unwrap_err().to_string();
    assert_eq!(
        error,
        "function worker_api::Adder::add: its result is not of the type expected: expected value at line 1 column 1"
    );
    server.join().unwrap();
}
