//! `cargo xtask arrows`: dependencies between our crates point one way only.
//!
//! Decides from `cargo metadata` alone. The order itself is written down once, in [`ORDER`] and the
//! tables beside it; ARCHITECTURE.md says why it is so.

use serde_json::Value;

use crate::Failure;
use crate::command::{cargo, output};

/// Our crates, the topmost first: each may use those that stand below it.
const ORDER: &[&str] = &[
    "gearman-driver-cli",
    "gearman-driver",
    "gearman-driver-macros",
    "gearman-driver-supervisor",
    "gearman-driver-front",
    "gearman-driver-worker",
    "gearman-jobserver",
    "gearman-driver-sys",
    "gearman-driver-wire",
    "gearman-protocol",
    "gearman-driver-core",
];

/// Crates that use none of ours: what they know must hold without the rest.
const ALONE: &[&str] = &["gearman-driver-core", "gearman-driver-wire", "gearman-protocol"];

/// Pairs that must not know each other, in either direction.
const STRANGERS: &[(&str, &str)] =
    &[("gearman-driver-supervisor", "gearman-driver-worker"), ("gearman-driver-front", "gearman-driver-worker")];

/// Programs of the workspace: they use what they like, and nobody uses them.
const PROGRAMS: &[&str] =
    &["async_fetch", "bench", "console_command", "convert", "e2e", "spread", "without_macros", "xtask"];

/// Crates for tests: anybody's dev-dependency, a plain dependency of programs only.
const TEST_TOOLS: &[&str] = &["gearman-testkit"];

/// A crate of the workspace and those of the workspace's crates that it uses.
#[derive(Debug, PartialEq)]
struct Member {
    name: String,
    uses: Vec<Use>,
}

#[derive(Debug, PartialEq)]
struct Use {
    name: String,
    for_tests: bool,
}

/// The task: reads the workspace, fails when an arrow turns.
pub(crate) fn task() -> Result<(), Failure> {
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let members = members(&metadata)?;
    let wrong = check(&members);
    if wrong.is_empty() {
        let arrows: usize = members.iter().map(|member| member.uses.len()).sum();
        println!("arrows: {} crates, {arrows} dependencies between them, all in order", members.len());
        Ok(())
    } else {
        Err(Failure::new(format!(
            "dependencies between our crates are out of order:\n  {}\nthe order is in xtask/src/arrows.rs, its reasons in ARCHITECTURE.md",
            wrong.join("\n  ")
        )))
    }
}

/// Reads the answer of `cargo metadata --no-deps`.
fn members(metadata: &str) -> Result<Vec<Member>, Failure> {
    let unreadable = |what: &str| Failure::new(format!("cargo metadata: {what}"));
    let metadata: Value = serde_json::from_str(metadata).map_err(|error| unreadable(&error.to_string()))?;
    let packages = metadata["packages"].as_array().ok_or_else(|| unreadable("no `packages` in it"))?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let ours: Vec<String> = packages.iter().map(name).collect();
    let uses = |package: &Value| {
        package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| ours.contains(&name(dependency)))
            .map(|dependency| Use { name: name(dependency), for_tests: dependency["kind"].as_str() == Some("dev") })
            .collect()
    };
    Ok(packages.iter().map(|package| Member { name: name(package), uses: uses(package) }).collect())
}

/// A sentence for each arrow that turns and each crate that has no place yet.
fn check(members: &[Member]) -> Vec<String> {
    let mut wrong = Vec::new();
    for member in members {
        if !has_place(&member.name) {
            wrong.push(format!("{} has no place in the order: give it one", member.name));
        }
        wrong.extend(member.uses.iter().filter_map(|used| {
            let why = objection(&member.name, used)?;
            Some(format!("{} uses {}: {why}", member.name, used.name))
        }));
    }
    wrong
}

fn has_place(name: &str) -> bool {
    [ORDER, PROGRAMS, TEST_TOOLS].iter().any(|table| table.contains(&name))
}

fn objection(from: &str, used: &Use) -> Option<String> {
    let to = used.name.as_str();
    if PROGRAMS.contains(&to) {
        return Some("nobody uses a program".into());
    }
    if PROGRAMS.contains(&from) || (from == to && used.for_tests) {
        // The second: a crate's own tests may ask for a feature of it.
        return None;
    }
    if TEST_TOOLS.contains(&to) {
        return (!used.for_tests).then(|| "it is for tests: a dev-dependency".into());
    }
    if TEST_TOOLS.contains(&from) {
        return None;
    }
    if ALONE.contains(&from) {
        return Some(format!("{from} uses none of ours"));
    }
    if STRANGERS.contains(&(from, to)) || STRANGERS.contains(&(to, from)) {
        return Some("these two don't know each other".into());
    }
    let place = |name: &str| ORDER.iter().position(|other| *other == name);
    match (place(from), place(to)) {
        (Some(from), Some(to)) if from >= to => Some("the arrow points up".into()),
        // A crate without a place has been named already.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(from: &str, to: &str, for_tests: bool) -> Vec<String> {
        check(&[Member { name: from.into(), uses: vec![Use { name: to.into(), for_tests }] }])
    }

    #[test]
    fn down_is_fine_and_up_is_not() {
        assert!(wrong("gearman-driver", "gearman-driver-core", false).is_empty());
        assert_eq!(
            wrong("gearman-driver-sys", "gearman-driver-supervisor", false),
            ["gearman-driver-sys uses gearman-driver-supervisor: the arrow points up"]
        );
        assert_eq!(
            wrong("gearman-driver-macros", "gearman-driver", true),
            ["gearman-driver-macros uses gearman-driver: the arrow points up"]
        );
    }

    #[test]
    fn those_who_stand_alone_use_none_of_ours() {
        for alone in ALONE {
            let said = wrong(alone, "gearman-driver-sys", false);
            assert_eq!(said, [format!("{alone} uses gearman-driver-sys: {alone} uses none of ours")]);
        }
        assert!(!wrong("gearman-driver-wire", "gearman-protocol", false).is_empty());
    }

    #[test]
    fn supervisor_and_worker_are_strangers_both_ways() {
        for (one, other) in STRANGERS {
            assert!(wrong(one, other, false)[0].ends_with("these two don't know each other"));
            assert!(wrong(other, one, true)[0].ends_with("these two don't know each other"));
        }
    }

    #[test]
    fn the_testkit_is_for_tests_and_programs() {
        assert!(wrong("gearman-protocol", "gearman-testkit", true).is_empty());
        assert!(wrong("bench", "gearman-testkit", false).is_empty());
        assert_eq!(
            wrong("gearman-protocol", "gearman-testkit", false),
            ["gearman-protocol uses gearman-testkit: it is for tests: a dev-dependency"]
        );
    }

    #[test]
    fn nobody_uses_a_program_and_everybody_has_a_place() {
        assert_eq!(wrong("convert", "bench", false), ["convert uses bench: nobody uses a program"]);
        assert_eq!(
            check(&[Member { name: "newcomer".into(), uses: vec![] }]),
            ["newcomer has no place in the order: give it one"]
        );
    }

    #[test]
    fn the_tables_hold_together() {
        for name in ALONE.iter().chain(STRANGERS.iter().flat_map(|(one, other)| [one, other])) {
            assert!(ORDER.contains(name), "{name}");
        }
    }

    #[test]
    fn metadata_is_read_down_to_our_own_crates() {
        let text = r#"{"packages": [
            {"name": "a", "dependencies": [
                {"name": "b", "kind": null}, {"name": "b", "kind": "dev"}, {"name": "serde", "kind": null}]},
            {"name": "b", "dependencies": []}]}"#;
        let uses = |for_tests| Use { name: "b".into(), for_tests };
        assert_eq!(
            members(text).unwrap(),
            [
                Member { name: "a".into(), uses: vec![uses(false), uses(true)] },
                Member { name: "b".into(), uses: vec![] }
            ]
        );
        assert!(members("{}").unwrap_err().0.contains("packages"));
        assert!(members("no json").is_err());
    }

    #[test]
    fn this_workspace_is_in_order() {
        let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
        let members = members(&metadata).unwrap();
        assert!(members.iter().any(|member| member.name == "xtask"));
        assert_eq!(check(&members), Vec::<String>::new());
    }
}
