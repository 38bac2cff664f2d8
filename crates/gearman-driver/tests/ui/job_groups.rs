#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job(process_group = "group", concurrency = 2, max_idle_time = 1)]
    async fn one(&self) {}

    #[job(process_group = "group", concurrency = 2, max_idle_time = "1s")]
    async fn two(&self) {}

    #[job(process_group = "limits", timeout = 1, max_jobs = 1, max_age = 1, max_memory = "2MB", jitter = 0, drain_timeout = 1)]
    fn three(&self) {}

    #[job(process_group = "limits", timeout = 2, max_jobs = 2, max_age = 2, max_memory = "2MB", jitter = 1, drain_timeout = 2)]
    fn four(&self) {}
}

fn main() {}
