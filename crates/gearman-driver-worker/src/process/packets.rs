//! What a worker sends a job server besides questions for jobs and their answers; the same in both loops.

use std::time::Duration;

use gearman_protocol::{Magic, PacketType, request};

use super::pulse::QUESTION;

/// ECHO_REQ, whether the server is still there.
fn question() -> Vec<u8> {
    let mut packet = Vec::new();
    // It holds no NUL in a place where one would matter.
    let _ = request::echo_req(&mut packet, QUESTION);
    packet
}

/// The same, of a connection that sleeps already. PRE_SLEEP again, which a job that waits is an answer to: a job server that
/// forgot to wake us (gearmand may, when it brings back a job over its `server_timeout`) does so now.
pub(super) fn sleeping_question() -> Vec<u8> {
    let mut packets = Vec::new();
    request::pre_sleep(&mut packets);
    packets.extend(question());
    packets
}

/// Whether that is the answer to it, and no more.
pub(super) fn is_answer(bytes: &[u8]) -> bool {
    let mut answer = question();
    answer[..4].copy_from_slice(&Magic::Response.bytes());
    answer[4..8].copy_from_slice(&PacketType::EchoRes.number().to_be_bytes());
    bytes == answer
}

/// What registers a worker with a job server, in one write, and sends it to sleep until a job waits. The answer to the
/// question at its end says that the server has seen it.
pub(super) fn registration(id: &str, functions: &[String], server_timeout: Option<Duration>) -> Vec<u8> {
    let mut packets = Vec::new();
    // Neither holds a NUL: the id has no control characters, function names are checked when they are loaded.
    let _ = request::set_client_id(&mut packets, id.as_bytes());
    can_do(&mut packets, functions, server_timeout);
    request::pre_sleep(&mut packets);
    packets.extend(question());
    packets
}

fn can_do(packets: &mut Vec<u8>, functions: &[String], server_timeout: Option<Duration>) {
    for function in functions {
        // Without a NUL, as above.
        let _ = match server_timeout {
            None => request::can_do(packets, function),
            Some(time) => request::can_do_timeout(packets, function, time),
        };
    }
}

/// What goes out between two jobs of a connection, where there is a `server_timeout`; never while one is held.
///
/// gearmand has a timer for the connection, which goes on when the job has been answered, and for that job also when another
/// one has been granted: before 2.0.0 it brings a job back that no longer is, and the job server with it hangs. A PRE_SLEEP
/// ends the timer, but only where no job waits for the worker: so it is sent without abilities.
pub(super) fn renewal(functions: &[String], server_timeout: Option<Duration>) -> Vec<u8> {
    let mut packets = Vec::new();
    request::reset_abilities(&mut packets);
    request::pre_sleep(&mut packets);
    can_do(&mut packets, functions, server_timeout);
    packets
}
