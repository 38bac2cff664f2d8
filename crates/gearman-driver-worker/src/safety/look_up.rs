//! Who a job's processes are to be, in numbers.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use gearman_driver_sys::accounts;
use gearman_driver_wire::safety::JobSafety;
use nix::unistd::{Gid, User};
use serde::{Deserialize, Serialize};

/// An identity. It comes over a pipe from the process that has looked it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// `None`: the host's.
    pub(super) uid: Option<u32>,
    pub(super) gid: u32,
    /// The supplementary groups.
    pub(super) groups: Vec<u32>,
    /// What the user's variables are; `None`: the user has no entry, or is the host's.
    pub(super) account: Option<Account>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) name: String,
    /// In bytes, since a path need not be UTF-8.
    pub(super) home: Vec<u8>,
    pub(super) shell: Vec<u8>,
}

/// Looks user and group up. `None`: neither is asked for.
pub(super) fn look_up(safety: &JobSafety) -> Result<Option<Identity>, String> {
    let Some(name) = &safety.user else {
        let Some(group) = &safety.group else { return Ok(None) };
        let gid = group_of(group)?;
        return Ok(Some(Identity { uid: None, gid, groups: vec![gid], account: None }));
    };
    let user = accounts::user(name).map_err(|errno| format!("user {name:?} can't be looked up: {errno}"))?;
    let group = safety.group.as_deref().map(group_of).transpose()?;
    match (user, accounts::number(name)) {
        (Some(user), _) => {
            let gid = group.unwrap_or(user.gid.as_raw());
            let groups = accounts::groups_of(&user.name, Gid::from_raw(gid))
                .map_err(|errno| format!("user {name:?}: the groups can't be looked up: {errno}"))?;
            let groups = groups.into_iter().map(Gid::as_raw).collect();
            Ok(Some(Identity { uid: Some(user.uid.as_raw()), gid, groups, account: Some(account(user)) }))
        }
        (None, Some(uid)) => match group {
            Some(gid) => Ok(Some(Identity { uid: Some(uid), gid, groups: vec![gid], account: None })),
            None => {
                Err(format!("user {uid} has no entry on this machine, which would tell its group: set `group` too"))
            }
        },
        (None, None) => Err(format!("there is no user {name:?} on this machine: add it, or correct the name")),
    }
}

fn group_of(name: &str) -> Result<u32, String> {
    match accounts::group(name) {
        Ok(Some(gid)) => Ok(gid.as_raw()),
        Ok(None) => Err(format!("there is no group {name:?} on this machine: add it, or correct the name")),
        Err(errno) => Err(format!("group {name:?} can't be looked up: {errno}")),
    }
}

fn account(user: User) -> Account {
    Account { name: user.name, home: OsString::from(user.dir).into_vec(), shell: OsString::from(user.shell).into_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safety(user: Option<&str>, group: Option<&str>) -> JobSafety {
        JobSafety { user: user.map(str::to_owned), group: group.map(str::to_owned), ..JobSafety::default() }
    }

    #[test]
    fn a_user_brings_its_groups_and_what_it_is_at_home() {
        let root = look_up(&safety(Some("root"), None)).unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (Some(0), 0));
        let account = root.account.as_ref().unwrap();
        assert_eq!((account.name.as_str(), account.home.as_slice()), ("root", b"/root".as_slice()));
        assert_eq!(look_up(&safety(Some("0"), None)).unwrap().unwrap(), root);
        let other = look_up(&safety(Some("root"), Some("4711"))).unwrap().unwrap();
        assert!(other.gid == 4711 && other.groups.contains(&4711), "{other:?}");
    }

    #[test]
    fn numbers_need_no_entry() {
        let alone = Identity { uid: Some(4711), gid: 4712, groups: vec![4712], account: None };
        assert_eq!(look_up(&safety(Some("4711"), Some("4712"))), Ok(Some(alone)));
        let group = Identity { uid: None, gid: 4712, groups: vec![4712], account: None };
        assert_eq!(look_up(&safety(None, Some("4712"))), Ok(Some(group)));
        assert_eq!(look_up(&safety(None, None)), Ok(None));
    }

    #[test]
    fn who_is_not_there_is_told() {
        let error = |user, group| look_up(&safety(user, group)).unwrap_err();
        insta::assert_snapshot!(error(Some("no-such-one"), None), @r#"there is no user "no-such-one" on this machine: add it, or correct the name"#);
        insta::assert_snapshot!(error(Some("root"), Some("no-such-one")), @r#"there is no group "no-such-one" on this machine: add it, or correct the name"#);
        insta::assert_snapshot!(error(Some("4711"), None), @"user 4711 has no entry on this machine, which would tell its group: set `group` too");
    }
}
