//! A short run of the `chaos` program: see its documentation. The long one is run by hand.

use std::process::{Command, Stdio};

/// A few thousand jobs, and at least some of everything that is done to drivers and job servers.
const ARGUMENTS: [&str; 10] = ["--jobs", "4000", "--seed", "6", "--kills", "20", "--reloads", "0", "--restarts", "2"];

#[test]
fn no_job_is_lost_in_a_short_run() {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos")).args(ARGUMENTS).stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let [jobs, done, twice, explained, failed, lost] = numbers(stdout.lines().last().unwrap());
    assert_eq!((jobs, lost, explained), (4000, 0, twice), "{stdout}");
    // A job that meets three kills is neither.
    assert!(failed > 0 && done > failed && (3998..=4000).contains(&(done + failed)), "{stdout}");
}

/// The numbers of the last line, which other programs read too.
fn numbers(line: &str) -> [u32; 6] {
    let words = line.split(|character: char| !character.is_ascii_digit());
    let numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
    let numbers: [u32; 6] = numbers.try_into().unwrap_or_else(|_| panic!("{line:?}"));
    let [jobs, done, twice, explained, failed, lost] = numbers;
    assert_eq!(
        line,
        format!(
            "jobs {jobs}, done {done}, done twice {twice} (explained {explained}), failed on purpose {failed}, lost {lost}"
        )
    );
    numbers
}
