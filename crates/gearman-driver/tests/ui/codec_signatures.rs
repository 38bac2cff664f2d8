#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Shapes;

#[worker(decode = "dec")]
impl Shapes {
    #[job(encode = "enc")]
    fn job(&self) {}

    fn dec(workload: &[u8]) -> String {
        String::new()
    }

    fn enc(&self, job: &Job, result: ()) -> String {
        String::new()
    }
}

#[derive(Default)]
struct Asynchronous;

#[worker]
impl Asynchronous {
    #[job(decode)]
    fn job(&self) {}

    async fn decode(&self, workload: &[u8]) {}
}

fn main() {}
