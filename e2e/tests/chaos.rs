//! A short run of the `chaos` program: see its documentation. The long one is run by hand.

use std::process::{Command, Stdio};

/// A few thousand jobs, and at least some of everything that is done to drivers and job servers.
const ARGUMENTS: [&str; 10] = ["--jobs", "4000", "--seed", "6", "--kills", "20", "--reloads", "0", "--restarts", "2"];

#[test]
fn no_job_is_lost_in_a_short_run() {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos")).args(ARGUMENTS).stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let [jobs, done, twice, explained, failed, poison, lost] = numbers(stdout.lines().last().unwrap());
    assert_eq!((jobs, lost, explained, done + failed + poison), (4000, 0, twice, 4000), "{stdout}");
    // Two are poison; a job that meets three kills may be taken for it.
    assert!(failed > 0 && done > failed && (2..=4).contains(&poison), "{stdout}");
    for what in ["failed on purpose at their timeout", "failed as poison, as they had to: "] {
        assert!(row(&stdout, what) > 0, "{what}: {stdout}");
    }
    for limit in ["max_jobs", "max_age", "max_memory"] {
        assert!(row(&stdout, &format!("of them recycled because of {limit}")) > 0, "{limit}: {stdout}");
    }
}

/// The number before that text in the account.
fn row(account: &str, what: &str) -> u32 {
    let row = account.lines().find_map(|line| line.trim_start().split_once("  ").filter(|row| row.1.starts_with(what)));
    row.and_then(|row| row.0.parse().ok()).unwrap_or_else(|| panic!("no row {what:?}: {account}"))
}

/// The numbers of the last line, which other programs read too.
fn numbers(line: &str) -> [u32; 7] {
    let words = line.split(|character: char| !character.is_ascii_digit());
    let numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
    let numbers: [u32; 7] = numbers.try_into().unwrap_or_else(|_| panic!("{line:?}"));
    let [jobs, done, twice, explained, failed, poison, lost] = numbers;
    assert_eq!(
        line,
        format!(
            "jobs {jobs}, done {done}, done twice {twice} (explained {explained}), failed on purpose {failed}, \
             failed as poison {poison}, lost {lost}"
        )
    );
    numbers
}
