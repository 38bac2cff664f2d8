//! The functions: each with its queue, its registrations and the uniques of its jobs.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use gearman_protocol::Priority;

use crate::job::JobNumber;
use crate::links::ConnectionId;

/// A function's place in [`Functions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FunctionId(u32);

/// The unique that says "the workload is the unique".
const BY_WORKLOAD: &[u8] = b"-";

/// One function: known from the first CAN_DO, job or `create function` until `drop function`.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Arc<[u8]>,
    /// Jobs that wait, by priority, the first in line first.
    queue: [VecDeque<JobNumber>; 3],
    /// Jobs for a later time, which are not in the queue yet.
    pub(crate) later: u32,
    /// Jobs that run.
    pub(crate) running: u32,
    /// All jobs: waiting, for later, running.
    pub(crate) total: u32,
    /// The total at which a job of that priority is refused; 0 is no limit (admin `maxqueue`).
    pub(crate) max_queue: [u32; 3],
    /// Who registered it; one that did so twice is in twice.
    pub(crate) workers: Vec<ConnectionId>,
    by_unique: HashMap<Arc<[u8]>, JobNumber>,
    by_workload: HashMap<Arc<[u8]>, JobNumber>,
}

impl Function {
    fn new(name: Arc<[u8]>) -> Self {
        Self {
            name,
            queue: Default::default(),
            later: 0,
            running: 0,
            total: 0,
            max_queue: [0; 3],
            workers: Vec::new(),
            by_unique: HashMap::new(),
            by_workload: HashMap::new(),
        }
    }

    pub(crate) fn push(&mut self, priority: Priority, job: JobNumber) {
        self.queue[place(priority)].push_back(job);
    }

    /// The job that is first in line.
    pub(crate) fn first(&self) -> Option<JobNumber> {
        self.queue.iter().find_map(VecDeque::front).copied()
    }

    /// Takes the job that is first in line.
    pub(crate) fn pop(&mut self) -> Option<JobNumber> {
        let job = self.queue.iter_mut().find_map(VecDeque::pop_front);
        for queue in &mut self.queue {
            // What a burst needed is not kept for ever.
            if queue.is_empty() && queue.capacity() > 1 << 10 {
                *queue = VecDeque::new();
            }
        }
        job
    }

    /// All jobs in line: for checks.
    pub(crate) fn queued(&self) -> Vec<JobNumber> {
        self.queue.iter().flatten().copied().collect()
    }

    /// All jobs that a unique leads to: for checks.
    pub(crate) fn remembered(&self) -> Vec<JobNumber> {
        self.by_unique.values().chain(self.by_workload.values()).copied().collect()
    }

    /// Jobs in line, by priority.
    pub(crate) fn waiting(&self) -> [usize; 3] {
        [self.queue[0].len(), self.queue[1].len(), self.queue[2].len()]
    }

    /// Whether a further job of this priority is over the limit that `maxqueue` set.
    pub(crate) fn is_full(&self, priority: Priority) -> bool {
        let max = self.max_queue[place(priority)];
        max > 0 && self.total >= max
    }

    /// The job that one with this unique and workload would be the same as.
    pub(crate) fn same_job(&self, unique: &[u8], workload: &[u8]) -> Option<JobNumber> {
        match unique {
            b"" => None,
            BY_WORKLOAD if workload.is_empty() => None,
            BY_WORKLOAD => self.by_workload.get(workload).copied(),
            unique => self.by_unique.get(unique).copied(),
        }
    }

    pub(crate) fn job_with_unique(&self, unique: &[u8]) -> Option<JobNumber> {
        self.by_unique.get(unique).copied()
    }

    /// Makes later jobs with this unique (and workload) the same as `job`.
    pub(crate) fn remember(&mut self, unique: &Arc<[u8]>, workload: &Arc<[u8]>, job: JobNumber) {
        match unique.as_ref() {
            b"" => {}
            BY_WORKLOAD if workload.is_empty() => {}
            BY_WORKLOAD => {
                self.by_workload.insert(Arc::clone(workload), job);
            }
            _ => {
                self.by_unique.insert(Arc::clone(unique), job);
            }
        }
    }

    /// Undoes [`Function::remember`], where `job` is what is remembered.
    pub(crate) fn forget(&mut self, unique: &[u8], workload: &[u8], job: JobNumber) {
        let (index, key) =
            if unique == BY_WORKLOAD { (&mut self.by_workload, workload) } else { (&mut self.by_unique, unique) };
        if index.get(key) == Some(&job) {
            index.remove(key);
            if index.is_empty() && index.capacity() > 1 << 10 {
                *index = HashMap::new();
            }
        }
    }
}

fn place(priority: Priority) -> usize {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}

/// All functions.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    slots: Vec<Option<Function>>,
    free: Vec<u32>,
    by_name: HashMap<Arc<[u8]>, FunctionId>,
}

impl Functions {
    pub(crate) fn find(&self, name: &[u8]) -> Option<FunctionId> {
        self.by_name.get(name).copied()
    }

    /// The function of this name must not be there yet.
    pub(crate) fn add(&mut self, name: &[u8]) -> FunctionId {
        let name: Arc<[u8]> = name.into();
        let function = Some(Function::new(Arc::clone(&name)));
        let id = if let Some(index) = self.free.pop() {
            self.slots[index as usize] = function;
            FunctionId(index)
        } else {
            let index = u32::try_from(self.slots.len()).expect("the memory limit keeps functions below 2^32");
            self.slots.push(function);
            FunctionId(index)
        };
        self.by_name.insert(name, id);
        id
    }

    /// Nobody may hold its id any more: no job, no registration.
    pub(crate) fn remove(&mut self, id: FunctionId) -> Option<Function> {
        let function = self.slots.get_mut(id.0 as usize)?.take()?;
        self.by_name.remove(&function.name);
        self.free.push(id.0);
        Some(function)
    }

    pub(crate) fn get(&self, id: FunctionId) -> &Function {
        self.slots[id.0 as usize].as_ref().expect("ids are held only while the function is there")
    }

    pub(crate) fn get_mut(&mut self, id: FunctionId) -> &mut Function {
        self.slots[id.0 as usize].as_mut().expect("ids are held only while the function is there")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (FunctionId, &Function)> {
        let numbered = (0..).zip(&self.slots);
        numbered.filter_map(|(index, function)| Some((FunctionId(index), function.as_ref()?)))
    }
}
