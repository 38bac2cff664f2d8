//! Server lists: `localhost:4730,otherhost:4731,[::1]:4730`.
//!
//! Only the form is checked; whether a host exists is found out by whoever connects.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The port of a job server that names none (assigned by IANA).
pub const DEFAULT_PORT: u16 = 4730;

/// Where a job server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerAddress {
    /// A host name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl ServerAddress {
    /// An address, taken as it is.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

/// `host:port`, an IPv6 address in brackets.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for ServerAddress {
    type Err = ServerListError;

    fn from_str(text: &str) -> Result<Self, ServerListError> {
        let entry = text.trim();
        let owned = || entry.to_owned();
        if entry.contains("://") {
            return Err(ServerListError::Scheme { entry: owned() });
        }
        let (host, port) = if let Some(rest) = entry.strip_prefix('[') {
            let (host, after) =
                rest.split_once(']').ok_or_else(|| ServerListError::MissingBracket { entry: owned() })?;
            // A zone such as %eth0 is for the resolver to judge.
            let address = host.split_once('%').map_or(host, |(address, _)| address);
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(ServerListError::NotIpv6 { entry: owned(), host: host.to_owned() });
            }
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => {
                    return Err(ServerListError::AfterBracket { entry: owned(), found: after.to_owned() });
                }
            };
            (host, port)
        } else {
            match entry.split_once(':') {
                Some((_, rest)) if rest.contains(':') => {
                    return Err(ServerListError::UnbracketedIpv6 { entry: owned() });
                }
                Some((host, port)) => (host, Some(port)),
                None => (entry, None),
            }
        };
        if host.is_empty() {
            return Err(ServerListError::NoHost { entry: owned() });
        }
        if let Some(found) = host.chars().find(|c| c.is_whitespace() || c.is_control() || "/[]@;".contains(*c)) {
            return Err(ServerListError::BadHost { entry: owned(), found });
        }
        let port = port.map_or(Ok(DEFAULT_PORT), |port| parse_port(entry, port))?;
        Ok(Self::new(host, port))
    }
}

fn parse_port(entry: &str, port: &str) -> Result<u16, ServerListError> {
    let (entry, port) = (entry.to_owned(), port.to_owned());
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ServerListError::PortNotANumber { entry, port });
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(ServerListError::PortOutOfRange { entry, port }),
    }
}

/// One job server or more, in the order given, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerList(Vec<ServerAddress>);

impl ServerList {
    /// Reads `host[:port][,host[:port]]..`. The port is 4730 where none is given; white space around entries is left
    /// out, and so are repetitions.
    ///
    /// # Errors
    /// A [`ServerListError`] that names the entry and how to mend it.
    pub fn parse(text: &str) -> Result<Self, ServerListError> {
        if text.trim().is_empty() {
            return Err(ServerListError::Empty);
        }
        let mut servers: Vec<ServerAddress> = Vec::new();
        for (index, entry) in text.split(',').enumerate() {
            if entry.trim().is_empty() {
                return Err(ServerListError::EmptyEntry { position: index + 1, list: text.to_owned() });
            }
            let server: ServerAddress = entry.parse()?;
            let known =
                |other: &ServerAddress| other.port == server.port && other.host.eq_ignore_ascii_case(&server.host);
            if !servers.iter().any(known) {
                servers.push(server);
            }
        }
        Ok(Self(servers))
    }

    /// The servers; never empty.
    #[must_use]
    pub fn as_slice(&self) -> &[ServerAddress] {
        &self.0
    }

    /// The servers, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, ServerAddress> {
        self.0.iter()
    }
}

impl FromStr for ServerList {
    type Err = ServerListError;

    fn from_str(text: &str) -> Result<Self, ServerListError> {
        Self::parse(text)
    }
}

impl From<ServerAddress> for ServerList {
    fn from(server: ServerAddress) -> Self {
        Self(vec![server])
    }
}

impl<'a> IntoIterator for &'a ServerList {
    type Item = &'a ServerAddress;
    type IntoIter = std::slice::Iter<'a, ServerAddress>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The list in the form that [`ServerList::parse`] reads, each port written out.
impl fmt::Display for ServerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{server}")?;
        }
        Ok(())
    }
}

/// What is wrong with a server list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerListError {
    /// There is nothing in it.
    #[error("the list of job servers is empty: name at least one, for example localhost:4730")]
    Empty,
    /// Two commas in a row, or one at either end.
    #[error("job server {position} of {list:?} is empty: remove the comma too many")]
    EmptyEntry {
        /// Which entry, counted from 1.
        position: usize,
        /// The whole list.
        list: String,
    },
    /// A port without a host.
    #[error("job server {entry:?} has no host: write host:port, for example localhost:4730")]
    NoHost {
        /// The entry.
        entry: String,
    },
    /// A character that no host name or address has.
    #[error("job server {entry:?}: a host can't have {found:?} in it; write host or host:port, separated by commas")]
    BadHost {
        /// The entry.
        entry: String,
        /// The character.
        found: char,
    },
    /// It looks like a URL.
    #[error("job server {entry:?} looks like a URL: write only host:port")]
    Scheme {
        /// The entry.
        entry: String,
    },
    /// The port is no number.
    #[error("job server {entry:?}: the port {port:?} is not a number; write host:port with a port from 1 to 65535")]
    PortNotANumber {
        /// The entry.
        entry: String,
        /// What should be a port.
        port: String,
    },
    /// The port is 0 or over 65535.
    #[error("job server {entry:?}: the port {port} is out of range; it must be from 1 to 65535")]
    PortOutOfRange {
        /// The entry.
        entry: String,
        /// The port.
        port: String,
    },
    /// `[` without `]`.
    #[error("job server {entry:?} has no closing bracket: write [ADDRESS]:PORT, for example [::1]:4730")]
    MissingBracket {
        /// The entry.
        entry: String,
    },
    /// In brackets is no IPv6 address.
    #[error("job server {entry:?}: {host:?} is not an IPv6 address; write other hosts without brackets")]
    NotIpv6 {
        /// The entry.
        entry: String,
        /// What the brackets hold.
        host: String,
    },
    /// Something other than `:PORT` after the bracket.
    #[error("job server {entry:?}: after the bracket comes {found:?}; write [ADDRESS]:PORT, for example [::1]:4730")]
    AfterBracket {
        /// The entry.
        entry: String,
        /// What comes.
        found: String,
    },
    /// Several colons without brackets.
    #[error("job server {entry:?} looks like an IPv6 address: put it in brackets, for example [::1]:4730")]
    UnbracketedIpv6 {
        /// The entry.
        entry: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_hosts_ports_and_brackets() {
        let list = ServerList::parse(" localhost , otherhost:4731,[::1]:4732, [fe80::1%eth0] ,10.0.0.1:1").unwrap();
        assert_eq!(list.to_string(), "localhost:4730,otherhost:4731,[::1]:4732,[fe80::1%eth0]:4730,10.0.0.1:1");
        assert_eq!(list.as_slice()[2], ServerAddress::new("::1", 4732));
    }

    #[test]
    fn a_server_named_twice_is_one() {
        let list = ServerList::parse("localhost,LOCALHOST:4730,localhost:4731,localhost:4730").unwrap();
        assert_eq!(list.to_string(), "localhost:4730,localhost:4731");
    }

    #[test]
    fn errors_name_the_entry_and_the_mend() {
        let cases = [
            ("", "the list of job servers is empty: name at least one, for example localhost:4730"),
            ("a,,b", r#"job server 2 of "a,,b" is empty: remove the comma too many"#),
            ("a, ", r#"job server 2 of "a, " is empty: remove the comma too many"#),
            (":4730", r#"job server ":4730" has no host: write host:port, for example localhost:4730"#),
            ("a b", r#"job server "a b": a host can't have ' ' in it; write host or host:port, separated by commas"#),
            ("http://a:1", r#"job server "http://a:1" looks like a URL: write only host:port"#),
            ("a:x", r#"job server "a:x": the port "x" is not a number; write host:port with a port from 1 to 65535"#),
            ("a:", r#"job server "a:": the port "" is not a number; write host:port with a port from 1 to 65535"#),
            (
                "a:-1",
                r#"job server "a:-1": the port "-1" is not a number; write host:port with a port from 1 to 65535"#,
            ),
            ("a:0", r#"job server "a:0": the port 0 is out of range; it must be from 1 to 65535"#),
            ("b,a:65536", r#"job server "a:65536": the port 65536 is out of range; it must be from 1 to 65535"#),
            ("[::1", r#"job server "[::1" has no closing bracket: write [ADDRESS]:PORT, for example [::1]:4730"#),
            ("[a]:1", r#"job server "[a]:1": "a" is not an IPv6 address; write other hosts without brackets"#),
            (
                "[::1]4730",
                r#"job server "[::1]4730": after the bracket comes "4730"; write [ADDRESS]:PORT, for example [::1]:4730"#,
            ),
            ("::1", r#"job server "::1" looks like an IPv6 address: put it in brackets, for example [::1]:4730"#),
        ];
        for (text, message) in cases {
            assert_eq!(ServerList::parse(text).unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(
            servers in proptest::collection::vec(("[a-z][a-z0-9.-]{0,9}|([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}", 1..=u16::MAX), 1..5)
        ) {
            let text = servers.iter().map(|(host, port)| ServerAddress::new(host, *port).to_string()).collect::<Vec<_>>();
            let list = ServerList::parse(&text.join(" , ")).unwrap();
            prop_assert_eq!(ServerList::parse(&list.to_string()), Ok(list));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}|[a:,\\[\\]0-9 ]{0,12}") {
            let _ = ServerList::parse(&text);
        }
    }
}
