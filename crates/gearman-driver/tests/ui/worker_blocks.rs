#![allow(unused)]
use gearman_driver::prelude::*;

struct Generic<T>(T);

#[worker]
impl<T> Generic<T> {
    #[job]
    fn job(&self) {}
}

#[worker]
impl Generic<u8> {
    #[job]
    fn job_of_bytes(&self) {}
}

struct Image;

#[worker]
impl Clone for Image {
    fn clone(&self) -> Self {
        Image
    }
}

trait Shape {}

#[worker]
impl dyn Shape {}

#[worker]
struct Marked;

#[worker(min_processes = 2)]
impl Image {}

#[worker(endcode = "x")]
impl Image {}

#[worker(client = 1)]
impl Image {}

#[worker(client = "two words")]
impl Image {}

fn main() {}
