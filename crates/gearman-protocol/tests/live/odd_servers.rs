//! The client against a server that answers in ways that gearmand may, or should not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gearman_protocol::{Client, ClientError, Decoder, Magic, Packet, PacketType, Priority, ServerList, packet::encode};

use crate::support::SOON;

fn response(kind: PacketType, args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(Magic::Response, kind, args, &mut out).unwrap();
    out
}

/// Accepts one single connection, echoes, and answers each other request with `answer`.
fn server(mut answer: impl FnMut(&Packet) -> Vec<u8> + Send + 'static) -> (ServerList, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = ServerList::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        let mut decoder = Decoder::new(1 << 20);
        loop {
            while let Some(packet) = decoder.next_packet().unwrap() {
                let bytes = match packet.kind {
                    PacketType::EchoReq => response(PacketType::EchoRes, &[&packet.body]),
                    _ => answer(&packet),
                };
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            match stream.read(decoder.space()) {
                Ok(0) | Err(_) => return,
                Ok(n) => decoder.filled(n),
            }
        }
    });
    (servers, thread)
}

#[test]
fn a_connection_is_used_again_also_after_a_failed_job() {
    let (servers, thread) = server(|packet| {
        let [function, _, workload] = packet.args().unwrap();
        let mut out = response(PacketType::JobCreated, &[b"H:1"]);
        // Of another job, perhaps one that was given up: not for us.
        out.extend(response(PacketType::WorkFail, &[b"H:0"]));
        out.extend(match function {
            b"fail" => response(PacketType::WorkFail, &[b"H:1\0"]),
            b"bare" => response(PacketType::WorkComplete, &[b"H:1"]),
            _ => response(PacketType::WorkComplete, &[b"H:1", workload]),
        });
        out
    });
    let mut client = Client::new(servers).timeout(SOON);
    assert_eq!(client.run("echo", "a\0b").unwrap(), b"a\0b");
    assert!(matches!(client.run("fail", ""), Err(ClientError::Failed { .. })));
    assert_eq!(client.run("bare", "").unwrap(), b"");
    assert_eq!(client.run("echo", "c").unwrap(), b"c");
    drop(client);
    thread.join().unwrap();
}

#[test]
fn progress_that_is_no_number_does_not_cost_the_result() {
    let (servers, thread) = server(|_| {
        let mut out = response(PacketType::JobCreated, &[b"H:1"]);
        out.extend(response(PacketType::WorkStatus, &[b"H:1", b"0.5", b"1"]));
        out.extend(response(PacketType::WorkStatus, &[b"H:1"]));
        out.extend(response(PacketType::WorkStatus, &[b"H:1", b"1", b"2\0"]));
        out.extend(response(PacketType::WorkComplete, &[b"H:1", b"done"]));
        out
    });
    let mut client = Client::new(servers).timeout(SOON);
    let mut events = 0;
    let result = client.run_with("f", "", "", Priority::Normal, |_| events += 1);
    assert_eq!(result.unwrap(), b"done");
    assert_eq!(events, 2, "its creation, and the one status that makes sense");
    drop(client);
    thread.join().unwrap();
}

#[test]
fn garbage_and_a_sudden_end_are_errors() {
    let (servers, thread) = server(|_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let error = Client::new(servers).timeout(SOON).run("f", "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Gearman protocol: expected a Gearman packet (\\0REQ or \\0RES), got \"HTTP\": \
         is the other side a Gearman job server on its binary port?"
    );
    thread.join().unwrap();

    let (servers, thread) = server(|_| panic!("closes the connection"));
    let address = servers.to_string();
    let error = Client::new(servers).timeout(SOON).run("f", "").unwrap_err();
    assert_eq!(error.to_string(), format!("job server {address}: it closed the connection"));
    assert!(thread.join().is_err());
}

#[test]
fn a_server_that_never_speaks_is_no_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let servers = ServerList::parse(&address.to_string()).unwrap();
    let error = Client::new(servers).connect_timeout(Duration::from_millis(50)).run("f", "").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("no job server can be used: {address} (no answer in time); is gearmand running there?")
    );
}
