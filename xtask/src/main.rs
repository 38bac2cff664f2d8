//! The project's own tasks, run as `cargo xtask TASK`.
//!
//! This file decides which task a word names and with what code the process ends. What a task does
//! is in its module: [`test`], [`ci`], [`arrows`], [`publish`]; [`dependencies`] is a check of `ci`, [`packages`]
//! knows what the machine must have and [`command`] how another program is run.

mod arrows;
mod ci;
mod command;
mod dependencies;
mod packages;
mod publish;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask TASK

  test     install what the tests need (or say what is missing), build, run every test
  ci       all that the merge gate looks at: format, lints, arrows, docs, licences, tests
  arrows   check that the dependencies between our crates point one way only
  package  check that the crates that are published can be packaged; with --verify, build each package
  help     this text
";

/// Why a task did not succeed: a sentence for the person who ran it.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test::task(),
        ["ci"] => ci::task(),
        ["arrows"] => arrows::task(),
        ["package"] => publish::task(publish::Build::No),
        ["package", "--verify"] => publish::task(publish::Build::Yes),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        [] => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
        other => {
            eprintln!("xtask: no task `{}`\n\n{HELP}", other.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
