#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job]
    fn one(&self) {}
}

#[worker]
impl Image {
    #[job]
    fn two(&self) {}
}

fn main() {}
