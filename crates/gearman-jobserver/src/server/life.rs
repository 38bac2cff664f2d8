//! What happens to a job besides what is said about it: it is queued, taken away, let go, and over.

use gearman_protocol::PacketType;

use super::Server;
use crate::function::FunctionId;
use crate::job::{Clients, Job, JobNumber, State};
use crate::links::ConnectionId;

impl Server {
    /// Takes a new job in and wakes workers for it.
    pub(super) fn add(&mut self, number: JobNumber, job: Job) {
        let id = job.function;
        let function = self.functions.get_mut(id);
        function.total += 1;
        function.remember(&job.unique, &job.workload, number);
        match job.state {
            State::Later { due } => {
                function.later += 1;
                self.later.insert((due, number));
            }
            _ => {
                function.push(job.priority, number);
                self.wake(id);
            }
        }
        self.jobs.insert(number, job);
    }

    /// The time of a job for later has come.
    pub(super) fn is_due(&mut self, number: JobNumber) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        job.state = State::Waiting;
        let (id, priority) = (job.function, job.priority);
        let function = self.functions.get_mut(id);
        function.later -= 1;
        function.push(priority, number);
        self.wake(id);
    }

    /// Takes a job away from its worker and queues it again, as the last of its priority.
    pub(super) fn requeue(&mut self, number: JobNumber) {
        self.take_from_worker(number);
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        job.retries = job.retries.saturating_add(1);
        job.numerator = 0;
        job.denominator = 0;
        job.state = State::Waiting;
        let (id, priority) = (job.function, job.priority);
        self.functions.get_mut(id).push(priority, number);
        self.wake(id);
    }

    /// Tells all workers of a function that sleep and were not told yet. (gearmand's `--worker-wakeup 0`.)
    fn wake(&mut self, function: FunctionId) {
        for &id in &self.functions.get(function).workers {
            let Some(link) = self.links.get_mut(id) else {
                continue;
            };
            if link.sleeping && !link.told {
                link.told = true;
                self.links.packet(id, PacketType::Noop, &[]);
            }
        }
    }

    /// The job is over: takes it out of everything. What its clients hear is for the caller to say.
    pub(super) fn remove(&mut self, number: JobNumber) -> Option<Job> {
        self.take_from_worker(number);
        let job = self.jobs.remove(&number)?;
        if let State::Later { due } = job.state {
            self.later.remove(&(due, number));
            self.functions.get_mut(job.function).later -= 1;
        }
        let function = self.functions.get_mut(job.function);
        function.total -= 1;
        function.forget(&job.unique, &job.workload, number);
        for &client in job.clients.as_slice() {
            if let Some(link) = self.links.get_mut(client) {
                link.waiting -= 1;
            }
        }
        self.budget.give_back(job.cost);
        Some(job)
    }

    /// Undoes a grant; the job's state is then for the caller to set.
    fn take_from_worker(&mut self, number: JobNumber) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        let State::Running { worker, deadline } = job.state else {
            return;
        };
        job.state = State::Waiting;
        self.functions.get_mut(job.function).running -= 1;
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, number));
        }
        if let Some(link) = self.links.get_mut(worker) {
            link.held.retain(|&held| held != number);
        }
    }

    /// Nobody waits for the job any more, or it was cancelled. A worker that has it may finish it, and jobs with its
    /// unique are new ones from now on.
    pub(super) fn abandon(&mut self, number: JobNumber) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        job.abandoned = true;
        job.background = false;
        let function = self.functions.get_mut(job.function);
        function.forget(&job.unique, &job.workload, number);
        for &client in job.clients.as_slice() {
            if let Some(link) = self.links.get_mut(client) {
                link.waiting -= 1;
            }
        }
        job.clients = Clients::None;
        if !job.is_running() {
            self.budget.give_back(job.workload.len());
            job.cost -= job.workload.len();
            job.workload = [].into();
        }
    }

    /// The worker's side of a connection that has ended.
    pub(super) fn lose_worker(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get(id) else {
            return;
        };
        if !link.held.is_empty() {
            let handles: Vec<_> = link.held.iter().map(|&job| self.handle(job)).collect();
            log::warn!("job server: {link} is gone in the middle of {}: queued again", handles.join(", "));
        }
        self.reset_abilities(id);
    }

    /// The client's side of a connection that has ended.
    pub(super) fn lose_client(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        let waits = std::mem::take(&mut link.waits);
        if link.waiting == 0 {
            return;
        }
        let mut abandoned = 0_usize;
        for number in waits {
            let Some(job) = self.jobs.get_mut(&number) else {
                continue;
            };
            if job.clients.remove(id) && job.clients.as_slice().is_empty() && !job.background {
                abandoned += 1;
                self.abandon(number);
            }
        }
        if abandoned > 0
            && let Some(link) = self.links.get(id)
        {
            log::info!("job server: {link} is gone and {abandoned} jobs with it, which nobody else waits for");
        }
    }
}
