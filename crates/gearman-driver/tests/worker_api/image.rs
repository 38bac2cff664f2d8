//! The worker of the guide.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use gearman_driver::Sent;
use gearman_driver::prelude::*;
use serde::{Deserialize, Serialize};

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

fn image() -> TestWorker<Image> {
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
    let missing = TestWorker::<Image>::new(WorkerOptions::new()).map(drop).unwrap_err().to_string();
    assert!(missing.contains("option \"model\" is missing"), "{missing}");
}
