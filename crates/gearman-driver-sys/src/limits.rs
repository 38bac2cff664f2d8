//! Limits of the system: how many descriptors may be open, and what to say when one is reached.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;

/// How many open descriptors this process was started with, once [`raise_open_files`] has changed that.
static INHERITED: OnceLock<u64> = OnceLock::new();

/// Allows this process as many open descriptors as it may have; the number.
///
/// # Errors
/// When the kernel refuses.
pub fn raise_open_files() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    INHERITED.get_or_init(|| soft);
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// What this command starts may open as many descriptors as this process could when it was started, and may raise that
/// itself: programs that use select(2) break where a descriptor's number is beyond 1023.
pub fn hand_down_open_files(command: &mut Command) {
    let Some(inherited) = INHERITED.get().copied() else { return };
    let lower = move || {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        if inherited < soft {
            setrlimit(Resource::RLIMIT_NOFILE, inherited, hard)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec this makes two system calls, and touches nothing that is shared.
    unsafe { command.pre_exec(lower) };
}

/// How many descriptors this process may have open now.
#[must_use]
pub fn open_files() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft)
}

/// An error of something that needs a descriptor, or makes a file larger: where that is beyond a limit, it says which.
#[must_use]
pub fn explain(error: io::Error) -> io::Error {
    let mend = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE) => format!(
            "this process may have {} open: raise its hard limit (`ulimit -Hn`, LimitNOFILE= of a unit, nofile of a \
             container)",
            open_files()
        ),
        Some(Errno::EFBIG) => {
            "this process may make no file so large: raise `ulimit -f` (LimitFSIZE= of a unit)".to_owned()
        }
        Some(Errno::ENFILE) => "the whole machine has too many open: raise fs.file-max (sysctl)".to_owned(),
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}: {mend}"))
}

/// An error of a start of a process (or thread), with the limits that it may be about.
#[must_use]
pub fn process_refused(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EAGAIN) => {
            let own = getrlimit(Resource::RLIMIT_NPROC).ok().filter(|_| !geteuid().is_root());
            let own = own.filter(|(soft, _)| *soft != RLIM_INFINITY);
            let own = own.map(|(soft, _)| format!("of this user (`ulimit -u` is {soft}, LimitNPROC= of a unit), "));
            format!(
                "{error}: a limit of processes is reached: {}of the unit or container (TasksMax=, pids limit), or of the \
                 machine (kernel.pid_max, kernel.threads-max)",
                own.unwrap_or_default()
            )
        }
        Some(Errno::ENOMEM) => format!(
            "{error}: memory is short: that of the machine, of the unit or container (MemoryMax=), or what this process may \
             have (`ulimit -v`, `ulimit -d`)"
        ),
        Some(Errno::EMFILE | Errno::ENFILE) => {
            explain(io::Error::from_raw_os_error(error.raw_os_error().unwrap_or_default())).to_string()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the limit is the process's.
    #[test]
    fn a_raised_limit_is_not_handed_down() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 200, hard).unwrap();
        assert_eq!(raise_open_files().unwrap(), hard);
        assert_eq!(open_files(), hard);
        let mut command = Command::new("sh");
        hand_down_open_files(command.args(["-c", "ulimit -Sn; ulimit -Hn"]));
        let shown = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert_eq!(shown, format!("200\n{hard}\n"));
        // Once more, as after a second driver in the same process.
        assert_eq!(raise_open_files().unwrap(), hard);
        assert_eq!(INHERITED.get(), Some(&200));
    }

    #[test]
    fn errors_say_which_limit_it_is() {
        let said = |errno: Errno| process_refused(&errno.into());
        assert!(said(Errno::EAGAIN).contains("TasksMax="), "{}", said(Errno::EAGAIN));
        assert!(said(Errno::ENOMEM).contains("MemoryMax="), "{}", said(Errno::ENOMEM));
        assert!(said(Errno::EMFILE).contains("LimitNOFILE="), "{}", said(Errno::EMFILE));
        assert_eq!(said(Errno::ENOENT), io::Error::from(Errno::ENOENT).to_string());
        assert_eq!(explain(Errno::ENOENT.into()).raw_os_error(), Some(Errno::ENOENT as i32));
    }
}
