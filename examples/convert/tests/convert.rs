//! The program as its users run it, against a real gearmand: driver, host and worker processes included.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use gearman_testkit::Gearmand;

fn convert(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_convert")).args(arguments).output().expect("the program was built and starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn results(folder: &Path) -> usize {
    fs::read_dir(folder.join("converted")).map_or(0, Iterator::count)
}

#[test]
fn a_folder_is_converted_and_what_is_no_image_is_told() {
    let gearmand = Gearmand::start();
    let there = tempfile::tempdir().unwrap();
    let folder = there.path().to_str().unwrap();
    let made = convert(&["--generate", "8", folder]);
    assert!(made.status.success(), "{}", text(&made.stderr));

    let run = convert(&["--server", &gearmand.address(), folder]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(text(&run.stdout).starts_with("converted 8 images, 0 failed, in "), "{}", text(&run.stdout));
    for file in fs::read_dir(there.path().join("converted")).unwrap() {
        let file = file.unwrap().path();
        image::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    assert_eq!(results(there.path()), 16);

    let again = convert(&["--server", &gearmand.address(), folder]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is there already, and 15 more"), "{}", text(&again.stderr));

    fs::write(there.path().join("notes.txt"), "no image").unwrap();
    let mixed = convert(&["--overwrite", "--server", &gearmand.address(), folder]);
    assert_eq!(mixed.status.code(), Some(1));
    assert!(text(&mixed.stdout).starts_with("converted 8 images, 1 failed, in "), "{}", text(&mixed.stdout));
    assert!(text(&mixed.stderr).contains("notes.txt: no image of a known kind"), "{}", text(&mixed.stderr));
    // The drain was complete: nobody serves these functions any more.
    assert!(gearmand.status().iter().all(|row| row.workers == 0 && row.total == 0));
}

#[test]
fn wrong_usage_and_folders_without_files_are_said() {
    assert_eq!(convert(&[]).status.code(), Some(2));
    let missing = convert(&["/no/such/folder"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).starts_with("convert: /no/such/folder: "), "{}", text(&missing.stderr));
}

#[test]
fn a_driver_that_cannot_start_ends_the_run_with_its_log() {
    let gearmand = Gearmand::start();
    let there = tempfile::tempdir().unwrap();
    fs::write(there.path().join("a.png"), "a").unwrap();
    // The job server's port is taken, so the console can't have it.
    let port = gearmand.port().to_string();
    let folder = there.path().to_str().unwrap();
    let run = convert(&["--server", &gearmand.address(), "--console-port", &port, folder]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("convert: the driver ended ("), "{}", text(&run.stderr));
}
