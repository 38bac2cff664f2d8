#![allow(unused)]
use gearman_driver::prelude::*;

struct Image;

fn main() {
    let _ = TestWorker::<Image>::new(WorkerOptions::new());
}
