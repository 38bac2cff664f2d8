//! Workers: what they can do, their sleep, the jobs that they get and what they say of them.

use std::time::Duration;

use gearman_protocol::{PacketError, PacketType};

use super::{Server, args, leading_number, until_nul};
use crate::budget::RECORD;
use crate::clock::Moment;
use crate::function::FunctionId;
use crate::job::{JobNumber, State};
use crate::links::{Ability, ConnectionId};

/// A shorter CAN_DO_TIMEOUT counts as this, as in gearmand.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

impl Server {
    /// CAN_DO, and CAN_DO_TIMEOUT with its timeout.
    pub(super) fn can_do(&mut self, id: ConnectionId, name: &[u8], timeout: Option<Duration>) {
        let Some(function) = self.function(name).filter(|_| self.budget.take(RECORD)) else {
            return self.refuse_for_memory(id);
        };
        self.functions.get_mut(function).workers.push(id);
        if let Some(link) = self.links.get_mut(id) {
            // In front: what is registered last is looked at first, as in gearmand without `--round-robin`.
            link.abilities.push_front(Ability { function, timeout });
        }
    }

    pub(super) fn can_do_timeout(&mut self, id: ConnectionId, body: &[u8]) -> Result<(), PacketError> {
        let [function, millis] = args(PacketType::CanDoTimeout, body)?;
        let number = leading_number(millis);
        if number == i64::MAX || number == -i64::MAX {
            return Err(PacketError::NotANumber { kind: PacketType::CanDoTimeout, found: millis.to_vec() });
        }
        let timeout = u64::try_from(number).ok().filter(|&millis| millis > 0).map(Duration::from_millis);
        self.can_do(id, function, timeout.map(|timeout| timeout.max(SHORTEST_TIMEOUT)));
        Ok(())
    }

    /// CANT_DO. A job of the function that the worker holds goes to others.
    pub(super) fn cant_do(&mut self, id: ConnectionId, name: &[u8]) {
        if let Some(function) = self.functions.find(name) {
            self.drop_abilities(id, Some(function));
        }
    }

    /// RESET_ABILITIES. All jobs that the worker holds go to others.
    pub(super) fn reset_abilities(&mut self, id: ConnectionId) {
        self.drop_abilities(id, None);
    }

    fn drop_abilities(&mut self, id: ConnectionId, only: Option<FunctionId>) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        let concerned = |function: FunctionId| only.is_none_or(|only| only == function);
        let before = link.abilities.len();
        link.abilities.retain(|ability| {
            let goes = concerned(ability.function);
            if goes {
                let workers = &mut self.functions.get_mut(ability.function).workers;
                if let Some(at) = workers.iter().position(|&worker| worker == id) {
                    workers.remove(at);
                }
            }
            !goes
        });
        self.budget.give_back((before - link.abilities.len()) * RECORD);
        // The newest first, as gearmand does.
        let jobs: Vec<JobNumber> = link.held.iter().rev().copied().collect();
        for job in jobs {
            if self.jobs.get(&job).is_some_and(|job| concerned(job.function)) {
                self.requeue(job);
            }
        }
    }

    /// PRE_SLEEP: NOOP at once where a job waits.
    pub(super) fn pre_sleep(&mut self, id: ConnectionId) {
        if self.find_job(id).is_some() {
            self.links.packet(id, PacketType::Noop, &[]);
        } else if let Some(link) = self.links.get_mut(id) {
            link.sleeping = true;
        }
    }

    /// GRAB_JOB, GRAB_JOB_UNIQ, GRAB_JOB_ALL.
    pub(super) fn grab(&mut self, now: Moment, id: ConnectionId, kind: PacketType) {
        if let Some(link) = self.links.get_mut(id) {
            link.sleeping = false;
            link.told = false;
        }
        let Some((place, number)) = self.find_job(id) else {
            return self.links.packet(id, PacketType::NoJob, &[]);
        };
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        let Some(&Ability { function, timeout }) = link.abilities.get(place) else {
            return;
        };
        let deadline = timeout.map(|timeout| now.elapsed.saturating_add(timeout));
        link.held.push(number);
        let function = self.functions.get_mut(function);
        function.pop();
        function.running += 1;
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        job.state = State::Running { worker: id, deadline };
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, number));
        }
        let handle = format!("{}{number}", self.handle_prefix);
        let (handle, name, unique, workload) = (handle.as_bytes(), &*function.name, &*job.unique, &*job.workload);
        match (kind, &job.reducer) {
            (PacketType::GrabJobAll, Some(reducer)) => {
                self.links.packet(id, PacketType::JobAssignAll, &[handle, name, unique, reducer, workload]);
            }
            (PacketType::GrabJobAll | PacketType::GrabJobUniq, _) => {
                self.links.packet(id, PacketType::JobAssignUniq, &[handle, name, unique, workload]);
            }
            _ => self.links.packet(id, PacketType::JobAssign, &[handle, name, workload]),
        }
    }

    /// The job that this worker would get, which is then the first of its function, and the place of that function
    /// among its abilities. Jobs that nobody wants any more and that are in the way are dropped.
    fn find_job(&mut self, id: ConnectionId) -> Option<(usize, JobNumber)> {
        let count = self.links.get(id)?.abilities.len();
        for place in 0..count {
            let function = self.links.get(id)?.abilities.get(place)?.function;
            while let Some(number) = self.functions.get(function).first() {
                if self.jobs.get(&number).is_some_and(|job| !job.abandoned) {
                    return Some((place, number));
                }
                self.functions.get_mut(function).pop();
                self.remove(number);
            }
        }
        None
    }

    /// What a worker says of a job that it holds goes to the job's clients.
    pub(super) fn work(&mut self, id: ConnectionId, kind: PacketType, body: &[u8]) -> Result<(), PacketError> {
        let handle = match kind {
            PacketType::WorkFail => until_nul(body),
            PacketType::WorkStatus => {
                let [handle, ..] = args::<3>(kind, body)?;
                handle
            }
            _ => {
                let [handle, _] = args(kind, body)?;
                handle
            }
        };
        let number = self.number(handle).filter(|number| {
            let state = self.jobs.get(number).map(|job| job.state);
            matches!(state, Some(State::Running { worker, .. }) if worker == id)
        });
        let Some(number) = number else {
            let text = match kind {
                PacketType::WorkData | PacketType::WorkWarning => "Job does not exist on server",
                PacketType::WorkException => "An exception was received for a job that does not exist",
                _ => "Job given in work result not found",
            };
            self.links.error(id, "JOB_NOT_FOUND", text);
            return Ok(());
        };
        match kind {
            PacketType::WorkData | PacketType::WorkWarning => self.pass_on(number, kind, body),
            PacketType::WorkStatus => {
                let [_, numerator, denominator] = args(kind, body)?;
                if let Some(job) = self.jobs.get_mut(&number) {
                    job.numerator = status_number(numerator);
                    job.denominator = status_number(denominator);
                }
                self.pass_on(number, kind, body);
            }
            PacketType::WorkFail => {
                // Without what may follow the handle: some workers send its NUL.
                self.pass_on(number, kind, handle);
                self.remove(number);
            }
            PacketType::WorkException => {
                self.pass_on_exception(number, handle, body);
                self.remove(number);
            }
            _ => {
                self.pass_on(number, kind, body);
                self.remove(number);
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, number: JobNumber, kind: PacketType, body: &[u8]) {
        for &client in self.jobs.get(&number).map_or(&[][..], |job| job.clients.as_slice()) {
            self.links.packet(client, kind, &[body]);
        }
    }

    /// The exception to clients that asked for them (OPTION_REQ), WORK_FAIL to the others.
    fn pass_on_exception(&mut self, number: JobNumber, handle: &[u8], body: &[u8]) {
        for &client in self.jobs.get(&number).map_or(&[][..], |job| job.clients.as_slice()) {
            if self.links.get(client).is_some_and(|link| link.exceptions) {
                self.links.packet(client, PacketType::WorkException, &[body]);
            } else {
                self.links.packet(client, PacketType::WorkFail, &[handle]);
            }
        }
    }
}

/// A number of WORK_STATUS as GET_STATUS will show it: below 2^32.
fn status_number(bytes: &[u8]) -> u32 {
    let number = leading_number(bytes).clamp(0, u32::MAX.into());
    u32::try_from(number).unwrap_or(u32::MAX)
}
