//! Each mistake that a user of `#[worker]` can make, and the words that it is told in (`ui/**/*.stderr`).
//!
//! After a change of words: `TRYBUILD=overwrite cargo test -p gearman-driver --test compile_errors`, and read the
//! difference.

use std::process::Command;

/// The compiler whose own words are in `ui/rustc`: they change with it.
const RUSTC: &str = "rustc 1.95.";

#[test]
fn mistakes_are_told_at_their_place() {
    let cases = trybuild::TestCases::new();
    // In our words, the same with every compiler.
    cases.compile_fail("tests/ui/*.rs");
    // Mistakes in types are the compiler's to find; the macro sees to it that it points at the right place.
    let version = rustc_version();
    if version.starts_with(RUSTC) {
        cases.compile_fail("tests/ui/rustc/*.rs");
    } else {
        eprintln!("tests/ui/rustc is left out: its words are those of {RUSTC}x, and this is {version}");
    }
}

fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("cargo runs this test, so there is a rustc");
    String::from_utf8_lossy(&version.stdout).trim().to_owned()
}
