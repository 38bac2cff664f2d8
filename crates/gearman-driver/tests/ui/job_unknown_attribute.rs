#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job(min_proceses = 2)]
    fn near(&self) {}

    #[job(MinProcesses = 2)]
    fn originals(&self) {}

    #[job(colour = "red", name = "a", name = "b")]
    fn far(&self) {}
}

fn main() {}
