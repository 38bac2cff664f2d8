//! Gives up rights, in the order in which one does not stand in another's way: what needs rights comes first.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use gearman_driver_sys::{environment, memory, privileges, rlimits};
use gearman_driver_wire::safety::{JobSafety, Rlimit};
use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown, geteuid};

use super::look_up::Identity;

/// Lets the user that this process is to be open again what it prints to, as /dev/stderr in what a job executes.
///
/// The FIFOs are that user's then. Where the driver may not give them away they are open to everybody: they have no name
/// any more, and only who may look into this process finds them.
pub(super) fn own_output(uid: u32, gid: u32) -> Result<(), String> {
    let own = |stream: BorrowedFd<'_>| match fchown(stream, Some(uid.into()), Some(gid.into())) {
        Err(Errno::EPERM) => fchmod(stream, Mode::from_bits_truncate(0o666)),
        done => done,
    };
    own(io::stdout().as_fd())
        .and_then(|()| own(io::stderr().as_fd()))
        .map_err(|errno| format!("standard output and error can't be given to uid {uid}: {errno}"))
}

/// Gives up all but variables, in this process and for good.
pub(super) fn give_up(safety: &JobSafety, identity: Option<&Identity>) -> Result<(), String> {
    for (name, limit) in safety.rlimits.iter().flatten() {
        set_limit(name, *limit)?;
    }
    if let Some(nice) = safety.nice {
        privileges::set_nice(nice).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => format!(
                "nice: {nice} is a higher priority than this driver's, and it may not set that: start it as root, or give \
                 it CAP_SYS_NICE"
            ),
            _ => format!("nice: {error}"),
        })?;
    }
    if let Some(identity) = identity {
        become_it(safety, identity)?;
    }
    // Last: with it, the kernel might refuse some of the above.
    if safety.no_new_privs == Some(true) {
        privileges::no_new_privileges().map_err(|error| format!("no_new_privs: the kernel refuses it: {error}"))?;
    }
    Ok(())
}

fn set_limit(name: &str, limit: Rlimit) -> Result<(), String> {
    // Where it is too low for what is there already, the process would end at its next allocation, without a word.
    let (all, data) = memory::address_space().map_err(|error| format!("rlimits.{name}: {error}"))?;
    let used = match name {
        "as" => all,
        "data" => data,
        _ => 0,
    };
    if let Some(soft) = limit.soft.filter(|soft| *soft < used) {
        return Err(format!(
            "rlimits.{name}: {soft} bytes are fewer than the {used} that a process has from its start, with all that was \
             loaded: raise it"
        ));
    }
    let refused = |error: io::Error| match (error.kind(), rlimits::get(name)) {
        (io::ErrorKind::PermissionDenied, Ok((_, Some(hard)))) => {
            let wanted = limit.hard.map_or("unlimited".to_owned(), |hard| hard.to_string());
            format!(
                "rlimits.{name}: {wanted} is above the hard limit of this driver, {hard}, and it may not raise that: \
                 lower it, start the driver with a higher one (Limit{}= of its unit, ulimit -H), or give it \
                 CAP_SYS_RESOURCE{}",
                name.to_uppercase(),
                if name == "nofile" { "; no process may have more than fs.nr_open" } else { "" }
            )
        }
        _ => format!("rlimits.{name}: {error}"),
    };
    rlimits::set(name, limit.soft, limit.hard).map_err(refused)
}

fn become_it(safety: &JobSafety, identity: &Identity) -> Result<(), String> {
    let (uid, gid) = (identity.uid.map(Uid::from_raw), Gid::from_raw(identity.gid));
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    privileges::set_groups(gid, &groups)
        .and_then(|()| uid.map_or(Ok(()), privileges::set_user))
        .map_err(|errno| refused(safety, identity, errno))?;
    // The kernel drops them where root becomes somebody else, and nowhere else.
    if uid.is_some_and(|uid| !uid.is_root()) {
        privileges::drop_capabilities().map_err(|error| format!("capabilities can't be dropped: {error}"))?;
    }
    privileges::verify(uid, gid)
}

/// Why the kernel refuses an identity, and how to mend it.
fn refused(safety: &JobSafety, identity: &Identity, errno: Errno) -> String {
    let what = asked(safety);
    let own = geteuid();
    match (errno, identity.uid) {
        (Errno::EPERM, _) if own.is_root() => format!(
            "{what}: this driver is root, but CAP_SETUID or CAP_SETGID was taken from it, by its container or unit: give it \
             both"
        ),
        (Errno::EPERM, Some(uid)) if uid == own.as_raw() => format!(
            "{what}: this driver runs as that user, but with other groups, and may not change them: start it with that \
             user's groups, or give it CAP_SETGID"
        ),
        (Errno::EPERM, Some(_)) => format!(
            "{what}: this driver runs as uid {own} and may not become another user: start it as root (and without --user), or \
             give it CAP_SETUID and CAP_SETGID"
        ),
        (Errno::EPERM, None) => format!(
            "{what}: this driver runs as uid {own} and may not change its group: start it as root (and without --user), or \
             give it CAP_SETGID"
        ),
        (Errno::EINVAL, _) => {
            format!("{what}: this container has no such number (it is not mapped in its user namespace)")
        }
        _ => format!("{what}: {errno}"),
    }
}

/// What is asked for, in the configuration's words.
pub(super) fn asked(safety: &JobSafety) -> String {
    match (&safety.user, &safety.group) {
        (Some(user), _) => format!("user {user:?}"),
        (None, Some(group)) => format!("group {group:?}"),
        (None, None) => "its rights".to_owned(),
    }
}

/// Makes the environment: what is kept of the driver's, who the user is, and what is set.
pub(super) fn set_environment(safety: &JobSafety, identity: Option<&Identity>) -> io::Result<()> {
    if let Some(names) = &safety.env_keep {
        environment::keep_only(names)?;
    }
    if let Some(identity) = identity.filter(|identity| identity.uid.is_some()) {
        match &identity.account {
            Some(account) => {
                let shell = if account.shell.is_empty() { b"/bin/sh" } else { account.shell.as_slice() };
                let name = account.name.as_bytes();
                for (variable, value) in
                    [("HOME", account.home.as_slice()), ("USER", name), ("LOGNAME", name), ("SHELL", shell)]
                {
                    environment::set_variable(variable, OsStr::from_bytes(value))?;
                }
            }
            None => {
                // Nothing is known of who has no entry, but that the driver's are not it.
                environment::set_variable("HOME", OsStr::new("/"))?;
                for variable in ["USER", "LOGNAME", "SHELL"] {
                    environment::remove_variable(variable)?;
                }
            }
        }
    }
    for (name, value) in safety.env.iter().flatten() {
        environment::set_variable(name, OsStr::new(value))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safety(user: Option<&str>, group: Option<&str>) -> JobSafety {
        JobSafety { user: user.map(str::to_owned), group: group.map(str::to_owned), ..JobSafety::default() }
    }

    #[test]
    fn limits_that_cannot_be_had_say_how_to_mend_it() {
        let low = set_limit("as", Rlimit { soft: Some(4096), hard: None }).unwrap_err();
        assert!(low.starts_with("rlimits.as: 4096 bytes are fewer than the ") && low.ends_with(": raise it"), "{low}");
        let above = Rlimit { soft: Some(1 << 40), hard: Some(1 << 40) };
        let high = set_limit("nofile", above).unwrap_err();
        assert!(high.starts_with("rlimits.nofile: 1099511627776 is above the hard limit of this driver, "), "{high}");
        assert!(high.contains("LimitNOFILE=") && high.ends_with("fs.nr_open"), "{high}");
        let unknown = set_limit("files", above).unwrap_err();
        assert_eq!(unknown, r#"rlimits.files: the kernel limits no resource of the name "files""#);
    }

    #[test]
    fn an_identity_that_cannot_be_had_says_how_to_mend_it() {
        let identity = |uid| Identity { uid, gid: 1, groups: vec![1], account: None };
        let own = geteuid().as_raw();
        let another = refused(&safety(Some("nobody"), None), &identity(Some(own + 1)), Errno::EPERM);
        assert!(another.starts_with("user \"nobody\": this driver "), "{another}");
        assert!(another.contains("CAP_SETUID") && another.contains("CAP_SETGID"), "{another}");
        let group = refused(&safety(None, Some("adm")), &identity(None), Errno::EPERM);
        assert!(group.starts_with("group \"adm\": this driver ") && group.contains("CAP_SETGID"), "{group}");
        let unmapped = refused(&safety(Some("7"), None), &identity(Some(7)), Errno::EINVAL);
        assert!(unmapped.contains("user namespace"), "{unmapped}");
    }
}
