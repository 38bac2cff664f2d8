//! The trial: a child of the host's looks everything up, gives everything up, says how it went, and is gone.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use gearman_driver_sys::fork::{Forked, fork, leave};
use gearman_driver_sys::reap::{self, Ended};
use gearman_driver_wire::safety::JobSafety;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid, getpid, getppid};

use super::apply::{asked, give_up};
use super::look_up::{Identity, look_up};

/// How long a trial may take: a look-up may ask other machines.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the kernel may take to end a process.
const END: Duration = Duration::from_secs(1);

/// What the child says.
type Report = Result<Option<Identity>, String>;

/// Tries what `safety` says; who the processes are to be. From the host, which has one thread.
pub(super) fn run(safety: &JobSafety) -> Report {
    let failed = |error: io::Error| format!("{}: it can't be tried: {error}", asked(safety));
    let (read, write) = io::pipe().map_err(failed)?;
    let _ = io::stdout().flush();
    let host = getpid();
    match fork().map_err(|error| error.to_string())? {
        Forked::Child => {
            drop(read);
            try_it(safety, host, write)
        }
        Forked::Parent(pid) => {
            drop(write);
            let said = listen(read, PATIENCE);
            if !matches!(said, Ok(Some(_))) {
                let _ = kill(pid, Signal::SIGKILL);
            }
            // Before it is reaped: the PID is its own.
            let may_signal = kill(pid, None) != Err(Errno::EPERM);
            let ended = reap_within(pid, END);
            match said.map_err(failed)? {
                Some(said) => judge(safety, &said, may_signal, ended),
                None => Err(format!(
                    "{}: the look-up takes longer than {} s: what /etc/nsswitch.conf names does not answer (LDAP, SSSD, ..?)",
                    asked(safety),
                    PATIENCE.as_secs()
                )),
            }
        }
    }
}

/// In the child.
fn try_it(safety: &JobSafety, host: Pid, mut report: io::PipeWriter) -> ! {
    // A host that is killed leaves none behind that still waits for an answer.
    let _ = set_pdeathsig(Signal::SIGKILL);
    if getppid() != host {
        leave(1);
    }
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let identity = look_up(safety)?;
        // Before limits are set: there may be no memory to be had afterwards.
        let report = encode(&Ok(identity.clone()));
        give_up(safety, identity.as_ref())?;
        Ok(report)
    }));
    let said = match tried {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => encode(&Err(error)),
        Err(_) => encode(&Err(format!("{}: trying it has panicked", asked(safety)))),
    };
    let _ = report.write_all(&said);
    leave(0)
}

fn encode(report: &Report) -> Vec<u8> {
    serde_json::to_vec(report).unwrap_or_default()
}

/// All that is said until its end; `None`: nothing within the time.
fn listen(mut pipe: io::PipeReader, patience: Duration) -> io::Result<Option<Vec<u8>>> {
    let deadline = Instant::now() + patience;
    let mut said = Vec::new();
    loop {
        if !readable(&pipe, deadline)? {
            return Ok(None);
        }
        let mut bytes = [0; 4096];
        match pipe.read(&mut bytes) {
            Ok(0) => return Ok(Some(said)),
            Ok(read) => said.extend_from_slice(&bytes[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits until `fd` can be read; `false`: it was not before the deadline.
fn readable(fd: &impl AsFd, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so as not to come back a moment too early, again and again.
        let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Reaps the child when it ends, which it is about to do; `None`: it does not.
fn reap_within(pid: Pid, time: Duration) -> Option<Ended> {
    if let Ok(end) = reap::pidfd(pid) {
        let _ = readable(&end, Instant::now() + time);
    }
    reap::reap(pid, false)
}

fn judge(safety: &JobSafety, said: &[u8], may_signal: bool, ended: Option<Ended>) -> Report {
    let what = asked(safety);
    let identity = serde_json::from_slice::<Report>(said).unwrap_or_else(|_| {
        let how = match ended {
            Some(Ended::Signal(signal)) => format!("was ended by signal {signal}"),
            Some(Ended::Code(code)) => format!("has exited with {code}"),
            None => "does not end".to_owned(),
        };
        Err(format!("{what}: the process that has tried it {how}, without a word"))
    })?;
    if identity.as_ref().is_some_and(|identity| identity.uid.is_some()) && !may_signal {
        return Err(format!(
            "{what}: this driver runs as uid {} and may not signal another user's processes, so it could not stop them: \
             give it CAP_KILL as well",
            geteuid()
        ));
    }
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> JobSafety {
        JobSafety { user: Some("nobody".to_owned()), ..JobSafety::default() }
    }

    #[test]
    fn what_is_said_is_heard_to_its_end_or_not_in_time() {
        let (read, mut write) = io::pipe().unwrap();
        write.write_all(&[b'x'; 10_000]).unwrap();
        drop(write);
        assert_eq!(listen(read, PATIENCE).unwrap(), Some(vec![b'x'; 10_000]));
        let (read, _write) = io::pipe().unwrap();
        assert_eq!(listen(read, Duration::from_millis(20)).unwrap(), None);
    }

    #[test]
    fn what_was_tried_is_judged() {
        let identity = Identity { uid: Some(7), gid: 8, groups: vec![8], account: None };
        let said = encode(&Ok(Some(identity.clone())));
        let ended = Some(Ended::Code(0));
        assert_eq!(judge(&nobody(), &said, true, ended), Ok(Some(identity)));
        let error = judge(&nobody(), &said, false, ended).unwrap_err();
        assert!(
            error.starts_with("user \"nobody\": this driver runs as uid ")
                && error.ends_with("give it CAP_KILL as well"),
            "{error}"
        );
        assert_eq!(judge(&nobody(), &encode(&Err("why".to_owned())), true, ended), Err("why".to_owned()));
        let silent = judge(&nobody(), b"", true, Some(Ended::Signal(11))).unwrap_err();
        assert_eq!(silent, "user \"nobody\": the process that has tried it was ended by signal 11, without a word");
    }
}
