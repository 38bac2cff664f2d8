//! Runs Gearman workers: forks them from one preloaded host, scales them to the queue, restarts what dies, and is steered through a console.

// Called by the driver's `run`, which is not wired up yet on this branch.
#[allow(dead_code)]
mod args;
#[allow(dead_code)]
mod report;
