//! Asynchronous methods.

use std::cell::RefCell;
use std::rc::Rc;

use gearman_driver::prelude::*;
use gearman_driver::{JobError, Sent};

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
    async fn text(&self, _job: &mut Job, workload: &str) -> Result<String, JobError> {
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
