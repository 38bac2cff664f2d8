//! A client that sees each packet.

use std::time::{Duration, Instant};

use gearman_protocol::{Connection, Packet, PacketType, ServerList, request};

use crate::Site;

/// Submits a job and gives all packets that come for it, the last one included, as type and data.
pub(crate) fn packets(site: &Site, function: &str, workload: &[u8], exceptions: bool) -> Vec<(PacketType, String)> {
    let servers = ServerList::parse(&site.server.address()).unwrap();
    let mut connection = Connection::connect(servers.iter().next().unwrap(), Duration::from_secs(10)).unwrap();
    let mut out = Vec::new();
    if exceptions {
        request::option_req(&mut out, "exceptions").unwrap();
    }
    request::submit_job(&mut out, function, "a-unique", workload).unwrap();
    connection.send(&out).unwrap();
    let deadline = Instant::now() + e2e::PATIENCE;
    let mut seen = Vec::new();
    loop {
        let packet: Packet = connection.receive(deadline).unwrap();
        match packet.kind {
            PacketType::JobCreated | PacketType::OptionRes => {}
            kind => {
                let (handle, data) = packet.first_and_rest();
                assert!(handle.starts_with(b"H:"), "{packet:?}");
                seen.push((kind, String::from_utf8_lossy(data).into_owned()));
                if matches!(kind, PacketType::WorkComplete | PacketType::WorkFail | PacketType::WorkException) {
                    break;
                }
            }
        }
    }
    // What would come after the end of a job: nothing.
    let mut out = Vec::new();
    request::echo_req(&mut out, "end").unwrap();
    connection.send(&out).unwrap();
    let next = connection.receive(deadline).unwrap();
    assert_eq!(next.kind, PacketType::EchoRes, "after {seen:?}: {next:?}");
    seen
}
