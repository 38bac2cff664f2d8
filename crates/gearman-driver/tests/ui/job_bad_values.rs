#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job(min_processes = "2")]
    fn text(&self) {}

    #[job(max_processes = 65536)]
    fn large(&self) {}

    #[job(max_processes = -1)]
    fn negative(&self) {}

    #[job(min_processes(2))]
    fn originals(&self) {}

    #[job(name = "with space")]
    fn space(&self) {}

    #[job(process_group = "")]
    fn empty(&self) {}

    #[job(decode = 1)]
    fn number(&self) {}

    #[job(decode = "not a method")]
    fn words(&self) {}

    #[job(exceptions = "yes")]
    fn flag(&self) {}

    #[job(max_idle_time = "5min")]
    fn unit(&self) {}

    #[job(max_idle_time)]
    fn no_time(&self) {}

    #[job(concurrency = 0)]
    async fn none(&self) {}

    #[job(concurrency = 8)]
    fn synchronous(&self) {}

    #[job = "name"]
    fn assigned(&self) {}

    #[job]
    #[job]
    fn twice(&self) {}
}

fn main() {}
