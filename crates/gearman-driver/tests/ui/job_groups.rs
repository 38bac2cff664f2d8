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
}

fn main() {}
