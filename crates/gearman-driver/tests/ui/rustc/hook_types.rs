#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

struct NoError;
type Aliased = Image;

#[worker]
impl Image {
    fn prefix(&self) -> Aliased {
        Image
    }

    fn begin(&self, job: &Job, workload: &[u8]) -> Image {
        Image
    }

    fn end(&self, job: &Image, workload: &[u8]) {}

    fn process_name(&self, original: &str, job_name: &str) -> Aliased {
        Image
    }

    fn default_attributes(&self) -> Image {
        Image
    }

    fn process_start(&mut self) -> Result<(), NoError> {
        Ok(())
    }
}

struct Other;

#[worker]
impl Other {
    fn new(options: &WorkerOptions) -> Image {
        Image
    }
}

fn main() {}
