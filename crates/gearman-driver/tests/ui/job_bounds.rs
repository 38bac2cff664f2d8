#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job(min_processes = 5, max_processes = 2)]
    fn crossed(&self) {}

    #[job(process_group = "twice", min_processes = 1)]
    fn one(&self) {}

    #[job(process_group = "twice", min_processes = 2)]
    fn two(&self) {}

    #[job(process_group = "crossed_group", min_processes = 3)]
    fn three(&self) {}

    #[job(process_group = "crossed_group", max_processes = 2)]
    fn four(&self) {}
}

fn main() {}
