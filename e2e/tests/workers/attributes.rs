//! Who sets bounds and options, and who wins.

use e2e::Farm;

use crate::Site;

fn bounds(farm: &Farm) -> Vec<String> {
    let rows = farm.console().ask("status");
    rows.iter()
        .filter(|row| !row.contains("::Options::"))
        .map(|row| row.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn defaults_fill_and_overrides_win() {
    let site = Site::new();
    let farm = site.farm("attributes").start();
    assert_eq!(
        bounds(&farm),
        [
            "console_name_by_console_name 0 5",
            "console_name_overridden 0 5",
            "workers_farm::attributes::Defaults::by_type_path 0 4",
            "workers_farm::attributes::Defaults::grouped 0 6",
            "workers_farm::attributes::Defaults::open 0 4",
            "workers_farm::attributes::Defaults::own_min 1 4",
        ]
    );
    assert_eq!(
        site.run("workers_farm::attributes::Options::options", ""),
        format!("None None {}", site.server.address())
    );
}

#[test]
fn the_operator_wins_over_the_code_and_the_workers_options_over_global() {
    let site = Site::new();
    let farm = site.farm("attributes").env("FARM_OPTIONS", "1").start();
    assert_eq!(
        bounds(&farm),
        [
            "console_name_by_console_name 0 9",
            "console_name_overridden 0 5",
            "workers_farm::attributes::Defaults::by_type_path 3 8",
            "workers_farm::attributes::Defaults::grouped 2 6",
            "workers_farm::attributes::Defaults::open 0 4",
            "workers_farm::attributes::Defaults::own_min 1 4",
        ]
    );
    let mut console = farm.console();
    farm.wait("as many processes as the operator says", || {
        let of = |job: &str| format!("workers_farm::attributes::Defaults::{job}");
        (console.pids(&of("by_type_path")).len() == 3 && console.pids(&of("grouped")).len() == 2).then_some(())
    });
    let options = site.run("workers_farm::attributes::Options::options", "");
    assert_eq!(options, format!("Some(\"grey\") Some(7) {}", site.server.address()));
}

#[test]
fn a_config_file_wins_over_the_builder() {
    let site = Site::new();
    let config = r#"
[worker_options.GLOBAL]
colour = "green"

[worker_options."workers_farm::attributes::Options"]
size = 8

[job_runtime_attributes."workers_farm::attributes::Defaults::by_type_path"]
min_processes = 0

[job_runtime_attributes."workers_farm::attributes::Defaults::no_such_job"]
min_processes = 5
"#;
    std::fs::write(site.path("farm.toml"), config).unwrap();
    let farm = site
        .farm("attributes")
        .env("FARM_OPTIONS", "1")
        .arg("--configfile")
        .arg(site.path("farm.toml").display().to_string())
        .start();
    assert!(
        bounds(&farm).contains(&"workers_farm::attributes::Defaults::by_type_path 0 8".to_owned()),
        "{:?}",
        bounds(&farm)
    );
    let options = site.run("workers_farm::attributes::Options::options", "");
    assert_eq!(options, format!("Some(\"green\") Some(8) {}", site.server.address()));
    let _ = farm.wait_log("no_such_job");
}
