//! What the person at the terminal sees: a table that stays in its place, or plain lines where there is no terminal.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::load::Sum;
use super::watch::JobNow;

/// A bar is at most so wide; what is beyond is not drawn.
const BAR: u64 = 12;

/// One look.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    /// Since the start.
    pub(crate) at: Duration,
    /// What is going on, if not the usual.
    pub(crate) note: String,
    pub(crate) jobs: Vec<JobNow>,
}

/// Standard output.
pub(crate) struct View {
    start: Instant,
    on_terminal: bool,
    closed: bool,
    due: Instant,
    /// Lines of the table that is on the terminal now.
    drawn: usize,
    first: bool,
    welcome: Vec<String>,
    busiest: Option<Frame>,
}

impl View {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            on_terminal: io::stdout().is_terminal(),
            closed: false,
            due: start,
            drawn: 0,
            first: false,
            welcome: Vec::new(),
            busiest: None,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Where everything is, and what one may type next.
    pub(crate) fn welcome(&mut self, port: u16, console: u16, log: &Path) {
        let name = super::workers::Kind::Flaky.name();
        self.welcome = vec![
            format!("job server 127.0.0.1:{port}, inside this process; the driver and its workers are its children"),
            format!("  steer:   nc 127.0.0.1 {console}    then: status, set_max_processes {name} 12, help"),
            format!("  submit:  gearman -p {port} -f {name} hello    (or: fail, panic, \"nap 500\")"),
        ];
        for line in self.welcome.clone() {
            self.write(&format!("{line}\n"));
        }
        self.write(&format!("  log:     {}\n", log.display()));
        self.write("  Ctrl-C ends it, when all answers are there\n\n");
    }

    /// A line that stays.
    pub(crate) fn say(&mut self, text: &str) {
        let clear = self.back();
        self.write(&format!("{clear}{text}\n"));
        self.due = Instant::now();
    }

    /// Tells once when the first job is done.
    pub(crate) fn first(&mut self, sum: &Sum) {
        if !self.first && sum.done > 0 {
            self.first = true;
            self.say(&format!("first job done after {:.2} s", self.elapsed().as_secs_f64()));
        }
    }

    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    pub(crate) fn show(&mut self, frame: Frame) {
        if self.on_terminal {
            let lines = table(&frame);
            let text: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
            let back = self.back();
            self.write(&format!("{back}{text}"));
            self.drawn = lines.len();
            self.due = Instant::now() + Duration::from_millis(500);
        } else {
            self.write(&format!("{}\n", plain(&frame)));
            self.due = Instant::now() + Duration::from_secs(1);
        }
        let processes = |frame: &Frame| frame.jobs.iter().filter_map(|job| job.processes).sum::<u64>();
        if self.busiest.as_ref().is_none_or(|busiest| processes(busiest) < processes(&frame)) {
            self.busiest = Some(frame);
        }
    }

    /// What was said at the start, and the look with the most processes.
    pub(crate) fn busiest(&self) -> Vec<String> {
        let mut lines = self.welcome.clone();
        if let Some(frame) = &self.busiest {
            lines.push(String::new());
            lines.extend(table(frame));
        }
        lines
    }

    /// The last line.
    pub(crate) fn sum_up(&mut self, sum: &Sum) {
        let Sum { submitted, done, failed } = sum;
        let lost = sum.open();
        self.write(&format!("submitted {submitted}, done {done}, failed on purpose {failed}, lost {lost}\n"));
    }

    /// What brings the cursor to the table's first line, and clears from there.
    fn back(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }

    fn write(&mut self, text: &str) {
        let mut out = io::stdout();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.closed = true;
        }
    }
}

/// As it stands on a terminal: under 80 columns.
pub(crate) fn table(frame: &Frame) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<14}{:>6}{:>6}{:>7}{:>8}{:>8}   {}",
        "job", "queue", "busy", "done/s", "done", "failed", "processes"
    )];
    let mut total = Sum::default();
    for JobNow { name, queue, processes, rate, sum } in &frame.jobs {
        let (waiting, busy) = queue.unzip();
        lines.push(format!(
            "{name:<14}{:>6}{:>6}{rate:>7.0}{:>8}{:>8}   {:>2} {}",
            number(waiting),
            number(busy),
            sum.done,
            sum.failed,
            number(*processes),
            bar(busy, *processes)
        ));
        total.submitted += sum.submitted;
        total.done += sum.done;
        total.failed += sum.failed;
    }
    let note = if frame.note.is_empty() { String::new() } else { format!("   {}", frame.note) };
    let (time, Sum { submitted, done, failed }) = (frame.at.as_secs_f64(), total);
    lines.push(format!("{time:.0} s: submitted {submitted}, done {done}, failed on purpose {failed}{note}"));
    lines
}

/// As one line.
fn plain(frame: &Frame) -> String {
    let jobs: Vec<String> = frame
        .jobs
        .iter()
        .map(|JobNow { name, queue, processes, rate, sum }| {
            let (waiting, busy) = queue.unzip();
            format!(
                "{name} queue {} busy {} processes {} done/s {rate:.0} failed {}",
                number(waiting),
                number(busy),
                number(*processes),
                sum.failed
            )
        })
        .collect();
    let note = if frame.note.is_empty() { String::new() } else { format!("  ({})", frame.note) };
    format!("{:>3.0} s  {}{note}", frame.at.as_secs_f64(), jobs.join(" | "))
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// A block a process: full where it is busy.
fn bar(busy: Option<u64>, processes: Option<u64>) -> String {
    let processes = processes.unwrap_or(0).min(BAR);
    let busy = busy.unwrap_or(0).min(processes);
    "█".repeat(busy as usize) + &"░".repeat((processes - busy) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn frame() -> Frame {
        let sum = Sum { submitted: 130, done: 112, failed: 9 };
        let known = JobNow { name: "convert_image", queue: Some((5, 3)), processes: Some(4), rate: 55.4, sum };
        let unknown = JobNow { name: "flaky", queue: None, processes: None, rate: 0.0, sum: Sum::default() };
        Frame { at: Duration::from_millis(12_300), note: String::new(), jobs: vec![known, unknown] }
    }

    #[test]
    fn a_table_on_a_terminal() {
        assert_snapshot!(table(&frame()).join("\n"), @r"
        job            queue  busy done/s    done  failed   processes
        convert_image      5     3     55     112       9    4 ███░
        flaky              -     -      0       0       0    - 
        12 s: submitted 130, done 112, failed on purpose 9
        ");
    }

    #[test]
    fn a_line_elsewhere() {
        assert_snapshot!(plain(&Frame { note: "stopping".to_owned(), ..frame() }), @" 12 s  convert_image queue 5 busy 3 processes 4 done/s 55 failed 9 | flaky queue - busy - processes - done/s 0 failed 0  (stopping)");
    }

    #[test]
    fn a_bar_has_a_block_a_process() {
        assert_eq!(bar(Some(2), Some(4)), "██░░");
        assert_eq!(bar(Some(9), Some(1)), "█");
        assert_eq!(bar(Some(0), Some(100)).chars().count(), 12);
        assert_eq!(bar(None, None), "");
    }
}
