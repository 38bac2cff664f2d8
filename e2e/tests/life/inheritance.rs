//! What passes from process to process, and what does not: descriptors, signals, environment, names.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use e2e::{ServerKind, on_both_job_servers};
use gearman_testkit::Gearmand;

use crate::support::{Notes, client, farm, job, registered, run, scale};

// Not on both, but with gearmand alone: what is inherited is the driver's matter.
on_both_job_servers! {
    names_and_groups_tell_processes_apart,
}

/// What a process's descriptors are, by number; numbers of pipes and sockets left out.
fn descriptors(pid: u32) -> BTreeMap<u32, String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    entries
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
            let number = entry.file_name().to_str()?.parse().ok()?;
            // FIFOs of a process are gone from the directory, but /proc still tells what they were called.
            let kind = match target.split_once(":[") {
                Some((kind, _)) => kind.to_owned(),
                None => target,
            };
            Some((number, kind))
        })
        .collect()
}

/// Descriptors that whoever runs this test passes on to all its children.
fn inherited() -> Vec<String> {
    let output = Command::new("ls").arg("/proc/self/fd").stdin(Stdio::null()).output().unwrap().stdout;
    // 0 to 2, and the directory.
    String::from_utf8(output).unwrap().lines().map(str::to_owned).skip(4).collect()
}

#[test]
fn each_process_has_its_own_few_descriptors() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    let _console = farm.console();
    let pids = scale(&farm, &server, "note", 20);
    let mut fifos = Vec::new();
    let mut sets = Vec::new();
    for pid in pids {
        let descriptors = descriptors(pid);
        let values: Vec<&String> = descriptors.values().collect();
        for stream in [1, 2] {
            let fifo = &descriptors[&stream];
            assert!(fifo.contains("gearman-driver-") && fifo.ends_with("(deleted)"), "{pid}: {descriptors:?}");
            fifos.push(fifo.clone());
        }
        let others = values.iter().filter(|what| what.contains(".out") || what.contains(".err")).count();
        assert_eq!(others, 2, "another process's FIFO in {pid}: {descriptors:?}");
        let sockets = values.iter().filter(|what| *what == &"socket").count();
        assert_eq!(sockets, 1, "the job server's alone: {descriptors:?}");
        assert_eq!(descriptors[&0], "/dev/null");
        assert!(descriptors.len() <= 9 + inherited().len(), "{descriptors:?}");
        assert!(!values.iter().any(|what| what.contains("driver.log")), "{descriptors:?}");
        let mut kinds: Vec<String> =
            values.iter().map(|what| what.split("gearman-driver-").next().unwrap().to_owned()).collect();
        kinds.sort();
        sets.push(kinds);
    }
    assert!(sets.windows(2).all(|pair| pair[0] == pair[1]), "{sets:#?}");
    fifos.sort();
    fifos.dedup();
    assert_eq!(fifos.len(), 40, "each has two of its own: {fifos:?}");
    println!("a worker's descriptors: {:?}", sets[0]);
    let host = descriptors(farm.host());
    println!("the host's descriptors: {host:?}");
    assert!(
        !host.values().any(|what| what.contains(".out") || what.contains(".err") || what.contains("driver.log")),
        "{host:?}"
    );
}

/// The lines of a report with that tag.
fn tagged<'a>(report: &'a str, tag: &str) -> Vec<&'a str> {
    report.lines().filter_map(|line| line.strip_prefix(tag)?.strip_prefix(' ')).collect()
}

/// Descriptors and signals are those of a child of this test itself: whoever runs it may pass some on.
fn assert_clean(report: &str) {
    let script = "for fd in /proc/$$/fd/*; do to=$(readlink $fd) && echo \"FD ${fd##*/} $to\"; done; \
                  sed 's/^/STATUS /' /proc/self/status";
    let mine = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output().unwrap().stdout;
    let mine = String::from_utf8(mine).unwrap();
    let numbers = |report: &str| -> Vec<u32> {
        let mut numbers: Vec<u32> =
            tagged(report, "FD").iter().map(|fd| fd.split(' ').next().unwrap().parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(numbers(report), numbers(&mine), "{report}");
    assert!(numbers(report).starts_with(&[0, 1, 2]), "{report}");
    for signals in ["SigBlk:", "SigIgn:"] {
        let mask = |report: &str| {
            let status = tagged(report, "STATUS");
            status.iter().find_map(|line| line.strip_prefix(signals)).unwrap().trim().to_owned()
        };
        assert_eq!(mask(report), mask(&mine), "{signals} {report}");
    }
    let environment = tagged(report, "ENV");
    assert!(environment.iter().any(|variable| variable.starts_with("LIFE_NOTES=")), "{report}");
    assert!(!environment.iter().any(|variable| variable.starts_with("GEARMAN_DRIVER_ROLE")), "{report}");
}

#[test]
fn a_jobs_child_gets_three_descriptors_no_signal_mask_and_no_role() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "seen_by_child", 1);
    let seen = client(&server.address()).run(&job("seen_by_child"), "").unwrap();
    assert_clean(&String::from_utf8(seen).unwrap());
}

#[test]
fn a_process_that_becomes_another_program_takes_nothing_along() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "seen_after_exec", 1);
    let first = run(&server.address(), "seen_after_exec", "");
    let seen = farm.wait("the report", || fs::read_to_string(notes.path().join("seen")).ok());
    assert_clean(&seen);
    drop(first);
}

fn names_and_groups_tell_processes_apart(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    let pids = scale(&farm, &server, "note", 3);
    let host_name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for row in server.workers().iter().filter(|row| row.ends_with(&job("note"))) {
        let id = row.split(' ').nth(2).unwrap();
        let parts: Vec<&str> = id.split('/').collect();
        assert_eq!(parts.len(), 5, "{row}");
        assert_eq!((parts[0], parts[2], parts[4]), ("gd1", farm.pid().to_string().as_str(), job("note").as_str()));
        assert!(host_name.trim().starts_with(parts[1]) || parts[1].len() <= 32, "{row}");
        assert!(pids.contains(&parts[3].parse().unwrap()), "{row}");
    }
    assert_eq!(registered(&server, "note").len(), 3);

    let processes = farm.processes();
    let title = |pid: u32| processes.iter().find(|process| process.pid == pid).unwrap().title.clone();
    let host = title(farm.host());
    assert!(host.ends_with("life_farm [host, generation 1]"), "{host}");
    for pid in &pids {
        let title = title(*pid);
        assert!(title.contains("life_farm") && title.contains(&job("note")), "{title}");
    }
    let group = |pid: u32| nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid.try_into().unwrap()))).unwrap();
    let mut groups: Vec<_> = processes.iter().map(|process| process.pid).chain([farm.pid()]).map(group).collect();
    let all = groups.len();
    groups.sort_unstable();
    groups.dedup();
    assert_eq!(groups.len(), all, "each process but the supervisor leads a group of its own");
    assert!(pids.iter().all(|pid| group(*pid).as_raw().unsigned_abs() == *pid));
}
