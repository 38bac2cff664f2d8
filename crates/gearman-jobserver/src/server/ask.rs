//! Questions of clients, and what a connection says of itself.

use gearman_protocol::PacketType;

use super::{Server, until_nul};
use crate::links::ConnectionId;

/// A longer client id is cut there, as in gearmand.
const CLIENT_ID_LIMIT: usize = 127;

impl Server {
    /// GET_STATUS: known, running, numerator, denominator.
    pub(super) fn get_status(&mut self, id: ConnectionId, handle: &[u8]) {
        let handle = until_nul(handle);
        let job = self.number(handle).and_then(|number| self.jobs.get(&number));
        let [known, running, numerator, denominator] = match job {
            Some(job) => [1, u32::from(job.is_running()), job.numerator, job.denominator].map(|n| n.to_string()),
            None => [0; 4].map(|n: u32| n.to_string()),
        };
        let args = [handle, known.as_bytes(), running.as_bytes(), numerator.as_bytes(), denominator.as_bytes()];
        self.links.packet(id, PacketType::StatusRes, &args);
    }

    /// GET_STATUS_UNIQUE: as GET_STATUS, for a job of any function, and how many clients wait for it.
    pub(super) fn get_status_unique(&mut self, id: ConnectionId, unique: &[u8]) {
        let unique = until_nul(unique);
        let number = self.functions.iter().find_map(|(_, function)| function.job_with_unique(unique));
        let job = number.and_then(|number| self.jobs.get(&number));
        let [known, running, numerator, denominator, clients] = match job {
            Some(job) => {
                let clients = u32::try_from(job.clients.as_slice().len()).unwrap_or(u32::MAX);
                [1, u32::from(job.is_running()), job.numerator, job.denominator, clients].map(|n| n.to_string())
            }
            None => [0; 5].map(|n: u32| n.to_string()),
        };
        let args = [
            unique,
            known.as_bytes(),
            running.as_bytes(),
            numerator.as_bytes(),
            denominator.as_bytes(),
            clients.as_bytes(),
        ];
        self.links.packet(id, PacketType::StatusResUnique, &args);
    }

    /// OPTION_REQ: `exceptions` is the only one there is.
    pub(super) fn option(&mut self, id: ConnectionId, option: &[u8]) {
        if !until_nul(option).eq_ignore_ascii_case(b"exceptions") {
            return self.links.error(id, "UNKNOWN_OPTION", "Server does not recognize given option");
        }
        if let Some(link) = self.links.get_mut(id) {
            link.exceptions = true;
        }
        self.links.packet(id, PacketType::OptionRes, &[option]);
    }

    pub(super) fn set_client_id(&mut self, id: ConnectionId, client_id: &[u8]) {
        let client_id = until_nul(client_id);
        if let Some(link) = self.links.get_mut(id) {
            link.client_id = client_id[..client_id.len().min(CLIENT_ID_LIMIT)].to_vec();
        }
    }
}
