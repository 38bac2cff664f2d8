//! `--embedded_server`: a job server inside the driver's process, for trying things out.
//!
//! Decides where it listens and what is said of it. It lives around the supervisor: started before it, stopped when all
//! processes are gone. The job server itself is the crate `gearman-jobserver`, behind the feature `embedded-server`.

use gearman_driver_core::config::Config;
use gearman_protocol::{ServerAddress, ServerList};

use crate::Driver;

impl Driver {
    /// Whether a job server runs inside, at the address of [`server`](Driver::server), for trying things out: what it
    /// queues is in memory and gone with the driver. Port 0 takes a free one, which the log says. Needs the feature
    /// `embedded-server`. Default: no.
    pub fn embedded_server(self, wanted: bool) -> Self {
        self.set("embedded_server", if wanted { "true" } else { "false" })
    }
}

/// Whether the text can be a list of job servers, before it is known whether one runs inside.
#[cfg(feature = "cli")]
pub(crate) fn check_list(text: &str) -> Result<(), String> {
    let text = text.strip_suffix(":0").unwrap_or(text);
    ServerList::parse(text).map(drop).map_err(|error| error.to_string())
}

/// The job servers of the configuration. Where one runs inside, its port may be 0: [`start`] puts in the real one.
pub(crate) fn servers(config: &Config) -> Result<ServerList, String> {
    let complaint = |error: &dyn std::fmt::Display| format!("`server`: {error}, {}", config.server.origin);
    let parse = |text: &str| ServerList::parse(text).map_err(|error| complaint(&error));
    if !config.embedded_server {
        return parse(&config.server.value);
    }
    let free_port = config.server.value.strip_suffix(":0");
    let list = match free_port {
        Some(host) => parse(&format!("{host}:1"))?,
        None => parse(&config.server.value)?,
    };
    let [server] = list.as_slice() else {
        return Err(complaint(&"with --embedded-server there is one job server, the one inside: name one address"));
    };
    let port = if free_port.is_some() { 0 } else { server.port };
    Ok(ServerAddress::new(server.host.as_str(), port).into())
}

#[cfg(feature = "embedded-server")]
pub(crate) use with_the_feature::start;

#[cfg(feature = "embedded-server")]
mod with_the_feature {
    use std::net::{SocketAddr, ToSocketAddrs};

    use gearman_driver_core::level::Level;
    use gearman_driver_supervisor::Setup;
    use gearman_jobserver::JobServer;
    use gearman_protocol::ServerAddress;

    /// Starts the job server, where one is wanted, and tells `setup` where it is. It stops when it is dropped.
    ///
    /// # Errors
    /// The address is not to be had; one sentence for people.
    pub(crate) fn start(setup: &mut Setup) -> Result<Option<JobServer>, String> {
        if !setup.config.embedded_server {
            return Ok(None);
        }
        let Some(wanted) = setup.servers.iter().next().cloned() else {
            return Ok(None);
        };
        let server = address(&wanted).and_then(JobServer::start).map_err(|error| {
            format!(
                "the embedded job server can't listen on {}:{}: {error}; is a job server running there? choose another \
                 address of this machine with --server, port 0 takes a free one, {}",
                wanted.host, wanted.port, setup.config.server.origin
            )
        })?;
        let address = server.address();
        setup.servers = ServerAddress::new(address.ip().to_string(), address.port()).into();
        setup.first_lines.push((Level::Info, format!("embedded job server listens on {address}")));
        let warning =
            "the embedded job server is for trying things out: jobs are in memory only, and gone when the driver ends";
        setup.first_lines.push((Level::Warn, warning.to_owned()));
        Ok(Some(server))
    }

    /// The host's address, IPv4 where it has both: other programs on this machine find `localhost` there.
    fn address(server: &ServerAddress) -> std::io::Result<SocketAddr> {
        let addresses: Vec<SocketAddr> = (server.host.as_str(), server.port).to_socket_addrs()?.collect();
        let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
        first.copied().ok_or_else(|| std::io::Error::other("its name has no address"))
    }
}

/// Where the feature is left out: nothing that would have to be stopped.
#[cfg(not(feature = "embedded-server"))]
pub(crate) struct NoServer;

/// Where the feature is left out, wishing for such a server is an error.
#[cfg(not(feature = "embedded-server"))]
pub(crate) fn start(setup: &mut gearman_driver_supervisor::Setup) -> Result<NoServer, String> {
    if setup.config.embedded_server {
        return Err(format!(
            "embedded_server is set, {}: this program was built without it; add the feature `embedded-server` of \
             gearman-driver",
            setup.config.origin("embedded_server")
        ));
    }
    Ok(NoServer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_driver_core::config::{Layer, Origin};

    fn servers_of(server: &str) -> Result<String, String> {
        let mut layer = Layer::new();
        layer.set("server", server, Origin::Builder).unwrap();
        layer.set("embedded_server", "true", Origin::Builder).unwrap();
        let config = Layer::merge([layer]).unwrap();
        servers(&config).map(|list| list.to_string())
    }

    #[test]
    fn one_address_and_its_port_may_be_zero() {
        assert_eq!(servers_of("localhost:0").unwrap(), "localhost:0");
        assert_eq!(servers_of("[::1]:0").unwrap(), "[::1]:0");
        assert_eq!(servers_of("localhost").unwrap(), "localhost:4730");
        assert!(servers_of("a:1,b:2").unwrap_err().contains("name one address"));
        assert!(servers_of("a:1,b:0").unwrap_err().contains("name one address"));
        assert!(servers_of("a:x").is_err());
    }
}
