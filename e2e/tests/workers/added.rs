//! Jobs without macros.

use e2e::{ServerKind, on_both_job_servers};
use gearman_protocol::PacketType::{WorkFail, WorkWarning};

use crate::Site;
use crate::wire::packets;

// Not on both, but with gearmand alone: who serves side by side is the driver's matter.
on_both_job_servers! {
    added_jobs_are_served_under_their_names,
}

fn added_jobs_are_served_under_their_names(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("").env("FARM_ADDED", "1").args("--interval 0.1").start();
    let rows = farm.console().ask("list");
    assert_eq!(rows, ["added_pid", "greeter"]);
    let row = farm.console().row("greeter");
    assert_eq!((row.min, row.max), (1, 2));
    assert_eq!(site.run("greet", "you"), "<hello YOU in greet>");
    assert_eq!(site.notes(), ["added begin you", "added end"]);
    assert_eq!(
        packets(&site, "fail", b"", false),
        [(WorkWarning, "failed on purpose".to_owned()), (WorkFail, String::new())]
    );
    let pid: u32 = site.run("added_pid", "").parse().unwrap();
    assert_ne!(pid, farm.host());
}

#[test]
fn added_jobs_and_workers_of_namespaces_are_served_side_by_side() {
    let site = Site::new();
    let farm = site.farm("names_beside").env("FARM_ADDED", "1").start();
    assert_eq!(farm.console().ask("list"), ["added_pid", "greeter", "workers_farm::names_beside::Beside::beside"]);
    assert_eq!(site.run("workers_farm::names_beside::Beside::beside", ""), "");
    assert_eq!(site.run("greet", "you"), "<hello YOU in greet>");
}
