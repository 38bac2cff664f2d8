//! What a result was taken on: the line under each table.

use std::fs;

use gearman_testkit::Gearmand;

/// Processor, cores, kernel and job server, in one line.
pub(crate) fn describe(gearmand: &Gearmand) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = gearmand.admin("version").join(" ");
    let version = version.trim_start_matches("OK ").trim();
    format!("{cpu}, {cores} cores, Linux {}, gearmand {version}", kernel.trim())
}
