//! What every policy must obey, whatever it is called: new ones are tested by standing in the registry.

use std::time::Duration;

use proptest::prelude::*;

use super::{Decision, News, Observation, POLICIES, Policy, by_name};
use crate::limits::Limits;
use crate::manager::FunctionStatus;

fn limits() -> impl Strategy<Value = Limits> {
    (0_u32..20, 0_u32..20).prop_map(|(min, more)| Limits::new(min, min + more).unwrap())
}

prop_compose! {
    /// Anything that could be seen, also what makes little sense: gearmand and workers are not looked at in the
    /// same moment.
    fn observation()(
        news in prop_oneof![Just(News::Complete), Just(News::Partial), Just(News::Stale)],
        queue in 0_u64..60,
        gone in 0_u64..60,
        processes in 0_u32..60,
        parts in (0_u32..60, 0_u32..9, 0_u32..9),
        idle in prop::collection::vec(0_u64..200, 0..60),
        last_run in prop::option::of(0_u64..200),
        max_idle_time in 0_u64..120,
    ) -> Observation {
        let busy = parts.0.min(processes);
        let mut idle: Vec<_> = idle.into_iter().map(Duration::from_secs).take((processes - busy) as usize).collect();
        idle.sort_unstable_by(|a, b| b.cmp(a));
        let status = FunctionStatus { queue, busy: queue.saturating_sub(gone), running: u64::from(processes) };
        Observation {
            news,
            status,
            waiting: status.waiting(),
            processes,
            busy,
            draining: parts.1.max(parts.2),
            draining_busy: parts.2,
            idle,
            last_run: last_run.map(Duration::from_secs),
            max_idle_time: Duration::from_secs(max_idle_time),
        }
    }
}

/// A job whose processes are all registered, with so many jobs for them.
fn steady(processes: u32, jobs: u64, idle_for: Duration) -> Observation {
    let busy = u32::try_from(jobs).unwrap().min(processes);
    Observation {
        news: News::Complete,
        status: FunctionStatus { queue: jobs, busy: u64::from(busy), running: u64::from(processes) },
        waiting: jobs - u64::from(busy),
        processes,
        busy,
        draining: 0,
        draining_busy: 0,
        idle: vec![idle_for; (processes - busy) as usize],
        last_run: Some(idle_for),
        max_idle_time: Duration::from_secs(60),
    }
}

fn each(law: impl Fn(&dyn Policy) -> Result<(), TestCaseError>) -> Result<(), TestCaseError> {
    POLICIES.iter().try_for_each(|policy| law(*policy))
}

proptest! {
    #[test]
    fn it_stays_in_its_limits(seen in observation(), limits in limits()) {
        each(|policy| {
            let Decision { target, reason } = policy.decide(&seen, limits);
            prop_assert!((limits.min()..=limits.max()).contains(&target), "{}: {target} ({reason})", policy.name());
            prop_assert!(!reason.is_empty());
            Ok(())
        })?;
    }

    #[test]
    fn stale_news_scales_neither_up_nor_down(mut seen in observation(), limits in limits()) {
        seen.news = News::Stale;
        each(|policy| {
            prop_assert_eq!(policy.decide(&seen, limits).target, limits.clamp(seen.processes));
            Ok(())
        })?;
    }

    #[test]
    fn news_in_part_does_not_scale_down(mut seen in observation(), limits in limits()) {
        seen.news = News::Partial;
        each(|policy| {
            prop_assert!(policy.decide(&seen, limits).target >= limits.clamp(seen.processes));
            Ok(())
        })?;
    }

    #[test]
    fn it_settles_on_steady_input(processes in 0_u32..40, jobs in 0_u64..40, limits in limits()) {
        each(|policy| {
            let mut processes = limits.clamp(processes);
            let next = |n: u32| policy.decide(&steady(n, jobs, Duration::ZERO), limits).target;
            for _ in 0..100 {
                processes = next(processes);
            }
            prop_assert_eq!(next(processes), processes);
            prop_assert!(u64::from(processes) >= jobs.min(u64::from(limits.max())));
            Ok(())
        })?;
    }

    #[test]
    fn an_idle_job_reaches_its_minimum(processes in 0_u32..40, limits in limits()) {
        each(|policy| {
            let mut processes = limits.clamp(processes);
            for _ in 0..100 {
                processes = policy.decide(&steady(processes, 0, Duration::from_secs(86_400)), limits).target;
            }
            prop_assert_eq!(processes, limits.min());
            Ok(())
        })?;
    }

    #[test]
    fn no_process_with_a_job_is_surplus(mut seen in observation(), max in 0_u32..80) {
        // The limits leave it the choice.
        let limits = Limits::new(0, max.max(seen.processes)).unwrap();
        seen.news = News::Complete;
        each(|policy| {
            prop_assert!(policy.decide(&seen, limits).target >= seen.busy);
            Ok(())
        })?;
    }
}

#[test]
fn names_are_unique_and_found() {
    for policy in POLICIES {
        assert_eq!(by_name(policy.name()).map(Policy::name), Some(policy.name()));
        assert_eq!(POLICIES.iter().filter(|other| other.name() == policy.name()).count(), 1);
    }
    assert!(by_name("classic").is_some());
    assert!(by_name("Classic").is_none());
}
