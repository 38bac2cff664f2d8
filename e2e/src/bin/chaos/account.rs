//! The account of a run: what became of all jobs, as numbers and as text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::clients::Heard;
use crate::damage::Damage;
use crate::deaths;
use crate::evidence::{Answer, Execution, Life, Submission};
use crate::jobs::Task;
use crate::plan::{AtLeast, KINDS, Kind};
use crate::recycled::{Recycled, overworked};
use crate::verdict::{End, Story, Verdict, judge};
use crate::world::Counts;

/// Jobs whose history is told, at the most.
const TOLD: usize = 20;

/// All that is known of a run.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) jobs: u32,
    pub(crate) heard: HashMap<u32, Vec<Submission>>,
    pub(crate) executions: HashMap<u32, Vec<Execution>>,
    pub(crate) lives: Vec<Life>,
    pub(crate) recycled: Recycled,
    pub(crate) damage: Damage,
    /// When it began, by the clock of the others.
    pub(crate) began: u64,
}

/// The numbers.
#[derive(Debug, Default)]
pub(crate) struct Account {
    jobs: u32,
    background: u32,
    done: u32,
    failed: u32,
    timed_out: u32,
    poison: u32,
    taken_for_poison: u32,
    lost: u32,
    /// Processes that each of the poison jobs took down, or was killed in.
    deaths: Vec<usize>,
    /// Poison jobs of which some deaths were before, some after a kill of their driver's supervisor.
    over_a_new_start: u32,
    /// Worker processes.
    processes: usize,
    /// What processes must not have done.
    wrong: Vec<String>,
    /// More than one execution came to its end.
    twice: u32,
    twice_explained: u32,
    /// More than one execution was begun, these included.
    again: u32,
    again_explained: u32,
    /// Executions.
    cut_short: u32,
    /// Jobs that were submitted again.
    submitted_again: u32,
    submitted_again_background: u32,
    /// The jobs that show a fault.
    faults: Vec<(Task, Verdict)>,
}

/// What clients have heard, by the jobs' numbers.
pub(crate) fn by_number(heard: Vec<Heard>) -> HashMap<u32, Vec<Submission>> {
    heard.into_iter().flatten().collect()
}

impl Account {
    /// Judges all jobs; those that were never submitted too, unless the run was stopped.
    pub(crate) fn of(evidence: &Evidence, stopped: bool) -> Self {
        let (processes, wrong) = (evidence.lives.len(), overworked(&evidence.lives));
        let mut account = Self { processes, wrong, ..Self::default() };
        for number in 0..evidence.jobs {
            let story = evidence.story(number);
            if !stopped || !story.submissions.is_empty() {
                account.add(&story, &evidence.damage);
            }
        }
        account
    }

    fn add(&mut self, story: &Story<'_>, damage: &Damage) {
        let verdict = judge(story, damage);
        self.jobs += 1;
        match verdict.end {
            End::Done => self.done += 1,
            End::FailedOnPurpose => self.failed += 1,
            End::TimedOut => self.timed_out += 1,
            End::Poison => {
                self.poison += 1;
                self.deaths.push(verdict.cut_short);
                self.over_a_new_start += u32::from(deaths::over_a_new_start(story.executions, damage));
            }
            End::TakenForPoison => self.taken_for_poison += 1,
            End::Lost(_) => self.lost += 1,
        }
        let explained = u32::from(verdict.explained == Some(true));
        if verdict.finished > 1 {
            self.twice += 1;
            self.twice_explained += explained;
        }
        if verdict.explained.is_some() {
            self.again += 1;
            self.again_explained += explained;
        }
        self.cut_short += u32::try_from(verdict.cut_short).unwrap_or(u32::MAX);
        self.background += u32::from(story.task.background);
        if story.submissions.iter().any(|submission| matches!(submission.answer, Answer::ConnectionLost(_))) {
            self.submitted_again += 1;
            self.submitted_again_background += u32::from(story.task.background);
        }
        if verdict.is_fault() {
            self.faults.push((story.task, verdict));
        }
    }

    /// Whether neither a job nor a process shows a fault.
    pub(crate) fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.wrong.is_empty()
    }

    /// The last line, for programs.
    pub(crate) fn line(&self) -> String {
        format!(
            "jobs {}, done {}, done twice {} (explained {}), failed on purpose {}, failed as poison {}, lost {}",
            self.jobs,
            self.done,
            self.twice,
            self.twice_explained,
            self.failed + self.timed_out,
            self.poison + self.taken_for_poison,
            self.lost
        )
    }

    /// The jobs that took down processes, and how many.
    fn poison(&self) -> String {
        let (all, least, most) =
            (self.deaths.iter().sum::<usize>(), self.deaths.iter().min(), self.deaths.iter().max());
        match least.zip(most) {
            Some((least, most)) => format!(
                "failed as poison, as they had to: {all} deaths of them, {least} to {most} each, {} over a supervisor's kill",
                self.over_a_new_start
            ),
            None => "failed as poison, as they had to".to_owned(),
        }
    }

    /// For people.
    pub(crate) fn text(&self, evidence: &Evidence, counts: &Counts, took: Duration) -> String {
        let millis = u64::try_from(counts.slowest_answer.as_millis()).unwrap_or(u64::MAX);
        let background = format!("{} of them in the background", self.submitted_again_background);
        let mut rows: Vec<(u64, String)> = vec![
            (self.jobs.into(), format!("jobs, {} of them in the background", self.background)),
            (self.done.into(), "done".to_owned()),
            (self.failed.into(), "failed on purpose".to_owned()),
            (self.timed_out.into(), "failed on purpose at their timeout".to_owned()),
            (self.poison.into(), self.poison()),
            (self.taken_for_poison.into(), "taken for poison, after three kills".to_owned()),
            (self.lost.into(), "lost".to_owned()),
            (self.twice.into(), format!("done twice: {} explained", self.twice_explained)),
            (self.again.into(), format!("begun more than once, these included: {} explained", self.again_explained)),
            (self.cut_short.into(), "executions cut short".to_owned()),
            (self.submitted_again.into(), format!("submitted again after a job server's death, {background}")),
        ];
        rows.push((u64::try_from(self.processes).unwrap_or(u64::MAX), "worker processes".to_owned()));
        let recycled = |reason| format!("of them recycled because of {reason}");
        rows.extend(evidence.recycled.rows().map(|(number, reason)| (number.into(), recycled(reason))));
        let overdue = u64::try_from(evidence.damage.overdue.len()).unwrap_or(u64::MAX);
        rows.push((overdue, "of them killed by their driver, since a job had long outlived its timeout".to_owned()));
        rows.extend(KINDS.map(|(kind, what, _)| (counts.of(kind).into(), what.to_owned())));
        rows.push((counts.taken_back.into(), "reloads taken back by drivers".to_owned()));
        rows.extend(counts.refused.iter().map(|(what, &number)| (number.into(), format!("refused: {what}"))));
        rows.push((millis, "ms, a console's slowest answer".to_owned()));
        let mut text = String::new();
        for (number, what) in rows {
            let _ = writeln!(text, "{number:>9}  {what}");
        }
        let per_second = f64::from(self.jobs) / took.as_secs_f64().max(0.001);
        let _ = writeln!(text, "\n{:.1} s, {per_second:.0} jobs/s", took.as_secs_f64());
        text
    }

    /// The histories of the jobs that show a fault.
    pub(crate) fn histories(&self, evidence: &Evidence) -> String {
        let mut text = self.wrong.join("\n");
        for (task, verdict) in self.faults.iter().take(TOLD) {
            let _ = writeln!(text, "{task:?}\n  {verdict:?}");
            for line in evidence.history(task.number) {
                let _ = writeln!(text, "  {line}");
            }
        }
        if self.faults.len() > TOLD {
            let _ = writeln!(text, "and {} more", self.faults.len() - TOLD);
        }
        text
    }
}

impl Counts {
    fn of(&self, kind: Kind) -> u32 {
        self.done.get(&kind).copied().unwrap_or(0)
    }

    /// What there was less of than wanted.
    pub(crate) fn missing(&self, wanted: AtLeast) -> Option<String> {
        let kills = [Kind::KillWorker, Kind::KillHost, Kind::KillSupervisor].map(|kind| self.of(kind)).iter().sum();
        let wanted = [
            ("kills", kills, wanted.kills),
            ("reloads", self.of(Kind::Reload), wanted.reloads),
            ("restarts of job servers", self.of(Kind::RestartServer), wanted.server_restarts),
        ];
        let missing = wanted.iter().find(|(_, was, wanted)| was < wanted);
        missing.map(|(what, was, wanted)| format!("{wanted} {what} were wanted, there were {was}"))
    }
}

impl Evidence {
    fn story(&self, number: u32) -> Story<'_> {
        let of = |number| self.executions.get(number).map(Vec::as_slice).unwrap_or_default();
        Story {
            task: Task::of(number),
            submissions: self.heard.get(&number).map(Vec::as_slice).unwrap_or_default(),
            executions: of(&number),
        }
    }

    /// What happened to a job, in the order of time.
    fn history(&self, number: u32) -> Vec<String> {
        let story = self.story(number);
        let mut events: Vec<(u64, String)> = Vec::new();
        for Submission { server, span, handle, answer } in story.submissions {
            let handle = handle.as_deref().unwrap_or("no handle");
            events.push((span.from, format!("submitted to job server {server} ({handle})")));
            events.push((span.until, format!("the client has heard: {answer:?}")));
        }
        for execution in story.executions {
            let Execution { pid, driver, handle, begun, fell, ended, .. } = execution;
            events.push((*begun, format!("begun by {pid} of driver {driver} ({handle})")));
            events.extend(fell.map(|at| (at, format!("{pid} is taken down by it"))));
            if let Some((at, mark)) = ended {
                events.push((*at, format!("ended by {pid}: {mark:?}")));
            }
            let kills = self.damage.workers.iter().chain(&self.damage.ordered).filter(|(killed, _)| killed == pid);
            events.extend(kills.map(|(pid, span)| (span.from, format!("{pid} was killed"))));
        }
        let told = |events: &[(u64, String)]| {
            let from = events.iter().map(|(at, _)| *at).min().unwrap_or(0);
            from..=events.iter().map(|(at, _)| *at).max().unwrap_or(0)
        };
        let time = told(&events);
        for (incarnation, span) in &self.damage.servers {
            if time.contains(&span.from) {
                events.push((span.from, format!("job server {} was killed", incarnation.prefix())));
            }
        }
        let Damage { quits, supervisors, hosts, reloads, .. } = &self.damage;
        for (driver, what) in
            [(quits, "QUIT"), (supervisors, "supervisor killed"), (hosts, "host killed"), (reloads, "reload")]
                .into_iter()
                .flat_map(|(spans, what)| spans.iter().map(move |driver| (driver, what)))
        {
            if time.contains(&driver.1.from) {
                events.push((driver.1.from, format!("driver {}: {what}", driver.0)));
            }
        }
        for (server, span) in &self.damage.frozen {
            if time.contains(&span.from) || time.contains(&span.until) {
                events.push((span.from, format!("job server {server} was frozen")));
                events.push((span.until, format!("job server {server} went on")));
            }
        }
        events.sort_by_key(|(at, _)| *at);
        let seconds = |at: u64| Duration::from_nanos(at.saturating_sub(self.began)).as_secs_f64();
        events.into_iter().map(|(at, what)| format!("{:>10.4} s  {what}", seconds(at))).collect()
    }
}
