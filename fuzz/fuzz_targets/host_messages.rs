//! Whatever a host says: messages or an error, whole or in pieces; what it declares is taken or refused with its name,
//! and what is taken the manager bears.
#![no_main]

#[path = "../../crates/gearman-driver-supervisor/src/declarations.rs"]
mod declarations;
mod words;

use gearman_driver_core::job::JobDeclaration;
use gearman_driver_core::manager::{Event, Manager, Settings};
use gearman_driver_core::process::HostId;
use gearman_driver_core::time::Time;
use gearman_driver_front::console::{Action, Commands};
use gearman_driver_wire::host::{FromHost, Lines, encode};
use libfuzzer_sys::fuzz_target;

const WORDS: [&str; 22] = [
    r#"{"type":"loaded","protocol":1,"jobs":["#,
    r#"{"name":""#,
    r#"","functions":[""#,
    r#"","#,
    r#""],"min_processes":"#,
    r#","max_processes":"#,
    r#","max_idle_time":"#,
    "},",
    "}]",
    r#","workers":[""#,
    r#""],"warnings":[""#,
    r#""]}"#,
    "}\n",
    r#"{"type":"failed","error":""#,
    r#"{"type":"spawned","process":"#,
    r#","pid":"#,
    r#"{"type":"exited","process":"#,
    r#","code":"#,
    r#","signal":"#,
    r#"{"type":"spawn_failed","process":"#,
    r#","error":""#,
    "1",
];

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<FromHost>, Option<String>) {
    let mut lines = Lines::default();
    let mut messages = Vec::new();
    for piece in pieces {
        lines.push(piece);
        loop {
            match lines.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error.to_string())),
            }
        }
    }
    (messages, None)
}

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (piece, spell, bytes) = input;
    let bytes = if spell { words::spelled_out(bytes, &WORDS) } else { bytes.to_vec() };
    let whole = read(std::iter::once(bytes.as_slice()));
    assert_eq!(whole, read(bytes.chunks(usize::from(piece).max(1))));
    for message in whole.0 {
        let again = read(std::iter::once(encode(&message).as_slice()));
        assert_eq!(again, (vec![message.clone()], None));
        let FromHost::Loaded { jobs, .. } = message else { continue };
        match declarations::declarations(jobs) {
            // Each process of a minimum is an effect: not by the hundred thousand.
            Ok(jobs) if jobs.iter().map(|job| job.limits.min()).sum::<u32>() < 1000 => taken(jobs),
            Ok(_) => {}
            Err(error) => assert!(error.starts_with("job "), "{error}"),
        }
    }
});

fn taken(jobs: Vec<JobDeclaration>) {
    let count = jobs.len();
    let mut manager = Manager::new(Settings::default());
    manager.handle(Time::START, Event::Started);
    manager.handle(Time::START, Event::HostReady { host: HostId(1), generation: 1, jobs });
    let commands = Commands::new();
    for line in ["list", "status"] {
        let answer = commands.interpret(line, &manager.snapshot(Time::START));
        let Ok(Action::Answer(lines)) = answer else { panic!("{line} is refused") };
        assert_eq!(lines.len(), count);
        assert!(!lines.iter().any(|line| line.contains(char::is_control)), "{lines:?}");
    }
}
