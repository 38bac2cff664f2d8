//! A run as a script: each event with its time, below it the effects.

use std::fmt::Write as _;
use std::time::Duration;

use gearman_driver_core::manager::{Effect, Event, Suspect};
use gearman_driver_core::process::{Activity, ExitStatus};
use gearman_driver_core::time::Time;

/// Where the lines go.
pub(super) type Sink = Box<dyn FnMut(&str)>;

/// Writes what happens.
pub(super) struct Trace(Sink);

impl Trace {
    pub(super) fn new(sink: Sink) -> Self {
        Self(sink)
    }

    pub(super) fn note(&mut self, what: &str) {
        (self.0)(&format!("            # {what}"));
    }

    pub(super) fn event(&mut self, now: Time, event: &Event) {
        (self.0)(&format!("{} {}", seconds(now.uptime()), event_text(event)));
    }

    pub(super) fn effects(&mut self, effects: &[Effect]) {
        for effect in effects {
            let text = match effect {
                Effect::StartHost { host, generation } => format!("start host {} (generation {generation})", host.0),
                Effect::InForce { generation } => format!("generation {generation} is in force"),
                Effect::StopHost { host } => format!("stop host {}", host.0),
                Effect::Spawn { process, job, host } => format!("spawn {job}#{} from host {}", process.0, host.0),
                Effect::Stop { process } => format!("stop #{}", process.0),
                Effect::Kill { process } => format!("kill #{}", process.0),
                Effect::Reply { result: Ok(()), .. } => "ok".to_owned(),
                Effect::Reply { result: Err(error), .. } => format!("refused: {error}"),
                Effect::UnknownJob { function, .. } => format!("unknown {function}"),
                Effect::Suspects(list) => suspects_text(list),
                Effect::Log(line) => format!("log {} {line}", line.level),
                other => format!("{other:?}"),
            };
            (self.0)(&format!("               -> {text}"));
        }
    }
}

fn event_text(event: &Event) -> String {
    match event {
        Event::HostReady { host, generation, jobs } => {
            let mut text = format!("host {} ready (generation {generation}):", host.0);
            for job in jobs {
                let _ = write!(text, " {} {}..{}", job.name, job.limits.min(), job.limits.max());
            }
            text
        }
        Event::HostFailed { host, error } => format!("host {} failed: {error}", host.0),
        Event::HostGone { host, status, adopted, ended } => {
            let adopted: Vec<u64> = adopted.iter().map(|(process, _)| process.0).collect();
            let ended: Vec<u64> = ended.iter().map(|(process, _)| process.0).collect();
            format!("host {} gone ({}), adopted {adopted:?}, ended {ended:?}", host.0, status_text(*status))
        }
        Event::Spawned { process, pid } => format!("spawned #{} (PID {pid})", process.0),
        Event::SpawnFailed { process, .. } => format!("spawn failed #{}", process.0),
        Event::Exited { process, status, final_activity } => {
            let last = final_activity.as_ref().map_or("nothing".to_owned(), activity_text);
            format!("exited #{} ({}), last {last}", process.0, status_text(*status))
        }
        Event::Observed { processes } => {
            let mut text = "observed".to_owned();
            for (process, activity) in processes {
                let _ = write!(text, " #{} {},", process.0, activity_text(activity));
            }
            text
        }
        Event::Looked { functions, complete } => {
            let mut text = format!("looked{}:", if *complete { "" } else { " in part" });
            for (function, status) in functions.iter().filter(|(_, status)| status.queue > 0 || status.busy > 0) {
                let _ = write!(text, " {function} {}/{}", status.queue, status.busy);
            }
            text
        }
        Event::Order { id, order } => format!("order {}: {order:?}", id.0),
        Event::Signal(signal) => format!("signal {}", signal.name()),
        other => format!("{other:?}"),
    }
}

fn suspects_text(list: &[Suspect]) -> String {
    let mut text = "suspects".to_owned();
    for Suspect { number, at_work, deaths, poison, .. } in list {
        let _ = write!(text, " {number}: {at_work} {deaths}{}", if *poison { "!" } else { "" });
    }
    text
}

fn status_text(status: ExitStatus) -> String {
    format!("{status:?}")
}

fn activity_text(activity: &Activity) -> String {
    format!("{} since {} done {}", activity.state.name(), seconds(activity.since.uptime()).trim(), activity.jobs_done)
}

fn seconds(time: Duration) -> String {
    format!("{:11.6}", time.as_secs_f64())
}
