//! The command without a program's own workers: it says that it has none, and what to do.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Command, Stdio};

use insta::assert_snapshot;

/// Standard output and error, and the exit code, in a folder of its own.
fn run(arguments: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gearman-driver"))
        .args(arguments)
        .current_dir(dir.path())
        .env("GEARMAN_DRIVER_CONSOLE_PORT", "0")
        .env("XDG_RUNTIME_DIR", dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    // The log is open before the workers are loaded, and has the message too.
    assert!(files.iter().all(|file| file == "gearman_driver.log"), "{files:?}");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}exit code {}", text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

#[test]
fn it_says_that_it_has_no_workers() {
    assert_snapshot!(run(&[]), @r#"
    gearman-driver: no job to run: this program has no Rust worker in it. Rust workers are compiled into a program of your own: its main.rs has `mod workers;` (and `use my_workers as _;` for each library crate with workers, else the linker drops it), and its main calls `gearman_driver::Driver::from_args().namespaces(["my_app::workers"]).run()`; see README.md, and examples/convert for a whole one. Workers in other languages come with a later release
    exit code 1
    "#);
    assert_snapshot!(run(&["check"]), @r#"
    gearman-driver: no job to run: this program has no Rust worker in it. Rust workers are compiled into a program of your own: its main.rs has `mod workers;` (and `use my_workers as _;` for each library crate with workers, else the linker drops it), and its main calls `gearman_driver::Driver::from_args().namespaces(["my_app::workers"]).run()`; see README.md, and examples/convert for a whole one. Workers in other languages come with a later release
    exit code 1
    "#);
    assert_snapshot!(run(&["--lib", "lib", "--namespaces", "My::Workers"]), @r#"
    gearman-driver: no worker in namespace My::Workers; namespaces known: none, as this program has no Rust worker in it. Rust workers are compiled into a program of your own: its main.rs has `mod workers;` (and `use my_workers as _;` for each library crate with workers, else the linker drops it), and its main calls `gearman_driver::Driver::from_args().namespaces(["my_app::workers"]).run()`; see README.md, and examples/convert for a whole one. Workers in other languages come with a later release
    exit code 1
    "#);
}

#[test]
fn directories_of_modules_are_for_other_languages() {
    let told = "--lib lib: nothing is looked for there: Rust workers are linked into the program; the option is for hosts \
                of other languages, which are not there yet, on the command line";
    let checked = run(&["check", "--lib", "lib"]);
    assert!(checked.starts_with(&format!("warning: {told}\n")), "{checked}");
    let logged = run(&["--lib", "lib", "--logfile", "-"]);
    assert!(logged.lines().next().unwrap().ends_with(&format!(" WARN {told}")), "{logged}");
    assert!(!run(&["--logfile", "-"]).contains("WARN"));
}

#[test]
fn it_has_a_version_and_help() {
    assert_eq!(run(&["--version"]), format!("gearman-driver {}\nexit code 0", env!("CARGO_PKG_VERSION")));
    let help = run(&["--help"]);
    assert!(help.contains("Usage: gearman-driver [OPTIONS] [COMMAND]") && help.ends_with("exit code 0"), "{help}");
    assert!(run(&["--sever", "x"]).ends_with("exit code 2"));
}
