#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job(timeout = 0)]
    fn no_time(&self) {}

    #[job(timeout = "soon")]
    fn words(&self) {}

    #[job(max_jobs = 0)]
    fn no_jobs(&self) {}

    #[job(max_jobs = "many")]
    fn many(&self) {}

    #[job(max_age = "0s")]
    fn no_age(&self) {}

    #[job(max_memory = "4kB")]
    fn little(&self) {}

    #[job(max_memory = "1G")]
    fn unit(&self) {}

    #[job(jitter = 1.5)]
    fn more_than_all(&self) {}

    #[job(jitter = "10%")]
    fn percent(&self) {}

    #[job(drain_timeout)]
    fn no_value(&self) {}

    // These are fine.
    #[job(timeout = "30s", max_jobs = 1, max_age = 1.5, max_memory = 1048576, jitter = 0, drain_timeout = 0)]
    fn fine(&self) {}
}

fn main() {}
