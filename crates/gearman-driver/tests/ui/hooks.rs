#![allow(unused)]
use gearman_driver::prelude::*;

struct New;

#[worker]
impl New {
    fn new() -> Self {
        Self
    }
}

struct NewOwned;

#[worker]
impl NewOwned {
    fn new(options: WorkerOptions) -> Self {
        Self
    }
}

struct NewNothing;

#[worker]
impl NewNothing {
    fn new(options: &WorkerOptions) {}
}

#[derive(Default)]
struct Hooks;

#[worker]
impl Hooks {
    fn prefix() -> String {
        String::new()
    }

    fn begin(&self, workload: &[u8]) {}

    async fn end(&self, job: &Job, workload: &[u8]) {}

    fn process_name(&self, original: String, job_name: &str) -> Option<String> {
        None
    }

    fn default_attributes(&mut self) -> JobAttributes {
        JobAttributes::new()
    }

    fn override_attributes(&self) {}

    fn process_start(&self) -> Result<(), Error> {
        Ok(())
    }

    fn process_stop(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[derive(Default)]
struct MoreHooks;

#[worker]
impl MoreHooks {
    fn begin(&self, job: &mut Job, workload: &[u8]) {}

    fn end(&self, job: &Job, workload: &str) {}

    fn prefix<T>(&self) -> String {
        String::new()
    }

    fn process_name(&self, original: &str, job_name: &str) {}

    unsafe fn process_stop(&mut self) {}
}

#[derive(Default)]
struct Returns;

#[worker]
impl Returns {
    fn prefix(&self) -> &'static str {
        "image_"
    }

    fn begin(&self, job: &Job, workload: &[u8]) -> bool {
        true
    }

    fn process_name(&self, original: &str, job_name: &str) -> String {
        String::new()
    }

    fn default_attributes(&self) -> (u32, u32) {
        (1, 2)
    }
}

fn main() {}
