//! Runs other programs from the workspace's root, and finds them.
//!
//! Decides the environment that they get: no standard input (a task never asks), colours only on a
//! terminal, and nothing of what cargo sets for `xtask` itself.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;

/// Directories that hold daemons and are not in every user's `PATH`.
const SYSTEM_DIRS: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The root of the workspace that this program was built from.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// `cargo ARGS`, by the cargo that runs us.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    // What `cargo run` set for xtask would look like a change to build scripts of other crates.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether `cargo NAME` is there, as a subcommand that somebody installed.
pub(crate) fn has_cargo_subcommand(name: &str) -> bool {
    cargo(&[name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where `program` is: in `PATH`, or where daemons live.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_DIRS.iter().map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Runs the command, its output going where ours goes. Fails unless it ends with code 0.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    announce(command);
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{}` failed ({status})", line(command)))) }
}

/// What the command prints on standard output, when it ends with code 0.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.output().map_err(|error| cannot_start(command, &error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        Err(Failure::new(format!("`{}` failed ({}): {said}", line(command), output.status)))
    }
}

/// Which of a command's two outputs [`run_watched`] reads.
#[derive(Clone, Copy)]
pub(crate) enum Watch {
    /// Standard output: where `cargo test` reports.
    Stdout,
    /// Standard error: where nextest reports.
    Stderr,
}

/// As [`run`], and hands each line of one of the outputs to `see` (without colours) while passing it
/// on. The result says whether the command ended with code 0.
pub(crate) fn run_watched(command: &mut Command, watch: Watch, mut see: impl FnMut(&str)) -> Result<bool, Failure> {
    announce(command);
    let on_terminal = match watch {
        Watch::Stdout => io::stdout().is_terminal(),
        Watch::Stderr => io::stderr().is_terminal(),
    };
    if on_terminal && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    match watch {
        Watch::Stdout => command.stdout(Stdio::piped()),
        Watch::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    match watch {
        Watch::Stdout => pass_on(child.stdout.take(), io::stdout(), &mut see),
        Watch::Stderr => pass_on(child.stderr.take(), io::stderr(), &mut see),
    }
    .map_err(|error| Failure::new(format!("reading from `{}`: {error}", line(command))))?;
    let status = child.wait().map_err(|error| Failure::new(format!("waiting for `{}`: {error}", line(command))))?;
    Ok(status.success())
}

fn pass_on(from: Option<impl io::Read>, mut to: impl Write, see: &mut impl FnMut(&str)) -> io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        to.write_all(&bytes)?;
        to.flush()?;
        see(&without_colours(&String::from_utf8_lossy(&bytes)));
    }
}

/// Takes the escape sequences out that set colours (`ESC [ .. m`).
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let sequence = &rest[at + 2..];
        match sequence.find(|c: char| c.is_ascii_alphabetic()) {
            Some(end) => rest = &sequence[end + 1..],
            None => return plain,
        }
    }
    plain.push_str(rest);
    plain
}

fn announce(command: &Command) {
    eprintln!("xtask: {}", line(command));
}

fn cannot_start(command: &Command, error: &io::Error) -> Failure {
    Failure::new(format!("`{}` does not start: {error}", line(command)))
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let mut line = name.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out_and_nothing_else() {
        assert_eq!(without_colours("\u{1b}[32;1m     Summary\u{1b}[0m [1s]\n"), "     Summary [1s]\n");
        assert_eq!(without_colours("plain [x] text"), "plain [x] text");
        assert_eq!(without_colours("cut \u{1b}[3"), "cut ");
    }

    #[test]
    fn a_failing_command_is_named_as_typed() {
        let failure = run(Command::new("/bin/false").arg("--quietly")).unwrap_err();
        assert!(failure.0.starts_with("`false --quietly` failed"), "{failure}");
        let failure = run(&mut Command::new("/no/such/program")).unwrap_err();
        assert!(failure.0.starts_with("`program` does not start"), "{failure}");
    }

    #[test]
    fn watched_lines_are_seen_in_order() {
        let mut seen = Vec::new();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "printf 'one\\ntwo' ; exit 3"]);
        let good = run_watched(&mut command, Watch::Stdout, |line| {
            seen.push(line.trim_end().to_owned());
        });
        assert!(!good.unwrap());
        assert_eq!(seen, ["one", "two"]);
    }
}
