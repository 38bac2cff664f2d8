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

    #[job = "name"]
    fn assigned(&self) {}

    #[job]
    #[job]
    fn twice(&self) {}
}

fn main() {}
