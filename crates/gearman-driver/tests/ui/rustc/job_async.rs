#![allow(unused)]
use gearman_driver::prelude::*;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    // No result of a job.
    #[job]
    async fn number(&self) -> u32 {
        1
    }

    // No workload.
    #[job]
    async fn takes(&self, number: u32) {}

    // A job stays on its thread.
    #[job]
    async fn spawns(&self, job: &mut Job) -> Result<(), Error> {
        tokio::spawn(async move { job.send_status(1, 2) });
        Ok(())
    }
}

fn main() {}
