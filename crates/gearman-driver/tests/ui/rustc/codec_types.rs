#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

struct Req;

#[worker]
impl Image {
    #[job(decode = "dec_yml", encode = "no_such")]
    fn missing(&self, req: Req) -> Req {
        req
    }

    fn dec_yaml(&self, workload: &[u8]) -> Req {
        Req
    }

    #[job(decode = "dec_yaml")]
    fn other_type(&self, req: String) -> String {
        req
    }

    #[job(decode)]
    fn bare(&self) {}
}

#[derive(Default)]
struct Bad;

#[worker]
impl Bad {
    #[job(decode = "dec", encode = "enc")]
    fn job(&self, number: u32) -> u32 {
        number
    }

    fn dec(&self, workload: &[u8]) -> Result<u32, Req> {
        Err(Req)
    }

    fn enc(&self, number: u32) -> u32 {
        number
    }
}

fn main() {}
