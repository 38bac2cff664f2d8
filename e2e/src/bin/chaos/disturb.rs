//! Does what the plan says. What takes long happens in a thread of its own, while others follow.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::driver::{Driver, Ending};
use crate::evidence::{SENT, Span};
use crate::jobs::console_names;
use crate::note::now;
use crate::plan::{Disturbance, Kind};
use crate::world::{Claim, Claimed, World, lock};
use e2e::Chance;

/// So long a target is looked for: with all drivers down at once there is none for some seconds.
const PATIENCE: Duration = Duration::from_secs(90);
/// From a console's answer to the end of the process.
const ORDERED: u64 = 1_000_000_000;
/// From HUP to the end of the reload, at the most.
const HUNG_UP: u64 = 30_000_000_000;
/// Levels that a log may be set to: what the account counts is logged at all of them.
const LEVELS: [&str; 2] = ["DEBUG", "TRACE"];
/// So often the gate is opened a little further.
const STEP: Duration = Duration::from_millis(10);

/// Does all of it, spread evenly over the jobs.
pub(crate) fn run<'scope>(
    world: &'scope World,
    plan: Vec<Disturbance>,
    jobs: u32,
    next: &AtomicU32,
    scope: &'scope Scope<'scope, '_>,
) {
    let count = plan.len() as u64;
    let number_at = |index: u64| u32::try_from(u64::from(jobs) * index / count).unwrap_or(u32::MAX);
    for (index, disturbance) in (0..).zip(plan) {
        while next.load(Ordering::SeqCst) < number_at(index) && !world.stop.is_stopped() {
            std::thread::sleep(Duration::from_millis(1));
        }
        open_within(disturbance.pause, number_at(index), number_at(index + 1), world);
        if world.stop.is_stopped() {
            break;
        }
        let kind = disturbance.kind;
        world.guarded(&format!("{kind:?}"), || perform(world, disturbance, scope));
    }
    world.gate.open();
}

/// Lets the jobs between these numbers be submitted, evenly over that time: so the workers are busy at the end of it, and
/// not only at its beginning.
fn open_within(time: Duration, from: u32, to: u32, world: &World) {
    let steps = u32::try_from(time.as_millis() / STEP.as_millis()).unwrap_or(0) + 1;
    for step in 1..=steps {
        let further = u64::from(to - from) * u64::from(step) / u64::from(steps);
        world.gate.open_to(from + u32::try_from(further).unwrap_or(0));
        world.stop.pause(time / steps);
    }
}

fn perform<'scope>(world: &'scope World, disturbance: Disturbance, scope: &'scope Scope<'scope, '_>) {
    let Disturbance { kind, mut random, .. } = disturbance;
    match kind {
        Kind::KillWorker => signal_one(world, kind, "[worker ", Signal::SIGKILL, &mut random),
        Kind::KillHost => signal_one(world, kind, "[host, ", Signal::SIGKILL, &mut random),
        Kind::TermWorker => signal_one(world, kind, "[worker ", Signal::SIGTERM, &mut random),
        Kind::ConsoleKill => {
            let target = || {
                let (driver, pid) = process(world, "[worker ", &mut random)?;
                Some((driver, format!("kill {pid}")))
            };
            order(world, kind, target);
        }
        Kind::KillNow => kill_now(world, kind, &mut random),
        Kind::Hup => {
            if let Some((driver, claimed)) = claim(world, kind, &world.drivers, |driver| &driver.claim, &mut random) {
                let from = now();
                driver.hang_up();
                lock(&world.damage).reloads.push((driver.index, Span { from, until: from + HUNG_UP }));
                world.count(kind);
                drop(claimed);
            }
        }
        Kind::Scale => {
            let job = random.one_of(&console_names()).cloned().unwrap_or_default();
            let min = random.below(5);
            let max = min.max(1) + random.below(6);
            order(world, kind, || Some((up(world, &mut random)?, format!("set_processes {job} {min} {max}"))));
        }
        Kind::RestartJob => {
            let job = random.one_of(&console_names()).cloned().unwrap_or_default();
            alone(world, kind, scope, move || {
                order(world, kind, || Some((up(world, &mut random)?, format!("restart {job}"))));
            });
        }
        Kind::LogLevel => {
            let level = random.one_of(&LEVELS).copied().unwrap_or_default();
            order(world, kind, || Some((up(world, &mut random)?, format!("set_loglevel {level}"))));
        }
        Kind::Save => order(world, kind, || Some((up(world, &mut random)?, "save".to_owned()))),
        Kind::Reload => alone(world, kind, scope, move || {
            order(world, kind, || Some((up(world, &mut random)?, "reload".to_owned())));
        }),
        Kind::KillSupervisor => {
            let found = claim(world, kind, &world.drivers, |driver| &driver.claim, &mut random);
            let Some((driver, claimed)) = found else {
                return;
            };
            alone(world, kind, scope, move || {
                let killed = driver.kill_and_start();
                lock(&world.damage).supervisors.push(killed);
                world.count(kind);
                drop(claimed);
            });
        }
        Kind::Shutdown => end(world, kind, scope, Ending::Console, random),
        Kind::TermSupervisor => end(world, kind, scope, Ending::Term, random),
        Kind::QuitSupervisor => end(world, kind, scope, Ending::Quit, random),
        Kind::RestartServer => {
            let found = claim(world, kind, &world.servers, |server| &server.claim, &mut random);
            let Some((server, claimed)) = found else {
                return;
            };
            let pause = Duration::from_millis(20 + random.below(800));
            alone(world, kind, scope, move || {
                let death = server.kill();
                lock(&world.damage).servers.push(death);
                world.stop.pause(pause);
                if !world.stop.is_stopped() {
                    server.start_again();
                    world.count(kind);
                }
                drop(claimed);
            });
        }
        Kind::FreezeServer => {
            let found = claim(world, kind, &world.servers, |server| &server.claim, &mut random);
            let Some((server, claimed)) = found else {
                return;
            };
            let time = Duration::from_millis(50 + random.below(1500));
            alone(world, kind, scope, move || {
                let frozen = server.freeze(time);
                lock(&world.damage).frozen.push(frozen);
                world.count(kind);
                drop(claimed);
            });
        }
    }
}

/// Ends a driver and starts it again.
fn end<'scope>(world: &'scope World, kind: Kind, scope: &'scope Scope<'scope, '_>, how: Ending, mut random: Chance) {
    let Some((driver, claimed)) = claim(world, kind, &world.drivers, |driver| &driver.claim, &mut random) else {
        return;
    };
    let pause = Duration::from_millis(random.below(500));
    alone(world, kind, scope, move || {
        let ended = driver.end_and_start(how, pause);
        if how == Ending::Quit {
            lock(&world.damage).quits.push(ended);
        }
        world.count(kind);
        drop(claimed);
    });
}

/// In a thread of its own.
fn alone<'scope>(
    world: &'scope World,
    kind: Kind,
    scope: &'scope Scope<'scope, '_>,
    act: impl FnOnce() + Send + 'scope,
) {
    scope.spawn(move || world.guarded(&format!("{kind:?}"), act));
}

/// Signals a process with such a title, of any driver.
fn signal_one(world: &World, kind: Kind, title: &str, signal: Signal, random: &mut Chance) {
    let signalled = || {
        let (driver, pid) = process(world, title, random)?;
        let from = now();
        kill(Pid::from_raw(i32::try_from(pid).ok()?), signal).ok()?;
        Some((driver.index, pid, Span { from, until: now() + SENT }))
    };
    let Some((driver, pid, span)) = find(world, kind, signalled) else {
        return;
    };
    match kind {
        Kind::KillWorker => lock(&world.damage).workers.push((pid, span)),
        Kind::KillHost => lock(&world.damage).hosts.push((driver, span)),
        _ => {}
    }
    world.count(kind);
}

/// Has a driver kill one of its workers.
fn kill_now(world: &World, kind: Kind, random: &mut Chance) {
    let killed = || {
        let (driver, pid) = process(world, "[worker ", random)?;
        let from = now();
        // Also without an answer it may have been done.
        let answer = driver.ask(&format!("kill_now {pid}"));
        // The answer says that the kill is ordered: the host's signal follows.
        let span = Span { from, until: now() + ORDERED };
        lock(&world.damage).ordered.push((pid, span));
        answer.is_ok_and(|(lines, _)| lines == ["OK"]).then_some(())
    };
    if find(world, kind, killed).is_some() {
        world.count(kind);
    }
}

/// Gives an order to a console. Other drivers are asked as long as one is going down meanwhile.
fn order<'w>(world: &'w World, kind: Kind, mut target: impl FnMut() -> Option<(&'w Driver, String)>) {
    let answer = find(world, kind, || {
        let (driver, command) = target()?;
        let from = now();
        let answer = driver.ask(&command);
        if kind == Kind::Reload {
            lock(&world.damage).reloads.push((driver.index, Span { from, until: now() }));
        }
        let (lines, took) = answer.ok()?;
        Some((lines.first()?.clone(), took))
    });
    let Some((answer, took)) = answer else {
        return;
    };
    if answer.starts_with("OK") {
        world.count(kind);
    } else {
        *lock(&world.counts).refused.entry(format!("{kind:?}: {answer}")).or_default() += 1;
    }
    let counts = &mut lock(&world.counts);
    if !matches!(kind, Kind::Reload | Kind::RestartJob) {
        counts.slowest_answer = counts.slowest_answer.max(took);
    }
}

/// A driver whose console answers.
fn up<'w>(world: &'w World, random: &mut Chance) -> Option<&'w Driver> {
    let up: Vec<&Driver> = world.drivers.iter().filter(|driver| driver.is_up()).collect();
    random.one_of(&up).copied()
}

/// A process with such a title, and its driver.
fn process<'w>(world: &'w World, title: &str, random: &mut Chance) -> Option<(&'w Driver, u32)> {
    let driver = random.one_of(&world.drivers)?;
    // A driver that is being started must find its host: that it can't be started without one is no fault.
    let usable = driver.is_up() || !title.starts_with("[host");
    let processes = if usable { driver.processes(title) } else { Vec::new() };
    Some((driver, random.one_of(&processes)?.pid))
}

/// One of these that nobody else stops or starts, and the right to do so; `None` when the run is over.
fn claim<'w, T>(
    world: &World,
    kind: Kind,
    all: &'w [T],
    claim_of: impl Fn(&'w T) -> &'w Claim,
    random: &mut Chance,
) -> Option<(&'w T, Claimed<'w>)> {
    find(world, kind, || {
        let one = random.one_of(all)?;
        Some((one, claim_of(one).take()?))
    })
}

/// Tries until there is something, or the run is over.
fn find<T>(world: &World, kind: Kind, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    while !world.stop.is_stopped() {
        if let Some(found) = look() {
            return Some(found);
        }
        assert!(Instant::now() < end, "{kind:?}: nothing to do it to within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}
