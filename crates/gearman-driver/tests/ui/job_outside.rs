#![allow(unused)]
use gearman_driver::prelude::*;

struct Image;

impl Image {
    #[job]
    fn scale(&self) {}
}

#[job(min_processes = 2)]
fn free() {}

fn main() {}
