//! Names, prefixes, namespaces, `wanted`.

use e2e::{ServerKind, on_both_job_servers};

use crate::Site;

// Not on both, but with gearmand alone: what is built is the driver's matter.
on_both_job_servers! {
    functions_are_named_by_path_prefix_and_name,
}

fn functions(site: &Site) -> Vec<String> {
    let mut names: Vec<_> = site.server.status().into_iter().map(|row| row.function).collect();
    names.sort();
    names
}

fn functions_are_named_by_path_prefix_and_name(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("names").start();
    let expected = [
        "foo_bar_job_of_prefixed",
        "workers_farm::names::Plain::plain",
        "workers_farm::names::Plain::renamed",
        "workers_farm::names::deeper::Below::below",
    ];
    // The jobs as the console names them, and the functions as the job server has them, are the same: what has no
    // `#[job]`, and what lies beside the namespace, is not among them.
    assert_eq!(farm.console().ask("list"), expected);
    farm.wait("all functions are registered", || (functions(&site) == expected).then_some(()));
    for function in &expected[..3] {
        assert_eq!(site.run(function, ""), *function);
    }
    assert!(farm.log().lines().all(|line| !line.contains("Beside")), "{}", farm.log());
}

#[test]
fn a_refused_worker_is_not_built_and_wanted_gets_type_paths() {
    let site = Site::new();
    let _farm = site.farm("names").start();
    let asked: Vec<_> =
        site.trace().into_iter().filter_map(|(_, what)| Some(what.strip_prefix("wanted ")?.to_owned())).collect();
    assert_eq!(
        asked,
        [
            "workers_farm::names::Plain",
            "workers_farm::names::Prefixed",
            "workers_farm::names::Refused",
            "workers_farm::names::deeper::Below"
        ]
    );
    assert!(site.notes().is_empty(), "{:?}", site.notes());
}

#[test]
fn a_namespace_may_name_one_type_and_several_add_up() {
    let site = Site::new();
    let farm = site.farm("names::deeper names_beside::Beside").start();
    let expected = ["workers_farm::names::deeper::Below::below", "workers_farm::names_beside::Beside::beside"];
    assert_eq!(farm.console().ask("list"), expected);
}
