//! Pages of docs/ that tests write.

use std::fs;
use std::path::Path;

/// Compares a page of docs/ with what it is now; where they differ, writes it anew and fails.
///
/// # Panics
/// When the page was not as it is now.
pub fn assert_page(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if committed == page {
        return;
    }
    fs::write(&path, page).unwrap_or_else(|error| panic!("docs/{name} can't be written: {error}"));
    let difference = committed.lines().zip(page.lines()).position(|(old, new)| old != new);
    let line = difference.unwrap_or_else(|| committed.lines().count().min(page.lines().count())) + 1;
    panic!(
        "docs/{name} was out of date from line {line} on, and is written anew: look at `git diff docs`, and commit it"
    );
}
