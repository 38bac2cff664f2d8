//! A module whose path begins as another's, without lying below it.
use gearman_driver::prelude::*;

#[derive(Default)]
pub(crate) struct Beside;

#[worker]
impl Beside {
    #[job]
    fn beside(&self) {}
}
