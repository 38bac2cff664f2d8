//! docs/host-protocol.md is what people write hosts from: its examples and its table are those of this crate.
#![allow(clippy::unwrap_used, reason = "a test")]

use gearman_driver_wire::host::{FromHost, PROTOCOL_VERSION, ToHost, encode};
use gearman_driver_wire::poison;
use gearman_driver_wire::scoreboard::{AT_WORK, HANDLE, MESSAGE, TextPlace, at};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/host-protocol.md");
    std::fs::read_to_string(path).unwrap()
}

/// The lines of all `json` blocks between two headings.
fn examples(page: &str, from: &str, to: &str) -> Vec<String> {
    let section = page.split_once(from).unwrap().1.split_once(to).unwrap().0;
    let blocks = section.split("```json\n").skip(1).map(|block| block.split_once("```").unwrap().0);
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// Reads the lines and writes them again; the messages' types.
fn read_back<M: DeserializeOwned + Serialize>(lines: &[String]) -> Vec<String> {
    let each = lines.iter().map(|line| {
        let message: M = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(String::from_utf8(encode(&message)).unwrap().trim_end(), line);
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["type"].as_str().unwrap().to_owned()
    });
    each.collect()
}

#[test]
fn every_message_has_an_example_that_reads_back() {
    let page = page();
    let to_host = examples(&page, "### To the host", "### From the host");
    assert_eq!(read_back::<ToHost>(&to_host), ["describe", "load", "spawn", "stop", "kill", "exit"]);
    let from_host = examples(&page, "### From the host", "### Obligations");
    let types = ["described", "loaded", "failed", "spawned", "spawn_failed", "exited", "exited"];
    assert_eq!(read_back::<FromHost>(&from_host), types);
    assert!(page.contains(&format!("Version of this page: **{PROTOCOL_VERSION}**")));
}

#[test]
fn the_scoreboards_table_has_the_offsets_of_this_crate() {
    let page = page();
    let row = |offsets: &[usize], what: &str| {
        let offsets: Vec<_> = offsets.iter().map(ToString::to_string).collect();
        let row = format!("\n| {} | {what}", offsets.join(", "));
        assert!(page.contains(&row), "no row {row:?}");
    };
    row(&[at::PID], "PID");
    row(&[at::PROCESS], "the supervisor's number");
    row(&[at::STATE], "state: 1 starting, 2 idle, 3 busy, 4 draining");
    row(&[at::STATE_SINCE], "when the state began");
    row(&[at::DONE], "jobs answered");
    row(&[at::FAILED], "jobs that failed");
    row(&[at::LAST_RUN], "last run");
    row(&[at::LAST_ERROR], "last error: Unix time");
    row(&[at::JOB_STARTED], "when the job in hand began");
    row(&[at::FUNCTION], "the function");
    row(&[at::SERVERS], "job servers");
    row(&[at::SERVICE_MICROS], "service time of all");
    row(&[at::HISTOGRAM], "service times");
    row(&[at::AT_WORK_FUNCTION], "the function of the job at work");
    let text = |place: TextPlace, what: &str, length: &str| {
        row(&[place.at], what);
        row(&[place.length_at(0), place.length_at(1)], length);
        row(&[place.bytes_at(0), place.bytes_at(1)], &format!("the places: {} bytes each", place.capacity));
    };
    row(
        &[at::SPENT],
        "the limit of its life that the process has reached, so that it is to be replaced: 1 `max_jobs`, 2 `max_memory`",
    );
    text(MESSAGE, "last error message", "length of the message");
    text(HANDLE, "handle of the job in hand", "length of the handle");
    text(AT_WORK, "what the job at work is known by", "length of the text");
}

#[test]
fn the_list_of_poison_jobs_has_the_offsets_of_this_crate() {
    let page = page();
    let (_, section) = page.split_once("## Poison jobs").unwrap();
    assert_eq!(poison::REGION, 134_217_728);
    assert!(section.contains("from byte 134,217,728 on"));
    let (head, entries) = section.split_once("| offset in the entry |").unwrap();
    for (offset, what) in [
        (poison::VERSION, "version"),
        (poison::IN_USE, "how many entries"),
        (poison::LOGLEVEL, "the driver's `loglevel`"),
    ] {
        assert!(head.contains(&format!("| {offset} | {what}")), "{what}");
    }
    assert!(head.contains(&format!("| {} + {} × N | entry N, up to 1,000", poison::HEAD_BYTES, poison::ENTRY_BYTES)));
    assert_eq!(poison::ENTRIES, 1000);
    for (offset, what) in [
        (poison::at::NUMBER, "its number"),
        (poison::at::ANSWERED, "the number of the entry when its job was answered"),
        (poison::at::VERDICT, "1: a suspect, to be run; 2: a poison job"),
        (poison::at::KEY_LENGTH, "length of the key"),
        (poison::at::MESSAGE_LENGTH, "length of the message"),
        (poison::at::KEY, &format!("the key: {} bytes", poison::KEY_BYTES)),
        (poison::at::MESSAGE, &format!("the message: {} bytes", poison::MESSAGE_BYTES)),
    ] {
        assert!(entries.contains(&format!("| {offset} | {what}")), "{what}");
    }
    assert_eq!((poison::SUSPECT, poison::POISON), (1, 2));
}
