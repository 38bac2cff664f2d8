#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

struct Opaque;
struct NoError;

#[worker]
impl Image {
    #[job]
    fn takes(&self, workload: Opaque) {}

    #[job]
    fn takes_number(&self, job: &mut Job, workload: u32) {}

    #[job]
    fn returns(&self) -> Opaque {
        Opaque
    }

    #[job]
    fn returns_number(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[job]
    fn fails(&self) -> Result<(), NoError> {
        Err(NoError)
    }

    #[job]
    fn json(&self, req: Json<Opaque>) -> Json<Opaque> {
        req
    }
}

fn main() {}
