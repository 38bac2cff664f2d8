//! Workloads and results in all their forms.
use gearman_driver::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Size {
    width: u32,
    height: u32,
}

/// Codecs by type and by name.
#[derive(Default)]
pub(crate) struct Codecs;

#[worker]
impl Codecs {
    #[job(process_group = "all")]
    fn swap(&self, Json(size): Json<Size>) -> Json<Size> {
        Json(Size { width: size.height, height: size.width })
    }

    #[job(process_group = "all", decode = "from_lines", encode = "to_lines")]
    fn sort(&self, mut lines: Vec<String>) -> Vec<String> {
        lines.sort();
        lines
    }

    fn from_lines(&self, workload: &[u8]) -> Result<Vec<String>, Error> {
        Ok(std::str::from_utf8(workload)?.lines().map(str::to_owned).collect())
    }

    fn to_lines(&self, lines: Vec<String>) -> Result<Vec<u8>, Error> {
        if lines.is_empty() { Err("nothing to encode".into()) } else { Ok(lines.join("\n").into_bytes()) }
    }

    #[job(process_group = "all")]
    fn text(&self, workload: &str) -> &'static str {
        if workload == "ping" { "pong" } else { "what?" }
    }

    #[job(process_group = "all")]
    fn nothing(&self) {}

    #[job(process_group = "all")]
    fn bytes(&self, workload: Vec<u8>) -> Vec<u8> {
        workload
    }

    fn begin(&self, _job: &Job, workload: &[u8]) {
        crate::trace(&format!("begin {}", String::from_utf8_lossy(workload)));
    }

    fn end(&self, _job: &Job, _workload: &[u8]) {
        crate::trace("end");
    }
}

/// Codecs for all methods of a worker.
#[derive(Default)]
pub(crate) struct ByWorker;

#[worker(decode = "decode", encode = "encode")]
impl ByWorker {
    #[job(process_group = "all")]
    fn negate(&self, number: i64) -> i64 {
        -number
    }

    #[job(process_group = "all", decode = "", encode = "")]
    fn raw(&self, workload: &[u8]) -> Vec<u8> {
        workload.to_vec()
    }

    fn decode(&self, workload: &[u8]) -> Result<i64, Error> {
        Ok(std::str::from_utf8(workload)?.parse()?)
    }

    fn encode(&self, number: i64) -> String {
        format!("<{number}>")
    }
}
