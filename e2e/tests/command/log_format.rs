//! `--log_format json`.

use gearman_testkit::Gearmand;
use serde_json::Value;

use crate::support::{client, farm};

const SLEEP: &str = "farm::workers::Echo::sleep";

#[test]
fn every_line_is_an_object_with_the_fields_that_are_known() {
    let server = Gearmand::start();
    let farm = farm(&server).args("--interval 0.1 --log_format json --name blue").start();
    client(&server).run(SLEEP, b"1").unwrap();
    let _ = farm.wait_log("a record of sleep");
    let _ = farm.wait_log("sleeping 1");
    // The last line may be half there.
    let log = farm.log();
    let whole = log.rsplit_once('\n').unwrap().0;
    let lines: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let find = |message: &str| {
        lines.iter().find(|line| line["message"].as_str().unwrap().contains(message)).unwrap_or_else(|| panic!("{log}"))
    };
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        let offset = &time[time.len() - 6..];
        assert!(time.len() == 29 && &time[10..11] == "T" && matches!(&offset[..1], "+" | "-"), "{time}");
        assert_eq!(line["driver"], "blue");
        assert!(line["level"].is_string() && line["category"].is_string());
    }
    let printed = find("sleeping 1");
    assert_eq!((&printed["stream"], &printed["job"]), (&"stdout".into(), &SLEEP.into()));
    assert_eq!((&printed["level"], &printed["message"]), (&"INFO".into(), &"sleeping 1".into()));
    let record = find("a record of sleep");
    assert_eq!((&record["level"], &record["job"], &record["pid"]), (&"WARN".into(), &SLEEP.into(), &printed["pid"]));
    assert!(record["handle"].as_str().unwrap().starts_with("H:") && record["stream"].is_null());
    let started = find("Process started");
    assert!(started["pid"].is_number() && started["job"].is_string());
    assert_eq!(started["category"], "Gearman::Driver");
    assert!(find("console listens on")["pid"].is_null());
}
