#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job]
    fn scale(&self) {}

    #[job(name = "scale")]
    fn resize(&self) {}

    #[job(process_group = "scale")]
    fn grouped(&self) {}

    #[job(process_group = "later")]
    fn first(&self) {}

    #[job]
    fn later(&self) {}
}

fn main() {}
