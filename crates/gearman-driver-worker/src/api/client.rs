//! What a job uses to have other jobs done.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gearman_protocol::{Client, ServerList};

use super::JobError;

thread_local! {
    /// One client for each server list (in a worker process there is one list), so that jobs share connections. It is
    /// first used after the fork: a client comes from a [`Job`](super::Job), and there are none before.
    static CLIENTS: RefCell<HashMap<String, Rc<RefCell<Client>>>> = RefCell::default();
}

/// A blocking client of the driver's job servers, from [`Job::client`](super::Job::client). It connects when first
/// used. With several job servers it uses one, stays with it, and goes to the next when it is away.
///
/// A job that waits for another holds its process meanwhile: a function that waits for itself needs `max_processes`
/// enough for all that may wait at once.
#[derive(Debug, Clone)]
pub struct JobClient {
    servers: String,
}

impl JobClient {
    pub(crate) fn new(servers: &str) -> Self {
        Self { servers: servers.to_owned() }
    }

    /// Runs a job and waits for its result.
    ///
    /// # Errors
    /// [`JobError::Client`] when no job server can be used or the job fails, [`JobError::Servers`] when the driver's list
    /// of job servers is not one.
    pub fn run(&self, function: &str, workload: impl AsRef<[u8]>) -> Result<Vec<u8>, JobError> {
        let client = self.client()?;
        let result = client.borrow_mut().run(function, workload);
        result.map_err(|source| JobError::Client { function: function.to_owned(), source })
    }

    /// Submits a job that nobody waits for, and returns its handle.
    ///
    /// # Errors
    /// [`JobError::Client`] when no job server takes it, [`JobError::Servers`] when the driver's list of job servers is
    /// not one.
    pub fn submit_background(&self, function: &str, workload: impl AsRef<[u8]>) -> Result<String, JobError> {
        let client = self.client()?;
        let handle = client.borrow_mut().submit_background(function, workload);
        handle.map_err(|source| JobError::Client { function: function.to_owned(), source })
    }

    fn client(&self) -> Result<Rc<RefCell<Client>>, JobError> {
        CLIENTS.with_borrow_mut(|clients| {
            if let Some(client) = clients.get(&self.servers) {
                return Ok(Rc::clone(client));
            }
            let servers = ServerList::parse(&self.servers)
                .map_err(|source| JobError::Servers { servers: self.servers.clone(), source })?;
            let client = Rc::new(RefCell::new(Client::new(servers).exceptions(true)));
            clients.insert(self.servers.clone(), Rc::clone(&client));
            Ok(client)
        })
    }
}

#[cfg(test)]
mod tests {
    use gearman_testkit::Gearmand;

    use super::*;

    #[test]
    fn jobs_submit_jobs_over_one_connection() {
        let gearmand = Gearmand::start();
        let client = JobClient::new(&gearmand.address());
        let handle = client.submit_background("later", "x").unwrap();
        assert!(handle.starts_with("H:"), "{handle}");
        let again = JobClient::new(&gearmand.address());
        assert!(Rc::ptr_eq(&client.client().unwrap(), &again.client().unwrap()));
    }

    #[test]
    fn what_cannot_be_used_says_so() {
        let error = JobClient::new("a:b:c:").run("f", "").unwrap_err();
        assert!(matches!(error, JobError::Servers { .. }), "{error}");
        let error = JobClient::new("127.0.0.1:1").run("f", "").unwrap_err().to_string();
        assert!(error.starts_with("function f: no job server can be used: 127.0.0.1:1"), "{error}");
    }
}
