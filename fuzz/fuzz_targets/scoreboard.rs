//! A slot of the scoreboard, written by a worker gone mad: what is read of it is bounded, and goes through the manager to
//! the console without a panic, and as single printable lines.
#![no_main]

#[path = "../../crates/gearman-driver-supervisor/src/clock.rs"]
#[allow(dead_code, reason = "as the supervisor has it")]
mod clock;
#[path = "../../crates/gearman-driver-supervisor/src/declarations.rs"]
mod declarations;
#[path = "../../crates/gearman-driver-supervisor/src/scoreboard.rs"]
#[allow(dead_code, reason = "as the supervisor has it")]
mod scoreboard;

use std::sync::LazyLock;

use gearman_driver_core::manager::{Effect, Event, Manager, Settings};
use gearman_driver_core::process::{ExitStatus, HostId};
use gearman_driver_core::time::Time;
use gearman_driver_front::console::{Action, Commands};
use gearman_driver_wire::scoreboard::{SLOT_BYTES, Slot, at};
use libfuzzer_sys::fuzz_target;

/// What the host has declared.
const JOBS: &str = r#"[{"name": "job", "functions": ["f", "g"], "min_processes": 1, "max_processes": 2}]"#;

static CLOCK: LazyLock<clock::Clock> = LazyLock::new(clock::Clock::start);

/// Sound PID and state, so that more than the first check is met, if `sound` says so.
fn slot(sound: bool, state: u8, bytes: &[u8]) -> Option<Slot> {
    let mut slot = [0; SLOT_BYTES];
    let n = bytes.len().min(SLOT_BYTES);
    slot[..n].copy_from_slice(&bytes[..n]);
    if sound {
        slot[at::PID..at::PID + 8].copy_from_slice(&4711_u64.to_ne_bytes());
        slot[at::STATE..at::STATE + 8].copy_from_slice(&u64::from(state % 4 + 1).to_ne_bytes());
    }
    Slot::read(&slot)
}

fuzz_target!(|input: (bool, u8, u64, &[u8])| {
    let (sound, state, later, bytes) = input;
    let read = slot(sound, state, bytes);
    assert!(!sound || read.is_some());
    let Some(read) = read else { return };
    let functions = ["f".to_owned(), "g".to_owned()];
    let activity = scoreboard::activity(&read, *CLOCK, &functions);

    let mut manager = Manager::new(Settings::default());
    manager.handle(Time::START, Event::Started);
    let jobs = declarations::declarations(serde_json::from_str(JOBS).expect("jobs")).expect("they can be");
    let effects = manager.handle(Time::START, Event::HostReady { host: HostId(1), generation: 1, jobs });
    let process = effects.iter().find_map(|effect| match effect {
        Effect::Spawn { process, .. } => Some(*process),
        _ => None,
    });
    let process = process.expect("the minimum is 1");
    manager.handle(Time::START, Event::Spawned { process, pid: 4711 });
    let now = Time::after_start(std::time::Duration::from_nanos(later));
    manager.handle(now, Event::Observed { processes: vec![(process, activity.clone())] });
    shown(&manager, now);
    manager.handle(now, Event::Exited { process, status: ExitStatus::Code(0), final_activity: Some(activity) });
    shown(&manager, now);
});

/// Asks the console's commands that show something.
fn shown(manager: &Manager, now: Time) {
    let commands = Commands::new();
    let snapshot = manager.snapshot(now);
    for line in ["status", "show job", "snapshot"] {
        let Ok(Action::Answer(lines)) = commands.interpret(line, &snapshot) else { panic!("{line} is refused") };
        for line in lines {
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }
}
