//! `--user` and `--group`: which identity the driver has, and with it hosts and worker processes.
//!
//! Names are looked up before anything is done, and the identity is changed before anything but the pidfile is made:
//! so the log file, the run-time directory and all that the workers create are that user's.

use std::path::PathBuf;

use gearman_driver_core::config::Config;
use gearman_driver_sys::accounts;
use gearman_driver_sys::environment::set_variable;
use nix::unistd::{Gid, Uid, getegid, geteuid, setgid, setgroups, setuid};

/// Who the driver is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    user: Option<Person>,
    group: Option<Gid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Person {
    uid: Uid,
    /// The user's own.
    gid: Gid,
    name: String,
    home: PathBuf,
}

/// The identity can't be had. One sentence, with the place of the option at its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("{option}: there is no {option} `{name}` on this machine, {place}")]
    Unknown { option: &'static str, name: String, place: String },
    #[error("{option}: `{name}` can't be looked up: {source}, {place}")]
    LookUp { option: &'static str, name: String, source: nix::Error, place: String },
    #[error(
        "{option}: only root can run as another {option}, and this process has UID {uid}: start it as root, or leave --{option} out, {place}"
    )]
    NotRoot { option: &'static str, uid: Uid, place: String },
    #[error("the identity can't be changed: {what}: {source}")]
    Refused { what: &'static str, source: std::io::Error },
}

impl Identity {
    /// Looks up what the configuration names, and whether this process may become that.
    ///
    /// # Errors
    /// There is no such user or group, or this process is not root's.
    pub(crate) fn of(config: &Config) -> Result<Self, IdentityError> {
        let user = config.user.as_deref().map(|name| person(name, config)).transpose()?;
        let group = config.group.as_deref().map(|name| group(name, config)).transpose()?;
        let identity = Self { user, group };
        if !geteuid().is_root() {
            // What this process is already, nobody needs to change.
            let refused = |option: &'static str| IdentityError::NotRoot {
                option,
                uid: geteuid(),
                place: config.origin(option).to_string(),
            };
            if identity.user.as_ref().is_some_and(|user| user.uid != geteuid()) {
                return Err(refused("user"));
            }
            if identity.group.is_some_and(|group| group != getegid()) {
                return Err(refused("group"));
            }
        }
        Ok(identity)
    }

    /// Becomes that, for good: groups first, which only root can change. `HOME`, `USER` and `LOGNAME` follow, as
    /// service managers set them.
    ///
    /// # Errors
    /// The kernel refuses, or this process has more than one thread.
    pub(crate) fn assume(&self) -> Result<(), IdentityError> {
        if !geteuid().is_root() || (self.user.is_none() && self.group.is_none()) {
            return Ok(());
        }
        let failed = |what| move |errno: nix::Error| IdentityError::Refused { what, source: errno.into() };
        let gid = self.group.or(self.user.as_ref().map(|user| user.gid));
        if let Some(gid) = gid {
            let groups = match &self.user {
                Some(user) => accounts::groups_of(&user.name, gid).map_err(failed("getgrouplist"))?,
                None => vec![gid],
            };
            setgroups(&groups).map_err(failed("setgroups"))?;
            setgid(gid).map_err(failed("setgid"))?;
        }
        if let Some(user) = &self.user {
            setuid(user.uid).map_err(failed("setuid"))?;
        }
        // Since the change, /proc/PID/fd is closed to the hosts, which open the scoreboard there. With this, the new user
        // may look into the process as into one that it has started itself: what root's config files hold is for the
        // workers, and so that user's to know.
        nix::sys::prctl::set_dumpable(true).map_err(failed("PR_SET_DUMPABLE"))?;
        let Some(user) = &self.user else { return Ok(()) };
        let home = user.home.clone().into_os_string();
        for (name, value) in
            [("HOME", &home), ("USER", &user.name.clone().into()), ("LOGNAME", &user.name.clone().into())]
        {
            set_variable(name, value).map_err(|source| IdentityError::Refused { what: "the environment", source })?;
        }
        Ok(())
    }
}

fn person(name: &str, config: &Config) -> Result<Person, IdentityError> {
    let user = found_or_told("user", name, accounts::user(name), config)?;
    Ok(Person { uid: user.uid, gid: user.gid, name: user.name, home: user.dir })
}

fn group(name: &str, config: &Config) -> Result<Gid, IdentityError> {
    found_or_told("group", name, accounts::group(name), config)
}

fn found_or_told<T>(
    option: &'static str,
    name: &str,
    found: nix::Result<Option<T>>,
    config: &Config,
) -> Result<T, IdentityError> {
    let (name, place) = (name.to_owned(), config.origin(option).to_string());
    match found {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(IdentityError::Unknown { option, name, place }),
        Err(source) => Err(IdentityError::LookUp { option, name, source, place }),
    }
}

#[cfg(test)]
mod tests {
    use gearman_driver_core::config::{Layer, Origin};
    use nix::unistd::User;

    use super::*;

    fn config(options: &[(&str, &str)]) -> Config {
        let mut layer = Layer::new();
        for (name, text) in options {
            layer.set(name, text, Origin::CommandLine).unwrap();
        }
        Layer::merge([layer]).unwrap()
    }

    #[test]
    fn users_are_known_by_name_and_by_number() {
        let own = User::from_uid(geteuid()).unwrap().unwrap();
        let by_name = Identity::of(&config(&[("user", &own.name)])).unwrap();
        let by_number = Identity::of(&config(&[("user", &own.uid.to_string()), ("group", &getegid().to_string())]));
        assert_eq!(by_name.user, by_number.unwrap().user);
        assert_eq!(Identity::of(&config(&[])).unwrap(), Identity { user: None, group: None });
    }

    #[test]
    fn those_who_are_not_there_are_told_with_the_place() {
        let refused = |options: &[_]| Identity::of(&config(options)).unwrap_err().to_string();
        insta::assert_snapshot!(refused(&[("user", "no-such-one")]), @"user: there is no user `no-such-one` on this machine, on the command line");
        insta::assert_snapshot!(refused(&[("group", "no-such-one")]), @"group: there is no group `no-such-one` on this machine, on the command line");
    }
}
