//! All decisions of gearman-driver: configuration, limits, scaling, the manager, layouts. No I/O, no clock.
