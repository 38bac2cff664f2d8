//! What a job says to its client while it runs, and to other jobs.

use e2e::{ServerKind, on_both_job_servers};
use gearman_protocol::PacketType::{WorkComplete, WorkData, WorkFail, WorkStatus, WorkWarning};

use crate::Site;
use crate::wire::packets;

// Not on both, but with gearmand alone: the environment is the driver's matter.
on_both_job_servers! {
    status_data_and_warnings_reach_the_client_in_order,
    a_job_has_other_jobs_done,
}

fn status_data_and_warnings_reach_the_client_in_order(kind: ServerKind) {
    let site = Site::on(kind);
    let _farm = site.farm("clients").start();
    let told = packets(&site, "workers_farm::clients::Clients::talk", b"12345", false);
    let told: Vec<_> = told.iter().map(|(kind, data)| (*kind, data.as_str())).collect();
    let result = format!("a-unique {} 5", site.server.address());
    assert_eq!(
        told,
        [
            (WorkStatus, "1\x004"),
            (WorkData, "part\0one"),
            (WorkWarning, "careful"),
            (WorkStatus, "4\x004"),
            (WorkComplete, result.as_str())
        ]
    );
}

fn a_job_has_other_jobs_done(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("clients").start();
    let outer = "workers_farm::clients::Clients::outer";
    assert_eq!(site.run(outer, "x"), "outer inner x");
    farm.wait("the background job is done", || (site.count("noted x") == 1).then_some(()));
    // Again, over the connection that it has by now.
    assert_eq!(site.run(outer, "y"), "outer inner y");
    let told = packets(&site, outer, b"fail", false);
    assert_eq!((told[0].0, told[1].0, told.len()), (WorkWarning, WorkFail, 2));
    assert!(told[0].1.contains("inner fails on purpose"), "{told:?}");
    assert!(told[0].1.contains("workers_farm::clients::Clients::inner"), "{told:?}");
}

#[test]
fn children_of_a_job_inherit_the_operators_environment_and_nothing_of_the_drivers() {
    let site = Site::new();
    let _farm = site.farm("clients").env("GREETING", "hello").start();
    let inherited = site.run("workers_farm::clients::Clients::inherited", "");
    let lines: Vec<_> = inherited.lines().collect();
    assert!(lines.contains(&"GREETING=hello"), "{inherited}");
    assert!(lines.contains(&"PATH"), "{inherited}");
    assert!(!inherited.contains("GEARMAN_DRIVER"), "{inherited}");
    for signals in ["SigBlk:\t", "SigIgn:\t"] {
        let mask = lines.iter().find_map(|line| line.strip_prefix(signals)).unwrap();
        let mask = u64::from_str_radix(mask, 16).unwrap();
        // Of the signals that have names; 32 and up are left as whoever started the test has them.
        assert_eq!(mask & 0x7fff_ffff, 0, "{signals}{mask:x}");
    }
}
