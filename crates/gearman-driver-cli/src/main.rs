//! The command `gearman-driver`.
fn main() {}
