//! What passes between gearman-driver's processes: host protocol, scoreboard layout, names.
