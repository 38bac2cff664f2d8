//! The #[worker] and #[job] attributes of gearman-driver.
