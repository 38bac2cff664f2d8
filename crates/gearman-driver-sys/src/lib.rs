//! The only unsafe code of gearman-driver: fork, signals, shared memory, process titles.
