//! What the configuration says of each job, in a host's terms, and whether the host keeps it.

use std::collections::BTreeMap;

use gearman_driver_core::config::{Config, RuntimeAttributes};
use gearman_driver_wire::host::RuntimeBounds;
use gearman_driver_wire::job_limits::JobLimits;
use gearman_driver_wire::safety::{JobSafety, Rlimit};

/// `job_runtime_attributes`, for a host.
pub(crate) fn of(config: &Config) -> BTreeMap<String, RuntimeBounds> {
    config.job_runtime_attributes.iter().map(|(job, attributes)| (job.clone(), bounds(attributes))).collect()
}

/// Refuses a host that ignores what is asked of it: it would run as root what is to run as somebody else.
pub(crate) fn kept(config: &Config, host_keeps_safety: bool) -> Result<(), String> {
    let asked = || config.job_runtime_attributes.iter().find_map(|(job, said)| Some((job, safety(said).first()?)));
    match asked() {
        Some((job, attribute)) if !host_keeps_safety => Err(format!(
            "job {job:?}: {attribute}: this executable is of an older version, which would ignore it: build it anew, or \
             take the attribute out of job_runtime_attributes"
        )),
        _ => Ok(()),
    }
}

fn bounds(attributes: &RuntimeAttributes) -> RuntimeBounds {
    RuntimeBounds {
        min_processes: attributes.min_processes,
        max_processes: attributes.max_processes,
        limits: JobLimits {
            max_idle_time: attributes.max_idle_time,
            timeout: attributes.timeout,
            max_jobs: attributes.max_jobs,
            max_age: attributes.max_age,
            max_memory: attributes.max_memory,
            jitter: attributes.jitter,
            drain_timeout: attributes.drain_timeout,
        },
        safety: safety(attributes),
    }
}

fn safety(attributes: &RuntimeAttributes) -> JobSafety {
    let limits = attributes.rlimits.as_ref().map(|limits| {
        limits.iter().map(|(name, limit)| (name.clone(), Rlimit { soft: limit.soft, hard: limit.hard })).collect()
    });
    JobSafety {
        user: attributes.user.clone(),
        group: attributes.group.clone(),
        rlimits: limits,
        nice: attributes.nice,
        env_keep: attributes.env_keep.clone(),
        env: attributes.env.clone(),
        no_new_privs: attributes.no_new_privs,
    }
}

#[cfg(test)]
mod tests {
    use gearman_driver_core::config::{JOB_ATTRIBUTES, Layer, Origin, RESOURCES};

    use super::*;

    fn config(text: &str) -> Config {
        let layer = Layer::from_file("a.toml".as_ref(), text, &Origin::CommandLine).unwrap();
        Layer::merge([layer]).unwrap()
    }

    #[test]
    fn every_attribute_of_the_configuration_reaches_the_host_under_its_name() {
        let text = "[job_runtime_attributes.A]\nmin_processes = 0\nmax_processes = 4\nmax_idle_time = 2.5\ntimeout = 30\n\
                    max_jobs = 1000\nmax_age = 3600\nmax_memory = 100000000\njitter = 0.2\ndrain_timeout = 60\nuser = 'u'\n\
                    group = 'g'\nrlimits = { core = [0, 'unlimited'] }\nnice = 5\nenv_keep = ['PATH']\nenv = { A = 'b' }\n\
                    no_new_privs = true";
        let sent = serde_json::to_value(&of(&config(text))["A"]).unwrap();
        for attribute in JOB_ATTRIBUTES {
            assert!(sent.get(attribute.name).is_some(), "{} is not in {sent}", attribute.name);
        }
        assert_eq!(sent.as_object().unwrap().len(), JOB_ATTRIBUTES.len());
        assert_eq!(sent["rlimits"], serde_json::json!({ "core": [0, "unlimited"] }));
    }

    #[test]
    fn every_resource_of_the_configuration_is_one_of_the_kernel() {
        for (name, _) in RESOURCES {
            assert!(gearman_driver_sys::rlimits::get(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_host_that_would_ignore_rights_is_refused() {
        let asks = config("job_runtime_attributes.A.max_jobs = 5\njob_runtime_attributes.B.user = 'nobody'");
        assert_eq!(kept(&asks, true), Ok(()));
        insta::assert_snapshot!(kept(&asks, false).unwrap_err(), @r#"job "B": user: this executable is of an older version, which would ignore it: build it anew, or take the attribute out of job_runtime_attributes"#);
        let asks_not = config("job_runtime_attributes.A = { max_jobs = 5, no_new_privs = false }");
        assert_eq!(kept(&asks_not, false), Ok(()));
    }
}
