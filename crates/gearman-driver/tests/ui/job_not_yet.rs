#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job(timeout = "30s")]
    fn slow(&self) {}

    #[job(prefetch = 8, max_jobs = 1, max_age = "1h", max_memory = "1G", jitter = 0, drain_timeout = "1s")]
    fn more(&self) {}
}

fn main() {}
