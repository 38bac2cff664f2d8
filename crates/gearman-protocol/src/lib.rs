//! The Gearman protocol: packets, admin text and server lists, without I/O.
//!
//! | module | what |
//! | --- | --- |
//! | [`packet`] | what a packet is: magic, type, body, arguments |
//! | [`decode`] | bytes in, packets out |
//! | [`request`] | what workers and clients send, as bytes |
//! | [`assignment`] | a job as the job server hands it to a worker |
//! | [`admin`] | the admin text: lines, rows of `status` and `workers` |
//! | [`servers`] | `host:port,host:port` |
//!
//! They do no I/O and read no clock, so a worker loop, an asynchronous observer, a relay and a job server can
//! all use them. When to send what is their decision.

pub mod admin;
pub mod assignment;
pub mod decode;
pub mod packet;
pub mod request;
pub mod servers;

pub use admin::{AdminError, AdminLine, AdminReader, StatusRow, WorkersRow};
pub use assignment::JobAssignment;
pub use decode::Decoder;
pub use packet::{Magic, Packet, PacketError, PacketType};
pub use request::Priority;
pub use servers::{ServerAddress, ServerList, ServerListError};
