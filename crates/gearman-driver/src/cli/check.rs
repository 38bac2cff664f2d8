//! The subcommand `check`: what the worker code holds, and whether a function has gone.
//!
//! A function's name is made of its module's path, its type and its method, so that moving a module gives it another
//! name, and the jobs that wait under the old one are never done. `check --write FILE` keeps the names, `check --against
//! FILE` compares.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use gearman_driver_supervisor::Setup;

use crate::driver::say;

/// What is to be done with the functions' names, besides showing them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Compare them with this file.
    pub(crate) against: Option<PathBuf>,
    /// Write them to this file.
    pub(crate) write: Option<PathBuf>,
}

/// The subcommand as clap sees it, without options of the driver.
pub(super) fn command() -> Command {
    let file = |name| Arg::new(name).long(name).value_name("FILE").value_parser(clap::value_parser!(PathBuf));
    Command::new("check")
        .about("Load everything, list the jobs, touch nothing")
        .arg(file("against").help("Fail when a function named in this file has gone; say which ones are new"))
        .arg(file("write").help("Write the functions' names to this file, for --against"))
}

impl Names {
    /// What stands behind the subcommand.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let file = |option| matches.get_one::<PathBuf>(option).cloned();
        Self { against: file("against"), write: file("write") }
    }
}

/// Loads everything, and touches nothing else. The exit code: 1 when a function has gone.
pub(crate) fn check(setup: Setup, names: &Names) -> Result<u8, String> {
    let warn = |warnings: &[String]| warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    // First, since they may be why loading fails.
    warn(&setup.config.warnings());
    let checked = gearman_driver_supervisor::check(setup).map_err(|error| error.to_string())?;
    warn(&checked.warnings);
    let mut text = String::new();
    for job in &checked.jobs {
        text.push_str(&format!(
            "{}  min_processes {}  max_processes {}\n",
            job.name,
            job.limits.min(),
            job.limits.max()
        ));
        for function in job.functions.iter().filter(|function| **function != job.name) {
            text.push_str(&format!("    {function}\n"));
        }
    }
    // A closed pipe (`| head`) is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());

    let functions: BTreeSet<&str> = checked.jobs.iter().flat_map(|job| &job.functions).map(String::as_str).collect();
    let mut code = 0;
    if let Some(file) = &names.against {
        let known = std::fs::read_to_string(file)
            .map_err(|error| format!("--against {}: {error}; `check --write {0}` makes the file", file.display()))?;
        let comparison = compare(&functions, &known, file);
        for line in &comparison.lines {
            say(line);
        }
        code = u8::from(comparison.gone);
    }
    if let Some(file) = &names.write {
        std::fs::write(file, list(&functions)).map_err(|error| format!("--write {}: {error}", file.display()))?;
    }
    Ok(code)
}

const HEAD: &str =
    "# Functions of this program, written by `check --write`; `check --against` tells when one has gone.\n";

fn list(functions: &BTreeSet<&str>) -> String {
    functions.iter().fold(HEAD.to_owned(), |text, function| text + function + "\n")
}

struct Comparison {
    lines: Vec<String>,
    gone: bool,
}

fn compare(functions: &BTreeSet<&str>, known: &str, file: &Path) -> Comparison {
    let known: BTreeSet<&str> =
        known.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut lines = Vec::new();
    let new: Vec<&str> = functions.difference(&known).copied().collect();
    for gone in known.difference(functions) {
        let last = |name: &str| name.rsplit("::").next().unwrap_or_default().to_owned();
        let moved = new.iter().find(|new| last(new) == last(gone));
        let moved = moved.map_or(String::new(), |new| format!(" (is it {new} now?)"));
        lines.push(format!(
            "function {gone} is gone{moved}: jobs that wait for it would never be done. Keep its name \
             (`fn prefix`, `#[job(name = \"..\")]`), or take it out of {} once its queue is empty",
            file.display()
        ));
    }
    let gone = !lines.is_empty();
    lines.extend(new.iter().map(|new| format!("function {new} is new: it is not in {}", file.display())));
    Comparison { lines, gone }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(functions: &[&str], known: &str) -> (bool, String) {
        let comparison = compare(&functions.iter().copied().collect(), known, Path::new("functions.txt"));
        (comparison.gone, comparison.lines.join("\n"))
    }

    #[test]
    fn what_has_gone_is_told_with_what_it_may_be_now() {
        let (gone, told) =
            told(&["a::new::Image::scale", "a::Other::same"], "a::Image::scale\na::Other::same\na::Old::x\n");
        assert!(gone);
        insta::assert_snapshot!(told, @r#"
        function a::Image::scale is gone (is it a::new::Image::scale now?): jobs that wait for it would never be done. Keep its name (`fn prefix`, `#[job(name = "..")]`), or take it out of functions.txt once its queue is empty
        function a::Old::x is gone: jobs that wait for it would never be done. Keep its name (`fn prefix`, `#[job(name = "..")]`), or take it out of functions.txt once its queue is empty
        function a::new::Image::scale is new: it is not in functions.txt
        "#);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let functions = ["a::Image::scale", "b"];
        assert_eq!(told(&functions, &list(&functions.into_iter().collect())), (false, String::new()));
        assert_eq!(told(&["a", "b"], " a \r\n\n# b\n").1, "function b is new: it is not in functions.txt");
    }
}
