#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job(prefetch = 8)]
    fn more(&self) {}
}

fn main() {}
