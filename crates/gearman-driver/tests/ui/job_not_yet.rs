#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job(timeout = "30s", max_idle_time = "5m")]
    fn slow(&self) {}

    #[job(concurrency = 32)]
    async fn fetch(&self) {}

    #[job(prefetch = 8, max_jobs = 1, max_age = "1h", max_memory = "1G", jitter = 0, drain_timeout = "1s")]
    fn more(&self) {}

    #[job]
    async fn asynchronous(&self) {}
}

fn main() {}
