//! `cargo xtask test`: every test of the workspace, on a machine that has only the Rust toolchain.
//!
//! Decides the order (packages, binaries, tests, doc tests) and closes with the counts. Which tests
//! there are and how long one may take is nextest's configuration (`.config/nextest.toml`).

use std::fmt;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::command::{Watch, cargo, has_cargo_subcommand, run, run_watched};
use crate::packages;

/// How many tests passed, failed and were not run.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
    took: Duration,
}

impl Summary {
    /// Reads one line of a runner's output; any but a summary is passed over.
    fn see(&mut self, line: &str) {
        if let Some(counts) = counts(line) {
            self.passed += counts.passed;
            self.failed += counts.failed;
            self.skipped += counts.skipped;
        }
    }

    /// The whole in one summary, for the last lines of the run: tests and doc tests have one each,
    /// `cargo test` even one per binary.
    pub(crate) fn print(&self) {
        print!("{self}");
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped, took } = self;
        let seconds = took.as_secs_f64();
        write!(f, "     Summary [{seconds:>8.3}s] {} tests run: {passed} passed", passed + failed)?;
        if *failed > 0 {
            write!(f, ", {failed} failed")?;
        }
        writeln!(f, ", {skipped} skipped")?;
        writeln!(f, "{passed} passed, {failed} failed")
    }
}

/// The counts in nextest's `Summary [ 1.2s] 7 tests run: 5 passed (1 slow), 2 failed, 3 skipped`
/// or in cargo's `test result: ok. 5 passed; 2 failed; 0 ignored; ..`.
///
/// A test that timed out or could not be run counts as failed.
fn counts(line: &str) -> Option<Summary> {
    let line = line.trim();
    let counts = if let Some(at) = line.find(" tests run: ").or_else(|| line.find(" test run: ")) {
        line.starts_with("Summary [").then(|| line[at..].split_once(": "))??.1
    } else {
        line.strip_prefix("test result: ")?.split_once(". ")?.1
    };
    let mut sum = Summary::default();
    for part in counts.split([',', ';', '(']) {
        let mut words = part.split_whitespace();
        let (Some(number), Some(word)) = (words.next().and_then(|n| n.parse::<u64>().ok()), words.next()) else {
            continue;
        };
        match word.trim_end_matches(')') {
            "passed" => sum.passed += number,
            // nextest: `exec failed` and `timed out` stand beside `failed`.
            "failed" | "exec" | "timed" => sum.failed += number,
            "skipped" | "ignored" => sum.skipped += number,
            _ => {}
        }
    }
    Some(sum)
}

/// The task: runs everything, prints the summary last.
pub(crate) fn task() -> Result<(), Failure> {
    let (summary, outcome) = run_all()?;
    summary.print();
    outcome
}

/// Runs everything. The outer failure is one that kept tests from being run at all.
pub(crate) fn run_all() -> Result<(Summary, Result<(), Failure>), Failure> {
    packages::ensure()?;
    // Tests start the command and the examples as programs.
    run(&mut cargo(&["build", "--workspace", "--bins", "--examples"]))?;

    let mut summary = Summary::default();
    let start = Instant::now();
    let nextest = has_cargo_subcommand("nextest");
    let tests = if nextest {
        run_watched(
            &mut cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=pass"]),
            Watch::Stderr,
            |line| {
                summary.see(line);
            },
        )?
    } else {
        eprintln!("xtask: cargo-nextest is not installed; using cargo test");
        run_watched(
            &mut cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"]),
            Watch::Stdout,
            |line| {
                summary.see(line);
            },
        )?
    };
    let doc_tests =
        run_watched(&mut cargo(&["test", "--workspace", "--no-fail-fast", "--doc"]), Watch::Stdout, |line| {
            summary.see(line);
        })?;

    summary.took = start.elapsed();
    let outcome = match (tests, doc_tests) {
        (true, true) if summary.failed == 0 => Ok(()),
        (true, true) => Err(Failure::new(format!("{} tests failed", summary.failed))),
        (false, true) => Err(Failure::new("the tests failed")),
        (true, false) => Err(Failure::new("the doc tests failed")),
        (false, false) => Err(Failure::new("the tests and the doc tests failed")),
    };
    Ok((summary, outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(passed: u64, failed: u64, skipped: u64) -> Summary {
        Summary { passed, failed, skipped, took: Duration::ZERO }
    }

    #[test]
    fn nextest_summaries_are_read() {
        let line = "     Summary [   1.234s] 9 tests run: 5 passed (1 slow, 1 flaky), 2 failed, \
            1 exec failed, 1 timed out, 3 skipped\n";
        assert_eq!(counts(line), Some(sum(5, 4, 3)));
        let line = "     Summary [   0.004s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(counts(line), Some(sum(1, 0, 0)));
    }

    #[test]
    fn cargo_summaries_are_read() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; \
            0 filtered out; finished in 0.00s";
        assert_eq!(counts(line), Some(sum(12, 1, 2)));
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in ["", "test a::b ... ok", "Summary", "test result: ", "hello: 3 tests run: no"] {
            assert_eq!(counts(line), None, "{line}");
        }
    }

    #[test]
    fn several_runs_add_up_to_one_summary() {
        let mut summary = Summary::default();
        summary.see("     Summary [   0.004s] 3 tests run: 3 passed, 0 skipped\n");
        summary.see("test result: ok. 4 passed; 1 failed; 2 ignored\n");
        summary.see("chatter\n");
        assert_eq!(
            summary.to_string(),
            "     Summary [   0.000s] 8 tests run: 7 passed, 1 failed, 2 skipped\n7 passed, 1 failed\n"
        );
        assert_eq!(counts(summary.to_string().lines().next().unwrap()), Some(sum(7, 1, 2)));
    }
}
