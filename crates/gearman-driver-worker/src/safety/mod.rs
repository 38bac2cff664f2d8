//! Fewer rights for a job's processes: tried by the host before it says that it has loaded, applied by each process.
//!
//! `look_up` turns names into numbers, `apply` gives up what is to be given up, and `trial` does both in a child
//! of the host's that is there for nothing else: what the system's name service leaves behind (sockets, threads) must
//! not be in a host, and what can't be given up is to be known before anything old is stopped.

mod apply;
mod look_up;
mod trial;

use std::collections::BTreeMap;

use gearman_driver_wire::safety::JobSafety;

use self::look_up::Identity;
use crate::api::LoadedJob;

/// A job's rights as they were tried.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rights {
    safety: JobSafety,
    /// Who the processes are to be; `None`: who the host is.
    identity: Option<Identity>,
}

impl Rights {
    /// Gives up what is to be given up, in this process, which has one thread, and for good.
    pub(crate) fn apply(&self) -> Result<(), String> {
        let identity = self.identity.as_ref();
        if let Some((uid, gid)) = identity.and_then(|identity| Some((identity.uid?, identity.gid))) {
            apply::own_output(uid, gid)?;
        }
        apply::give_up(&self.safety, identity)?;
        apply::set_environment(&self.safety, identity).map_err(|error| format!("the environment can't be set: {error}"))
    }
}

/// Tries the rights of all jobs, each different one once; by job, for those that have some.
pub(crate) fn try_all(jobs: &[LoadedJob]) -> Result<BTreeMap<String, Rights>, String> {
    let mut tried: BTreeMap<String, Rights> = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.safety.first().is_some()) {
        let known = tried.values().find(|rights| rights.safety == job.safety).cloned();
        let rights = match known {
            Some(rights) => rights,
            None => {
                let identity = trial::run(&job.safety).map_err(|error| format!("job {:?}: {error}", job.name))?;
                Rights { safety: job.safety.clone(), identity }
            }
        };
        tried.insert(job.name.clone(), rights);
    }
    Ok(tried)
}
