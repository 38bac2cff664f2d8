#![allow(unused)]
use gearman_driver::prelude::*;

struct Image;

#[worker]
impl Image {
    #[job]
    fn scale(&self) {}
}

fn main() {}
