//! `cargo xtask package`: the crates that are published can be packaged, and their packages are whole.
//!
//! Decides what a package must have (a page on the registry says what it is; its sources include no file that stays
//! behind in the repository) and leaves the packaging to cargo. With `--verify` each package is built, too, against the
//! packages of the others.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::Failure;
use crate::command::{cargo, output, root, run};

/// Files that each package has.
const FILES: [&str; 3] = ["README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// What each manifest says.
const KEYS: [&str; 6] = ["description", "readme", "license", "repository", "keywords", "categories"];

/// Whether each package is built as well.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Build {
    Yes,
    No,
}

/// The task. Offline: what the workspace was built from is there, and packaging needs no more.
pub(crate) fn task(build: Build) -> Result<(), Failure> {
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    let crates = published(&metadata)?;
    let mut wrong: Vec<String> = crates.iter().flat_map(|published| published.lacks.clone()).collect();
    for published in &crates {
        wrong.extend(incomplete(published)?);
    }
    if !wrong.is_empty() {
        return Err(Failure::new(format!("these packages are not whole:\n  {}", wrong.join("\n  "))));
    }
    let mut words = vec!["package", "--offline", "--allow-dirty"];
    if build == Build::No {
        words.push("--no-verify");
    }
    words.extend(crates.iter().flat_map(|published| ["-p", published.name.as_str()]));
    let mut command = cargo(&words);
    if build == Build::Yes {
        command.env("CARGO_TARGET_DIR", fresh_target(&metadata)?);
        forget_unpacked(&crates)?;
    }
    run(&mut command)?;
    println!("package: {} crates can be published", crates.len());
    Ok(())
}

/// An empty directory to build in. What comes from a registry is taken to be the same for ever, so that what was built of
/// another package of the same version would be used again.
fn fresh_target(metadata: &str) -> Result<PathBuf, Failure> {
    let metadata: Value =
        serde_json::from_str(metadata).map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    let target = metadata["target_directory"].as_str().map_or_else(|| root().join("target"), PathBuf::from);
    let fresh = target.join("packages");
    remove(&fresh)?;
    Ok(fresh)
}

/// Removes what cargo has unpacked of our packages in an earlier run, for the same reason. They come from a registry in a
/// directory, whose sources have a name that begins with a dash; those of a real registry are left alone.
fn forget_unpacked(crates: &[Published]) -> Result<(), Failure> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let Some(home) = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))) else {
        return Ok(());
    };
    for registry in std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten() {
        if registry.file_name().to_string_lossy().starts_with('-') {
            for published in crates {
                remove(&registry.path().join(format!("{}-{}", published.name, published.version)))?;
            }
        }
    }
    Ok(())
}

fn remove(dir: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(format!("{} can't be removed: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}

/// A crate that is published.
#[derive(Debug, PartialEq)]
struct Published {
    name: String,
    version: String,
    dir: PathBuf,
    /// A sentence for each thing that its manifest does not say.
    lacks: Vec<String>,
}

/// Reads the answer of `cargo metadata --no-deps`.
fn published(metadata: &str) -> Result<Vec<Published>, Failure> {
    let metadata: Value =
        serde_json::from_str(metadata).map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let published = packages.filter(|package| package["publish"].is_null()).map(|package| {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let empty = |key: &&&str| match &package[**key] {
            Value::Array(items) => items.is_empty(),
            value => value.as_str().is_none_or(str::is_empty),
        };
        let name = text("name").to_owned();
        let lacks = KEYS.iter().filter(empty).map(|key| format!("{name}: its Cargo.toml has no `{key}`")).collect();
        let manifest = Path::new(text("manifest_path"));
        let version = text("version").to_owned();
        Published { lacks, version, dir: manifest.parent().unwrap_or(manifest).to_path_buf(), name }
    });
    Ok(published.collect())
}

/// A sentence for each file that its package would lack.
fn incomplete(published: &Published) -> Result<Vec<String>, Failure> {
    let name = published.name.as_str();
    let list = output(&mut cargo(&["package", "--list", "--offline", "--allow-dirty", "-p", name]))?;
    let list: BTreeSet<&Path> = list.lines().map(Path::new).collect();
    let mut wrong: Vec<String> = FILES
        .into_iter()
        .filter(|file| !list.contains(Path::new(file)))
        .map(|file| format!("{name}: no {file} in its directory (the licences are links to ../..)"))
        .collect();
    for file in list.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let path = published.dir.join(file);
        let shown = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        let source = std::fs::read_to_string(&path).map_err(|error| Failure::new(format!("{shown}: {error}")))?;
        let left_behind = left_behind(file, &source, &list);
        wrong.extend(left_behind.map(|included| format!("{shown} includes {included}, which its package has not")));
    }
    Ok(wrong)
}

/// What the source of `file` includes that is not in its package's `list`.
fn left_behind<'s>(file: &Path, source: &'s str, list: &BTreeSet<&Path>) -> impl Iterator<Item = &'s str> {
    let dir = file.parent().unwrap_or(Path::new(""));
    includes(source)
        .filter(move |included| normal(&dir.join(included)).is_none_or(|included| !list.contains(included.as_path())))
}

/// What the source includes (`include_str!("..")` and its like), where that is a plain text.
fn includes(source: &str) -> impl Iterator<Item = &str> {
    ["include_str!(\"", "include_bytes!(\"", "include!(\""].into_iter().flat_map(move |start| {
        source.split(start).skip(1).filter_map(|rest| rest.split_once('"')).map(|(included, _)| included)
    })
}

/// The path without `..`; `None` if it leaves the directory.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.pop() => {}
            Component::Normal(name) => normal.push(name),
            _ => return None,
        }
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_must_say_what_it_is() {
        let metadata = r#"{"packages": [
            {"name": "a", "version": "1.2.3", "publish": null, "manifest_path": "/r/a/Cargo.toml", "description": "A.", "readme": null,
             "license": "MIT", "repository": "https://example.org", "keywords": [], "categories": ["x"]},
            {"name": "b", "publish": [], "manifest_path": "/r/b/Cargo.toml"}]}"#;
        let lacks = ["readme", "keywords"].map(|key| format!("a: its Cargo.toml has no `{key}`"));
        assert_eq!(
            published(metadata).unwrap(),
            [Published { name: "a".into(), version: "1.2.3".into(), dir: "/r/a".into(), lacks: lacks.into() }]
        );
        assert!(published("no json").is_err());
    }

    #[test]
    fn included_files_are_found() {
        let source = "x(include_str!(\"a.txt\"));\n#[doc = include_str!(\"../../README.md\")]\nstatic B: &[u8] = \
                      include_bytes!(\"b\"); include_str!(concat!(1))";
        assert_eq!(includes(source).collect::<Vec<_>>(), ["a.txt", "../../README.md", "b"]);
    }

    #[test]
    fn paths_that_leave_the_package_are_none() {
        assert_eq!(normal(Path::new("src/a/../b.txt")), Some(PathBuf::from("src/b.txt")));
        assert_eq!(normal(Path::new("src/../../README.md")), None);
        assert_eq!(normal(Path::new("/etc/passwd")), None);
    }

    #[test]
    fn a_file_that_stays_behind_is_told() {
        let list = BTreeSet::from(["src/lib.rs", "src/a.txt"].map(Path::new));
        let source = r#"include_str!("a.txt"); include_str!("../b.txt"); include_str!("../../README.md")"#;
        let left = left_behind(Path::new("src/lib.rs"), source, &list);
        assert_eq!(left.collect::<Vec<_>>(), ["../b.txt", "../../README.md"]);
    }
}
