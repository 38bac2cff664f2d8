#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job]
    fn no_self() {}

    #[job]
    fn mutable(&mut self) {}

    #[job]
    fn by_value(self) {}

    #[job]
    fn owned_job(&self, job: Job) {}

    #[job]
    fn swapped(&self, workload: &[u8], job: &mut Job) {}

    #[job]
    fn too_many(&self, job: &mut Job, workload: &[u8], more: u32) {}

    #[job]
    fn generic<T>(&self, workload: T) {}

    #[job]
    fn implicit(&self, workload: impl AsRef<[u8]>) {}

    #[job]
    unsafe fn dangerous(&self) {}

    #[job]
    const NOTHING: u32 = 0;
}

fn main() {}
