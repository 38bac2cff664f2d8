//! Fewer rights for this process, for good: identity, capabilities, priority.

use std::collections::BTreeSet;
use std::io;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, getegid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};
use rustix::process::setpriority_process;
use rustix::thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities};

/// Makes `gid` the real, effective and saved group of this process, and `groups` its supplementary groups. Where they are
/// that already, nothing is asked of the kernel, which lets few change them.
///
/// # Errors
/// When the kernel refuses.
pub fn set_groups(gid: Gid, groups: &[Gid]) -> nix::Result<()> {
    // Whether its own group is among the others makes no difference to a process.
    let all = |groups: &[Gid]| groups.iter().chain([&gid]).map(|gid| gid.as_raw()).collect::<BTreeSet<_>>();
    if getegid() != gid || all(&getgroups()?) != all(groups) {
        setgroups(groups)?;
    }
    setresgid(gid, gid, gid)
}

/// Makes `uid` the real, effective and saved user of this process.
///
/// # Errors
/// When the kernel refuses.
pub fn set_user(uid: Uid) -> nix::Result<()> {
    setresuid(uid, uid, uid)
}

/// Gives up all capabilities, and that a program that is executed gets some of this process's.
///
/// # Errors
/// When the kernel refuses.
pub fn drop_capabilities() -> io::Result<()> {
    match clear_ambient_capability_set() {
        // Before Linux 4.3 there was no such set.
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let none = CapabilitySet::empty();
    // Of this thread, which is the only one: see the callers.
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// Looks whether this process is `gid` alone, and `uid` alone, where that is said, and can't become root again: it tries.
///
/// # Errors
/// What is left of another identity.
pub fn verify(uid: Option<Uid>, gid: Gid) -> Result<(), String> {
    let failed = |errno: Errno| format!("this process's identity can't be read: {errno}");
    let (user, group) = (getresuid().map_err(failed)?, getresgid().map_err(failed)?);
    if [group.real, group.effective, group.saved] != [gid; 3] {
        return Err(format!("this process should be of the group {gid}, and is of {group:?}"));
    }
    let Some(uid) = uid else { return Ok(()) };
    if [user.real, user.effective, user.saved] != [uid; 3] {
        return Err(format!("this process should be of the user {uid}, and is of {user:?}"));
    }
    let root = Uid::from_raw(0);
    if uid != root && setresuid(root, root, root).is_ok() {
        return Err("this process could become root again".to_owned());
    }
    Ok(())
}

/// From now on, no program that is executed gets more rights than this process has: set-user-ID bits count for nothing.
///
/// # Errors
/// When the kernel refuses.
pub fn no_new_privileges() -> io::Result<()> {
    Ok(prctl::set_no_new_privs()?)
}

/// Sets the priority of this process, -20 (first) to 19.
///
/// # Errors
/// When the kernel refuses: a higher one than before needs CAP_SYS_NICE.
pub fn set_nice(nice: i32) -> io::Result<()> {
    Ok(setpriority_process(None, nice)?)
}

#[cfg(test)]
mod tests {
    use nix::unistd::geteuid;

    use super::*;

    // Of a thread of the test's, which is gone with its rights: what is changed here is the thread's alone.
    fn in_a_thread<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(f).join().unwrap()
    }

    fn of_this_thread(what: &str) -> String {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        status.lines().find_map(|line| line.strip_prefix(what)).unwrap().trim().to_owned()
    }

    #[test]
    fn no_capability_is_left() {
        let left = in_a_thread(|| {
            drop_capabilities().unwrap();
            ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"].map(of_this_thread)
        });
        assert_eq!(left, ["0000000000000000"; 4]);
    }

    #[test]
    fn priority_and_new_privileges_are_given_up() {
        let seen = in_a_thread(|| {
            set_nice(19).unwrap();
            no_new_privileges().unwrap();
            (rustix::process::getpriority_process(None).unwrap(), of_this_thread("NoNewPrivs:"))
        });
        assert_eq!(seen, (19, "1".to_owned()));
    }

    #[test]
    fn groups_that_are_there_already_can_be_set_by_everybody() {
        set_groups(getegid(), &getgroups().unwrap()).unwrap();
    }

    #[test]
    fn an_identity_that_is_another_is_told() {
        assert_eq!(verify(Some(geteuid()), getegid()), Ok(()));
        let error = verify(Some(Uid::from_raw(4711)), getegid()).unwrap_err();
        assert!(error.starts_with("this process should be of the user 4711"), "{error}");
        let error = verify(None, Gid::from_raw(4711)).unwrap_err();
        assert!(error.starts_with("this process should be of the group 4711"), "{error}");
    }
}
