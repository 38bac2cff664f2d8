//! The admin text: one line in, an answer out, to the letter as gearmand gives it.

use gearman_protocol::PacketType;

use super::{Server, function_cost, leading_number};
use crate::function::Function;
use crate::input::Fault;
use crate::links::ConnectionId;

/// gearmand closes the connection at the next one.
const WORDS: usize = 7;

const OK: &[u8] = b"OK\r\n";

impl Server {
    /// Answers one line.
    pub(super) fn admin(&mut self, id: ConnectionId, line: &[u8]) -> Result<(), Fault> {
        let words = words(line);
        if words.len() > WORDS {
            return Err(Fault::ManyWords { limit: WORDS });
        }
        let answer = self.answer(&words);
        self.links.text(id, &answer);
        Ok(())
    }

    fn answer(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let [command, arguments @ ..] = words else {
            return unknown(b"");
        };
        match (command.to_ascii_lowercase().as_slice(), arguments) {
            (b"status", _) => self.status(),
            (b"prioritystatus", _) => self.priority_status(),
            (b"workers", _) => self.workers(),
            (b"show", [what]) if is(what, b"jobs") => self.show_jobs(),
            (b"show", [unique, what]) if is(unique, b"unique") && is(what, b"jobs") => self.show_unique_jobs(),
            (b"show", [_, ..]) => b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n".to_vec(),
            (b"cancel", [what, handle]) if is(what, b"job") => self.cancel(handle),
            (b"cancel", [_, _, ..]) => b"ERR UNKNOWN_ERROR\r\n".to_vec(),
            (b"create", [what, function]) if is(what, b"function") => self.create_function(function),
            (b"drop", [what, function]) if is(what, b"function") => self.drop_function(function),
            (b"maxqueue", [function, limits @ ..]) => self.max_queue(function, limits),
            (b"create" | b"drop" | b"maxqueue", _) => incomplete(command),
            (b"getpid", _) => format!("OK {}\n", self.identity.pid).into_bytes(),
            (b"version", _) => format!("OK {}\n", self.identity.version).into_bytes(),
            (b"verbose", _) => format!("OK {}\n", verbosity()).into_bytes(),
            _ => unknown(command),
        }
    }

    /// Function, all jobs, running ones, registrations.
    fn status(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (_, function) in self.functions.iter() {
            out.extend_from_slice(&function.name);
            let numbers = format!("\t{}\t{}\t{}\n", function.total, function.running, function.workers.len());
            out.extend_from_slice(numbers.as_bytes());
        }
        out.extend_from_slice(b".\n");
        out
    }

    /// Function, jobs in line by priority (those for later count as normal), registrations.
    fn priority_status(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (_, function) in self.functions.iter() {
            let [high, normal, low] = function.waiting();
            let normal = normal + function.later as usize;
            out.extend_from_slice(&function.name);
            let numbers = format!("\t{high}\t{normal}\t{low}\t{}\n", function.workers.len());
            out.extend_from_slice(numbers.as_bytes());
        }
        out.extend_from_slice(b".\n");
        out
    }

    /// A number, address, client id, functions.
    fn workers(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, link) in self.links.iter() {
            out.extend_from_slice(format!("{} {} ", id.index(), link.address).as_bytes());
            out.extend_from_slice(&link.client_id);
            out.extend_from_slice(b" :");
            for ability in &link.abilities {
                out.push(b' ');
                out.extend_from_slice(&self.functions.get(ability.function).name);
            }
            out.push(b'\n');
        }
        out.extend_from_slice(b".\n");
        out
    }

    /// Handle, times queued again, whether it will be dropped, whether it is a background job.
    fn show_jobs(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in self.job_numbers() {
            if let Some(job) = self.jobs.get(&number) {
                let (dropped, background) = (u8::from(job.abandoned), u8::from(job.background));
                let row = format!("{}\t{}\t{dropped}\t{background}\n", self.handle(number), job.retries);
                out.extend_from_slice(row.as_bytes());
            }
        }
        out.extend_from_slice(b".\n");
        out
    }

    fn show_unique_jobs(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in self.job_numbers() {
            if let Some(job) = self.jobs.get(&number) {
                out.extend_from_slice(&job.unique);
                out.push(b'\n');
            }
        }
        out.extend_from_slice(b".\n");
        out
    }

    fn job_numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.jobs.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    /// The job's clients are told that it failed. A worker that has it is not told and may finish it.
    fn cancel(&mut self, handle: &[u8]) -> Vec<u8> {
        let number = self.number(handle).filter(|number| self.jobs.contains_key(number));
        let Some(number) = number else {
            return b"ERR UNKNOWN_JOB\r\n".to_vec();
        };
        for &client in self.jobs.get(&number).map_or(&[][..], |job| job.clients.as_slice()) {
            self.links.packet(client, PacketType::WorkFail, &[handle]);
        }
        self.abandon(number);
        OK.to_vec()
    }

    fn create_function(&mut self, name: &[u8]) -> Vec<u8> {
        if self.function(name).is_some() {
            return OK.to_vec();
        }
        [b"ERR CREATE_FUNCTION ", name, b"\r\n"].concat()
    }

    fn drop_function(&mut self, name: &[u8]) -> Vec<u8> {
        let named = |function: &Function| function.name.eq_ignore_ascii_case(name);
        let in_use = |function: &Function| !function.workers.is_empty() || function.total > 0;
        let found = self.functions.iter().find(|(_, function)| named(function));
        match found.map(|(id, function)| (id, in_use(function))) {
            None => return b"ERR function not found\r\n".to_vec(),
            Some((_, true)) => return b"ERR there are still connected workers or executing clients\r\n".to_vec(),
            Some((id, false)) => {
                if let Some(function) = self.functions.remove(id) {
                    self.budget.give_back(function_cost(&function.name));
                }
            }
        }
        OK.to_vec()
    }

    /// `maxqueue F [N | HIGH NORMAL LOW]`; 0 and nothing mean no limit. Silently nothing for a function that is not there.
    fn max_queue(&mut self, name: &[u8], limits: &[&[u8]]) -> Vec<u8> {
        let limit = |at: usize| {
            let number = limits.get(at).map_or(0, |limit| leading_number(limit));
            u32::try_from(number.max(0)).unwrap_or(u32::MAX)
        };
        let limits = if limits.len() <= 1 { [limit(0); 3] } else { [limit(0), limit(1), limit(2)] };
        if let Some(function) = self.functions.find(name) {
            self.functions.get_mut(function).max_queue = limits;
        }
        OK.to_vec()
    }
}

/// The level of this program's log, by gearmand's names.
fn verbosity() -> &'static str {
    match log::max_level() {
        log::LevelFilter::Off => "FATAL",
        log::LevelFilter::Error => "ERROR",
        log::LevelFilter::Warn => "WARNING",
        log::LevelFilter::Info => "INFO",
        log::LevelFilter::Debug | log::LevelFilter::Trace => "DEBUG",
    }
}

fn is(word: &[u8], name: &[u8]) -> bool {
    word.eq_ignore_ascii_case(name)
}

fn unknown(command: &[u8]) -> Vec<u8> {
    [b"ERR UNKNOWN_COMMAND Unknown+server+command", command, b"\r\n"].concat()
}

fn incomplete(command: &[u8]) -> Vec<u8> {
    [b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+", command, b"\r\n"].concat()
}

/// The words of a line: separated by spaces, the first one even when it is empty.
fn words(line: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(space) = rest.iter().position(|&byte| byte == b' ') {
        words.push(&rest[..space]);
        let after = &rest[space..];
        let spaces = after.iter().take_while(|&&byte| byte == b' ').count();
        rest = &after[spaces..];
    }
    words.push(rest);
    words
}
