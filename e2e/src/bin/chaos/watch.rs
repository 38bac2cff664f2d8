//! Ends a run that hangs, and one that somebody interrupts.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::world::{Stop, World};

/// Nothing at all has happened for so long: it hangs.
const SILENCE: Duration = Duration::from_secs(90);

/// From now on INT and TERM stop the run. They are caught, not held back: what is started inherits what is held back.
pub(crate) fn interrupts(stop: Arc<Stop>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let caught = {
        let _runtime = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let (mut interrupt, mut terminate) = caught;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        });
        eprintln!("chaos: interrupted: ending what was started");
        stop.stop("interrupted".to_owned());
    })?;
    Ok(())
}

/// The helpers of tests put whole logs into their panics: they are in the folder, so the beginning will do.
pub(crate) fn panics_in_short() {
    panic::set_hook(Box::new(|panic| {
        let text: String = panic.to_string().chars().take(1000).collect();
        eprintln!("chaos: {text}");
    }));
}

/// Watches over a run until `over`. When it is stopped, from here or elsewhere, ends the job servers: all clients that
/// wait for an answer then see their connections closed.
pub(crate) fn watch(world: &World, limit: Duration, over: &AtomicBool) {
    let start = Instant::now();
    let mut last = (progress(world), Instant::now());
    while !over.load(Ordering::SeqCst) && !world.stop.is_stopped() {
        let now = (progress(world), Instant::now());
        if now.0 != last.0 {
            last = now;
        }
        if last.1.elapsed() > SILENCE {
            stuck(world, format!("no progress for {SILENCE:?}"));
        } else if start.elapsed() > limit {
            stuck(world, format!("not at its end within {limit:?}"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    if world.stop.is_stopped() {
        world.gate.open();
        for server in &world.servers {
            server.kill();
        }
    }
}

/// Anything that changes while the run gets on.
fn progress(world: &World) -> (u64, u64) {
    let notes = fs::metadata(World::notes(&world.dir)).map_or(0, |notes| notes.len());
    (world.progress.load(Ordering::Relaxed), notes)
}

/// Writes down what is there, then stops the run.
fn stuck(world: &World, reason: String) {
    world.stop.stop(reason);
    let mut state = String::new();
    for driver in &world.drivers {
        let _ = writeln!(state, "driver {}: {:#?}", driver.index, driver.ask("status"));
        let _ = writeln!(state, "{:#?}", driver.processes(""));
    }
    for server in &world.servers {
        // One that does not answer is left out.
        state.extend(world.guarded("the job server's state", || server.state()));
    }
    let _ = fs::write(world.dir.join("stuck"), state);
}
