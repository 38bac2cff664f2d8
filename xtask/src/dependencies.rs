//! Every third-party crate that one of ours names has its line in `docs/dependencies.md`.
//!
//! Looks at the direct dependencies only; what is allowed at all (licences, registries) is
//! `deny.toml`'s to say.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Failure;
use crate::command::{cargo, output, root};

const PAGE: &str = "docs/dependencies.md";

/// The check: fails with the names that have no line.
pub(crate) fn check() -> Result<(), Failure> {
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let page = std::fs::read_to_string(root().join(PAGE)).map_err(|error| Failure::new(format!("{PAGE}: {error}")))?;
    let unexplained = unexplained(&metadata, &page)?;
    if unexplained.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("no line in {PAGE} says why we use {}", unexplained.join(", "))))
    }
}

/// The third-party crates in `metadata` for which `page` has no row (`| \`name\` | ..`).
fn unexplained(metadata: &str, page: &str) -> Result<Vec<String>, Failure> {
    let metadata: Value =
        serde_json::from_str(metadata).map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let used: BTreeSet<&str> = packages
        .flat_map(|package| package["dependencies"].as_array().into_iter().flatten())
        // Our own crates are named by path.
        .filter(|dependency| dependency["path"].is_null())
        .filter_map(|dependency| dependency["name"].as_str())
        .collect();
    let has_row = |name: &str| page.lines().any(|line| line.starts_with(&format!("| `{name}` |")));
    Ok(used.into_iter().filter(|name| !has_row(name)).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn third_party_crates_without_a_row_are_named_once() {
        let metadata = r#"{"packages": [
            {"dependencies": [{"name": "ours", "path": "/x"}, {"name": "serde"}, {"name": "odd"}]},
            {"dependencies": [{"name": "odd"}]}]}"#;
        let page = "# Title\n| `serde` | data | MIT | well |\n";
        assert_eq!(unexplained(metadata, page).unwrap(), ["odd"]);
        assert!(unexplained("no json", page).is_err());
    }
}
