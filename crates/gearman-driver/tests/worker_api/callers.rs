//! Typed callers of workers.

use gearman_driver::prelude::*;
use serde::{Deserialize, Serialize};

/// Types of a job that are sent and read by its callers as well.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Sum {
    of: Vec<i64>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Total(i64);

#[derive(Default)]
struct Adder;

#[worker]
impl Adder {
    #[job]
    fn add(&self, Json(sum): Json<Sum>) -> Result<Json<Total>, Error> {
        Ok(Json(Total(sum.of.iter().sum())))
    }
    #[job(name = "concatenate")]
    async fn join(&self, Json(words): Json<Vec<&str>>) -> String {
        words.concat()
    }
    #[job]
    fn nothing(&self) {}
}

/// The second of two in one module, under another name, and one that wants none.
mod others {
    use super::*;

    #[derive(Default)]
    pub(super) struct Other;

    #[worker(client = "Named")]
    impl Other {
        #[job(decode = "number")]
        fn coded(&self, number: u64) -> &'static str {
            if number > 0 { "some" } else { "none" }
        }
        fn number(&self, workload: &[u8]) -> Result<u64, Error> {
            Ok(std::str::from_utf8(workload)?.parse()?)
        }
    }

    #[derive(Default)]
    struct Silent;

    pub(super) struct SilentClient(pub(super) u8);

    #[worker(client = "")]
    impl Silent {
        #[job]
        fn nothing(&self) {}
    }
}

/// A job server of one job: it answers with `result`, and gives what it was asked.
fn answering(result: &[u8]) -> (String, std::thread::JoinHandle<(String, Vec<u8>)>) {
    use gearman_protocol::{Decoder, Magic, PacketType, packet};
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, result) = (listener.local_addr().unwrap().to_string(), result.to_vec());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut decoder = Decoder::new(1 << 20);
        loop {
            while let Some(asked) = decoder.next_packet().unwrap() {
                let mut answer = Vec::new();
                let mut say = |kind, args: &[&[u8]]| packet::encode(Magic::Response, kind, args, &mut answer).unwrap();
                match asked.kind {
                    PacketType::EchoReq => say(PacketType::EchoRes, &[&asked.body]),
                    PacketType::SubmitJob => {
                        say(PacketType::JobCreated, &[b"H:a:1"]);
                        say(PacketType::WorkComplete, &[b"H:a:1", &result]);
                        stream.write_all(&answer).unwrap();
                        let [function, _, workload] = asked.args().unwrap();
                        return (String::from_utf8_lossy(function).into_owned(), workload.to_vec());
                    }
                    _ => {}
                }
                stream.write_all(&answer).unwrap();
            }
            let n = stream.read(decoder.space()).unwrap();
            decoder.filled(n);
        }
    });
    (address, server)
}

#[test]
fn a_worker_has_a_typed_caller() {
    use gearman_driver::{Client, ServerList};
    let client = |address: &str| Client::new(ServerList::parse(address).unwrap());

    let (address, server) = answering(b"6");
    let total = AdderClient::add(&mut client(&address), &Sum { of: vec![1, 2, 3] });
    assert_eq!(total.unwrap(), Total(6));
    assert_eq!(server.join().unwrap(), ("worker_api::callers::Adder::add".to_owned(), br#"{"of":[1,2,3]}"#.to_vec()));

    let (address, server) = answering(b"ab");
    assert_eq!(AdderClient::join(&mut client(&address), &vec!["a", "b"]).unwrap(), "ab");
    assert_eq!(
        server.join().unwrap(),
        ("worker_api::callers::Adder::concatenate".to_owned(), br#"["a","b"]"#.to_vec())
    );

    let (address, server) = answering(b"");
    assert!(AdderClient::nothing(&mut client(&address)).is_ok());
    assert_eq!(server.join().unwrap(), ("worker_api::callers::Adder::nothing".to_owned(), Vec::new()));

    let (address, server) = answering(b"some");
    assert_eq!(others::Named::coded(&mut client(&address), b"5").unwrap(), "some");
    assert_eq!(server.join().unwrap(), ("worker_api::callers::others::Other::coded".to_owned(), b"5".to_vec()));
    assert_eq!(others::SilentClient(1).0, 1);

    let (address, server) = answering(b"six");
    let error = AdderClient::add(&mut client(&address), &Sum { of: Vec::new() }).unwrap_err().to_string();
    assert_eq!(
        error,
        "function worker_api::callers::Adder::add: its result is not of the type expected: expected value at line 1 column 1"
    );
    server.join().unwrap();
}
