//! `cargo xtask ci`: all that must hold before a change is merged.
//!
//! Decides which checks there are and runs them all, also after one has failed, so that one run
//! shows everything. The counts of the tests are the last lines.

use std::process::Command;
use std::time::Instant;

use crate::command::{cargo, has_cargo_subcommand, output, root, run};
use crate::test::Summary;
use crate::{Failure, arrows, dependencies, publish, test};

/// How a check ended.
enum Outcome {
    Passed,
    Skipped(&'static str),
    Failed(Failure),
}

impl From<Result<(), Failure>> for Outcome {
    fn from(result: Result<(), Failure>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// The task: every check, then what came of each.
pub(crate) fn task() -> Result<(), Failure> {
    let mut report = Report::default();
    report.check("format", || run(&mut cargo(&["fmt", "--all", "--check"])).into());
    report.check("arrows", || arrows::task().into());
    report.check("dependencies explained", || dependencies::check().into());
    report.check("lints", || {
        let words = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        run(&mut cargo(&words)).into()
    });
    report.check("lints without features", || without_features().into());
    report.check("docs", || {
        let mut command = cargo(&["doc", "--workspace", "--lib", "--no-deps"]);
        // A module's documentation may point to its private items: those who read it read the code.
        run(command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links")).into()
    });
    report.check("licences and sources", deny);
    report.check("packages", || publish::task(publish::Build::No).into());
    let mut summary = None;
    report.check("tests", || tests(&mut summary).into());
    report.check("generated docs", generated_docs);

    report.print();
    if let Some(summary) = summary {
        summary.print();
    }
    report.outcome()
}

/// The crates that have features of their own as they are with the fewest.
fn without_features() -> Result<(), Failure> {
    for name in ["gearman-driver", "gearman-driver-cli"] {
        let words = ["clippy", "-p", name, "--no-default-features", "--all-targets", "--", "-D", "warnings"];
        run(&mut cargo(&words))?;
    }
    Ok(())
}

fn tests(summary: &mut Option<Summary>) -> Result<(), Failure> {
    let (counts, outcome) = test::run_all()?;
    *summary = Some(counts);
    outcome
}

/// What `deny.toml` allows. Advisories are left out: they change without us, and need the network.
fn deny() -> Outcome {
    if !has_cargo_subcommand("deny") {
        return Outcome::Skipped("cargo-deny is not installed (cargo install --locked cargo-deny)");
    }
    run(&mut cargo(&["deny", "--workspace", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])).into()
}

/// Some tests write documentation (docs/console.md is a transcript): it must be committed as written.
fn generated_docs() -> Outcome {
    if output(&mut git(&["rev-parse", "--is-inside-work-tree"])).is_err() {
        return Outcome::Skipped("this is no git checkout");
    }
    match output(&mut git(&["status", "--porcelain", "--untracked-files=all", "--", "docs"])) {
        Err(failure) => Outcome::Failed(failure),
        Ok(changed) if changed.trim().is_empty() => Outcome::Passed,
        Ok(changed) => {
            // For the reader only: whether there is a difference has been decided.
            let _ = run(&mut git(&["--no-pager", "diff", "--", "docs"]));
            Outcome::Failed(Failure::new(format!(
                "docs/ is not as committed; if the tests wrote it, commit it:\n{}",
                changed.trim_end()
            )))
        }
    }
}

fn git(words: &[&str]) -> Command {
    let mut command = Command::new("git");
    // A checkout that another user owns (root in a container) is fine to read.
    command.args(["-c", "safe.directory=*"]).args(words).current_dir(root());
    command
}

/// What came of each check so far.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    failed: Vec<&'static str>,
}

impl Report {
    fn check(&mut self, name: &'static str, check: impl FnOnce() -> Outcome) {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let outcome = check();
        let seconds = start.elapsed().as_secs();
        let word = match outcome {
            Outcome::Passed => format!("passed ({seconds} s)"),
            Outcome::Skipped(why) => {
                eprintln!("xtask: {name} skipped: {why}");
                format!("skipped: {why}")
            }
            Outcome::Failed(failure) => {
                eprintln!("xtask: {failure}");
                self.failed.push(name);
                format!("FAILED ({seconds} s)")
            }
        };
        self.lines.push(format!("  {name:<24} {word}"));
    }

    fn print(&self) {
        println!("\nchecks:\n{}\n", self.lines.join("\n"));
    }

    fn outcome(&self) -> Result<(), Failure> {
        if self.failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("failed: {}", self.failed.join(", ")))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_fails_the_whole_and_the_others_still_run() {
        let mut report = Report::default();
        report.check("one", || Outcome::Failed(Failure::new("bad")));
        report.check("two", || Outcome::Passed);
        report.check("three", || Outcome::Skipped("no tool"));
        assert_eq!(report.outcome().unwrap_err().0, "failed: one");
        assert_eq!(report.lines.len(), 3);
        assert!(report.lines[2].ends_with("skipped: no tool"));
    }
}
