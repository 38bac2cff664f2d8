//! Process groups.
use std::time::Duration;

use gearman_driver::prelude::*;

#[derive(Default)]
pub(crate) struct Pair;

#[worker]
impl Pair {
    #[job(process_group = "pair", min_processes = 1, max_processes = 1)]
    fn left(&self) -> String {
        std::process::id().to_string()
    }

    #[job(process_group = "pair")]
    fn right(&self) -> String {
        std::process::id().to_string()
    }
}

#[derive(Default)]
pub(crate) struct Uneven;

#[worker]
impl Uneven {
    #[job(process_group = "uneven", min_processes = 0, max_processes = 10)]
    fn long(&self, millis: String) -> Result<String, Error> {
        let millis = millis.parse()?;
        crate::trace("long");
        std::thread::sleep(Duration::from_millis(millis));
        Ok("long".to_owned())
    }

    #[job(process_group = "uneven")]
    fn short(&self) -> String {
        std::thread::sleep(Duration::from_millis(10));
        "short".to_owned()
    }
}
