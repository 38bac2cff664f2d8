//! The configuration that is in force: another generation's comes in by difference, and what was changed live is saved.

use gearman_driver_core::config::LiveChanges;
use gearman_driver_core::level::Level;
use gearman_driver_core::manager::Event;
use gearman_driver_core::snapshot::ServerHealth;
use gearman_protocol::ServerList;

use crate::event_loop::Supervisor;

impl Supervisor {
    /// The configuration of this generation counts from now on. What was changed live, and stands in the configuration as
    /// it did, stays as it is.
    pub(crate) fn put_in_force(&mut self, generation: u32) {
        let before = self.generations.put_in_force(generation).map(|old| (old.config.clone(), old.servers.clone()));
        let now = self.generations.in_force();
        self.workers = now.workers.clone();
        let Some((old, old_servers)) = before else { return };
        let (new, servers) = (now.config.clone(), now.servers.clone());
        self.namespaces = crate::event_loop::sorted(new.namespaces.clone());
        for option in new.differs_until_start(&old) {
            self.log.warn(&format!(
                "Reload: `{option}` has changed, {}: it takes effect when the driver is started anew",
                new.origin(option)
            ));
        }
        if old.loglevel != new.loglevel {
            self.set_loglevel(new.loglevel);
        }
        let watch_others = old_servers != servers;
        if watch_others {
            self.log.info(&format!("Reload: the job servers are {servers} now"));
            self.servers = health(&servers);
        }
        self.unknown_job_command.configure(new.unknown_job_command.clone(), servers.to_string());
        let interval = (old.interval != new.interval).then_some(new.interval);
        self.observe_anew(interval.unwrap_or(self.interval), watch_others);
        self.pending.push_back(Event::Configured {
            max_idle_time: (old.max_idle_time != new.max_idle_time).then_some(new.max_idle_time),
            shutdown_timeout: new.shutdown_timeout,
            poison_limit: new.poison_limit,
        });
        // What is kept from now on was counted with this code.
        if let Some(host) = self.hosts.values().find(|host| host.generation == generation) {
            self.state.loaded_from(host.pid);
        }
        let needed: Vec<u32> = self.hosts.values().map(|host| host.generation).collect();
        self.generations.keep(|generation| needed.contains(&generation));
    }

    /// What is less important is logged no more, by the driver and, from its next job on, by each process.
    pub(crate) fn set_loglevel(&self, level: Level) {
        self.log.set_level(level);
        if let Err(error) = self.scoreboard.tell_loglevel(level) {
            self.log.error(&format!("the processes can't be told of the log level: {error}"));
        }
    }

    /// Writes what was changed live into the configuration.
    pub(crate) fn save(&self) -> Result<(), String> {
        let config = &self.generations.in_force().config;
        let snapshot = self.snapshot();
        let changed = snapshot.jobs.iter().filter(|job| job.limits_changed && !job.retired);
        let changes = LiveChanges {
            limits: changed.map(|job| (job.name.clone(), job.limits)).collect(),
            loglevel: Some(self.log.level()).filter(|level| *level != config.loglevel),
            interval: Some(self.interval).filter(|interval| *interval != config.interval),
            max_idle_time: Some(snapshot.max_idle_time).filter(|time| *time != config.max_idle_time),
        };
        match &self.setup.save {
            _ if changes.is_empty() => Ok(()),
            Some(save) => save(&changes, config),
            None => Err("this program's configuration is in no file".to_owned()),
        }
    }
}

/// What is known of job servers before the first look.
pub(crate) fn health(servers: &ServerList) -> Vec<ServerHealth> {
    let unseen = |server: &gearman_protocol::ServerAddress| ServerHealth {
        address: server.to_string(),
        last_answer: None,
        error: None,
    };
    servers.iter().map(unseen).collect()
}
