#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job]
    fn end(&self, job: &mut Job, workload: &[u8]) -> String {
        String::new()
    }

    #[job]
    fn new(options: &WorkerOptions) -> Self {
        Image
    }
}

fn main() {}
