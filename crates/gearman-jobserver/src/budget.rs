//! The memory that jobs, functions and registrations may take together.

/// What a function's or a registration's record takes, about.
pub(crate) const RECORD: usize = 256;

/// Bytes in use and how many there may be.
#[derive(Debug)]
pub(crate) struct Budget {
    used: usize,
    limit: usize,
    /// Whether its being full has been told, so that the log gets one line and not one for each refused job.
    told: bool,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { used: 0, limit, told: false }
    }

    /// Takes `bytes`, or says no and leaves it as it is.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let wanted = self.used.saturating_add(bytes);
        if wanted > self.limit {
            if !self.told {
                self.told = true;
                log::warn!(
                    "job server: its memory for jobs is full ({} of {} bytes): jobs are refused until some are done",
                    self.used,
                    self.limit
                );
            }
            return false;
        }
        self.used = wanted;
        true
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used, "more was given back than taken");
        self.used = self.used.saturating_sub(bytes);
        // Half empty counts as a new state, so that a queue at its limit does not fill the log.
        if self.used < self.limit / 2 {
            self.told = false;
        }
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_goes_over_and_keeps_count() {
        let mut budget = Budget::new(10);
        assert!(budget.take(6));
        assert!(!budget.take(5));
        assert!(budget.take(4));
        assert!(!budget.take(usize::MAX));
        budget.give_back(10);
        assert_eq!(budget.used(), 0);
    }
}
