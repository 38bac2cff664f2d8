//! The Gearman protocol: packets and admin text without I/O, server lists, and a small blocking client.
//!
//! | module | what |
//! | --- | --- |
//! | [`packet`] | what a packet is: magic, type, body, arguments |
//! | [`decode`] | bytes in, packets out |
//! | [`request`] | what workers and clients send, as bytes |
//! | [`assignment`] | a job as the job server hands it to a worker |
//! | [`admin`] | the admin text: lines, rows of `status` and `workers` |
//! | [`servers`] | `host:port,host:port` |
//! | [`connection`] | a blocking connection that sends and receives packets |
//! | [`client`] | runs and submits jobs |
//!
//! The first six do no I/O and read no clock, so a worker loop, an asynchronous observer, a relay and a job server can
//! all use them. When to send what is their decision.

pub mod admin;
pub mod assignment;
pub mod client;
pub mod connection;
pub mod decode;
pub mod packet;
pub mod request;
pub mod servers;

pub use admin::{AdminError, AdminLine, AdminReader, StatusRow, WorkersRow};
pub use assignment::JobAssignment;
pub use client::{Client, ClientError, JobEvent, JobStatus};
pub use connection::{Connection, ConnectionError};
pub use decode::Decoder;
pub use packet::{Magic, Packet, PacketError, PacketType};
pub use request::Priority;
pub use servers::{ServerAddress, ServerList, ServerListError};
