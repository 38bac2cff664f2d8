//! What must hold between any two calls: for tests and the fuzz target.

use std::collections::HashMap;

use super::{Server, function_cost};
use crate::budget::RECORD;
use crate::job::{JobNumber, State};
use crate::links::ConnectionId;

impl Server {
    /// Looks whether all that the server keeps twice says the same both times.
    ///
    /// # Panics
    /// When it does not: a mistake in this crate, whatever was received.
    #[doc(hidden)]
    pub fn check(&self) {
        self.check_functions();
        self.check_links();
        self.check_timers();
        let jobs: usize = self.jobs.values().map(|job| job.cost).sum();
        let functions: usize = self.functions.iter().map(|(_, function)| function_cost(&function.name)).sum();
        let abilities: usize = self.links.iter().map(|(_, link)| link.abilities.len() * RECORD).sum();
        assert_eq!(self.budget.used(), jobs + functions + abilities, "memory for jobs");
    }

    fn check_functions(&self) {
        for (id, function) in self.functions.iter() {
            let jobs = || self.jobs.values().filter(|job| job.function == id);
            assert_eq!(function.total as usize, jobs().count(), "jobs of a function");
            assert_eq!(function.running as usize, jobs().filter(|job| job.is_running()).count(), "running jobs");
            let later = jobs().filter(|job| matches!(job.state, State::Later { .. })).count();
            assert_eq!(function.later as usize, later, "jobs for later");

            let mut queued = function.queued();
            queued.sort_unstable();
            let mut waiting: Vec<JobNumber> = self
                .jobs
                .iter()
                .filter(|(_, job)| job.function == id && job.state == State::Waiting)
                .map(|(n, _)| *n)
                .collect();
            waiting.sort_unstable();
            assert_eq!(queued, waiting, "the queue holds what waits");

            for number in function.remembered() {
                let job = self.jobs.get(&number);
                assert!(job.is_some_and(|job| !job.abandoned && job.function == id), "a unique of a job that is there");
            }
            let mut workers = function.workers.clone();
            workers.sort_unstable();
            let mut able: Vec<ConnectionId> = Vec::new();
            for (link_id, link) in self.links.iter() {
                able.extend(link.abilities.iter().filter(|ability| ability.function == id).map(|_| link_id));
            }
            able.sort_unstable();
            assert_eq!(workers, able, "registrations");
        }
    }

    fn check_links(&self) {
        let mut held: HashMap<ConnectionId, Vec<JobNumber>> = HashMap::new();
        let mut waiting: HashMap<ConnectionId, usize> = HashMap::new();
        for (number, job) in &self.jobs {
            if let State::Running { worker, .. } = job.state {
                held.entry(worker).or_default().push(*number);
            }
            for client in job.clients.as_slice() {
                *waiting.entry(*client).or_default() += 1;
                let link = self.links.get(*client);
                assert!(link.is_some_and(|link| link.waits.contains(number)), "a client knows what it waits for");
            }
            assert!(job.abandoned || job.background || !job.clients.as_slice().is_empty(), "somebody wants the job");
        }
        for (id, link) in self.links.iter() {
            let mut theirs = link.held.clone();
            theirs.sort_unstable();
            let mut ours = held.remove(&id).unwrap_or_default();
            ours.sort_unstable();
            assert_eq!(theirs, ours, "what a worker holds");
            assert_eq!(link.waiting, waiting.remove(&id).unwrap_or_default(), "what a client waits for");
        }
        assert!(held.is_empty() && waiting.is_empty(), "connections of jobs are there");
    }

    fn check_timers(&self) {
        let mut deadlines = 0;
        let mut later = 0;
        for (number, job) in &self.jobs {
            match job.state {
                State::Running { deadline: Some(deadline), .. } => {
                    deadlines += 1;
                    assert!(self.deadlines.contains(&(deadline, *number)), "a deadline is kept");
                }
                State::Later { due } => {
                    later += 1;
                    assert!(self.later.contains(&(due, *number)), "a time is kept");
                }
                _ => {}
            }
        }
        assert_eq!((self.deadlines.len(), self.later.len()), (deadlines, later), "no timer without its job");
    }
}
