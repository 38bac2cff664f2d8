//! Knows what the tests and benchmarks need on the machine beside the Rust toolchain, and installs
//! it where that is possible: as root, with apt-get.
//!
//! Elsewhere it says what to install and leaves that to the reader.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;
use crate::command::{find_program, run};

/// One thing that must be on the machine.
struct Need {
    what: &'static str,
    /// Debian's package that brings it.
    package: &'static str,
    found: fn() -> bool,
    /// Needed by the tests; what only the benchmarks need is installed too, but never stops a test run.
    by_tests: bool,
}

const NEEDS: &[Need] = &[
    Need {
        what: "gearmand, the job server",
        package: "gearman-job-server",
        found: || find_program("gearmand").is_some(),
        by_tests: true,
    },
    Need {
        what: "gearman and gearadmin, its command-line tools",
        package: "gearman-tools",
        found: || find_program("gearman").is_some() && find_program("gearadmin").is_some(),
        by_tests: true,
    },
    Need {
        what: "cc, a C compiler and linker",
        package: "gcc",
        found: || find_program("cc").is_some(),
        by_tests: true,
    },
    Need {
        what: "libgearman's headers (for bench)",
        package: "libgearman-dev",
        found: has_libgearman,
        by_tests: false,
    },
];

fn has_libgearman() -> bool {
    ["/usr/include", "/usr/local/include"].iter().any(|dir| Path::new(dir).join("libgearman/gearman.h").is_file())
}

/// Installs what is missing, or fails with what to install.
pub(crate) fn ensure() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let Some(apt_get) = find_program("apt-get") else {
        return tell(&missing, "apt-get is not here");
    };
    if !is_root() {
        return tell(&missing, "only root may install");
    }
    let names: Vec<&str> = missing.iter().map(|need| need.package).collect();
    eprintln!("xtask: installing {}", names.join(", "));
    let apt = |words: &[&str]| {
        let mut command = Command::new(&apt_get);
        command
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            // A test run's standard output is for tests.
            .stdout(std::io::stderr());
        command
    };
    // One stale source among several makes `update` fail, and the packages may be there all the same.
    if let Err(failure) = run(&mut apt(&["-q", "update"])) {
        eprintln!("xtask: {failure}; trying to install all the same");
    }
    let mut install = vec!["-q", "install", "-y", "--no-install-recommends"];
    install.extend(&names);
    if let Err(failure) = run(&mut apt(&install)) {
        return tell(&self::missing(), &failure.0);
    }
    let left = self::missing();
    if left.is_empty() { Ok(()) } else { tell(&left, "installed, and still not found") }
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !(need.found)()).collect()
}

/// Says what is missing; a failure only when the tests need some of it.
fn tell(missing: &[&Need], why: &str) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    let message = advice(missing, why);
    if missing.iter().any(|need| need.by_tests) {
        Err(Failure::new(message))
    } else {
        eprintln!("xtask: {message}\nxtask: the tests do without");
        Ok(())
    }
}

fn advice(missing: &[&Need], why: &str) -> String {
    let mut text = String::from("missing on this machine:\n");
    for need in missing {
        text.push_str(&format!("  {} (Debian: {})\n", need.what, need.package));
    }
    let names: Vec<&str> = missing.iter().map(|need| need.package).collect();
    text.push_str(&format!(
        "not installed here ({why}); on Debian or Ubuntu:\n  sudo apt-get install {}",
        names.join(" ")
    ));
    text
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_names_thing_package_and_command() {
        let missing: Vec<&Need> = NEEDS.iter().take(2).collect();
        assert_eq!(
            advice(&missing, "only root may install"),
            "missing on this machine:\n  \
               gearmand, the job server (Debian: gearman-job-server)\n  \
               gearman and gearadmin, its command-line tools (Debian: gearman-tools)\n\
             not installed here (only root may install); on Debian or Ubuntu:\n  \
               sudo apt-get install gearman-job-server gearman-tools"
        );
    }

    #[test]
    fn what_only_the_benchmarks_need_does_not_stop_a_test_run() {
        let (tests, bench): (Vec<&Need>, Vec<&Need>) = NEEDS.iter().partition(|need| need.by_tests);
        assert!(tell(&bench, "x").is_ok());
        assert!(tell(&tests, "x").is_err());
        assert!(tell(&[], "x").is_ok());
    }
}
