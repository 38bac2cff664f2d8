//! Runs Gearman workers: forks them from one preloaded host, scales them to the queue, restarts what dies, and is steered through a console.
