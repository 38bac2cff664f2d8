//! What a job's processes may not do, or do as another user: what only the operator may say.
//!
//! The fields stand in `job_runtime_attributes` of `load`, beside the limits. A host keeps them, or refuses the load.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Fewer rights for a job's processes; `None`: nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSafety {
    /// The user, by name, or by number where it is all digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group, by name, or by number where it is all digits; without it, the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Limits of resources, by their names for setrlimit(2) without `RLIMIT_`, in small letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rlimits: Option<BTreeMap<String, Rlimit>>,
    /// The priority, -20 to 19.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// The only variables that are kept of the driver's environment; `None`: all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_keep: Option<Vec<String>>,
    /// Variables that are set, over all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// Whether programs that are executed get no more rights than the process has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_new_privs: Option<bool>,
}

impl JobSafety {
    /// `self` where it says something, else `weaker`.
    #[must_use]
    pub fn over(self, weaker: Self) -> Self {
        Self {
            user: self.user.or(weaker.user),
            group: self.group.or(weaker.group),
            rlimits: self.rlimits.or(weaker.rlimits),
            nice: self.nice.or(weaker.nice),
            env_keep: self.env_keep.or(weaker.env_keep),
            env: self.env.or(weaker.env),
            no_new_privs: self.no_new_privs.or(weaker.no_new_privs),
        }
    }

    /// The first field that asks for something; `None`: there is nothing to keep.
    #[must_use]
    pub fn first(&self) -> Option<&'static str> {
        let asks = [
            ("user", self.user.is_some()),
            ("group", self.group.is_some()),
            ("rlimits", self.rlimits.is_some()),
            ("nice", self.nice.is_some()),
            ("env_keep", self.env_keep.is_some()),
            ("env", self.env.is_some()),
            ("no_new_privs", self.no_new_privs == Some(true)),
        ];
        asks.into_iter().find(|(_, asks)| *asks).map(|(name, _)| name)
    }
}

/// A limit of a resource: `[soft, hard]`, each a number or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[Bound; 2]", into = "[Bound; 2]")]
pub struct Rlimit {
    /// What counts; the process may raise it up to the other. `None`: unlimited.
    pub soft: Option<u64>,
    /// What the soft limit can't be raised above. `None`: unlimited.
    pub hard: Option<u64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Bound {
    Number(u64),
    Word(Unlimited),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unlimited {
    Unlimited,
}

impl From<[Bound; 2]> for Rlimit {
    fn from(bounds: [Bound; 2]) -> Self {
        let [soft, hard] = bounds.map(|bound| match bound {
            Bound::Number(number) => Some(number),
            Bound::Word(Unlimited::Unlimited) => None,
        });
        Self { soft, hard }
    }
}

impl From<Rlimit> for [Bound; 2] {
    fn from(limit: Rlimit) -> Self {
        [limit.soft, limit.hard].map(|bound| bound.map_or(Bound::Word(Unlimited::Unlimited), Bound::Number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_there_and_limits_are_pairs() {
        let limits =
            [("as", Rlimit { soft: Some(1 << 30), hard: None }), ("core", Rlimit { soft: Some(0), hard: Some(0) })];
        let safety = JobSafety {
            user: Some("nobody".to_owned()),
            rlimits: Some(limits.map(|(name, limit)| (name.to_owned(), limit)).into()),
            nice: Some(-5),
            env_keep: Some(Vec::new()),
            ..JobSafety::default()
        };
        let json = serde_json::to_string(&safety).unwrap();
        insta::assert_snapshot!(json, @r#"{"user":"nobody","rlimits":{"as":[1073741824,"unlimited"],"core":[0,0]},"nice":-5,"env_keep":[]}"#);
        assert_eq!(serde_json::from_str::<JobSafety>(&json).unwrap(), safety);
        for wrong in [r#"{"rlimits":{"as":[1]}}"#, r#"{"rlimits":{"as":[1,"much"]}}"#, r#"{"rlimits":{"as":[-1,1]}}"#] {
            assert!(serde_json::from_str::<JobSafety>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_field_has_its_own_winner() {
        let strong = JobSafety { nice: Some(1), ..JobSafety::default() };
        let weak = JobSafety { nice: Some(2), group: Some("g".to_owned()), ..JobSafety::default() };
        let both = strong.over(weak);
        assert_eq!(both, JobSafety { nice: Some(1), group: Some("g".to_owned()), ..JobSafety::default() });
        assert_eq!(both.first(), Some("group"));
    }

    #[test]
    fn what_is_off_asks_for_nothing() {
        assert_eq!(JobSafety { no_new_privs: Some(false), ..JobSafety::default() }.first(), None);
        assert_eq!(JobSafety { env_keep: Some(Vec::new()), ..JobSafety::default() }.first(), Some("env_keep"));
    }
}
