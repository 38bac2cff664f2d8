//! `max_age`: processes are replaced when they are old, the new ones first.

use std::collections::BTreeSet;

use gearman_testkit::Gearmand;

use super::{Notes, farm, function};

#[test]
fn old_processes_are_replaced_and_the_job_is_never_without() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let name = function("Few::many");
    let attributes = format!(
        "[job_runtime_attributes.'{name}']\nmin_processes = 2\nmax_processes = 2\nmax_age = \"1s\"\njitter = 0\n"
    );
    let farm =
        farm(&gearmand.address(), &notes).file("limits.toml", attributes).args("--configfile limits.toml").start();
    let mut console = farm.console();
    farm.wait("both", || (console.pids(&name).len() == 2).then_some(()));
    let mut seen = BTreeSet::new();
    farm.wait("six processes, one after the other", || {
        let now = console.pids(&name);
        // The old ones go when the new ones are there; a quarter of two, rounded up, may be there beyond the maximum.
        assert!((2..=3).contains(&now.len()), "{now:?}\n{}", farm.state());
        seen.extend(now);
        (seen.len() >= 6).then_some(())
    });
}
