//! Workloads and results in all their forms.

use e2e::{ServerKind, on_both_job_servers};
use gearman_protocol::PacketType;

use crate::Site;
use crate::wire::packets;

// Not on both, but with gearmand alone: what codecs make of a workload is the worker's matter.
on_both_job_servers! {
    a_codec_that_fails_fails_the_job_and_says_which,
    empty_binary_and_64_mib_workloads_go_through,
}

const CODECS: &str = "workers_farm::codecs::Codecs::";

#[test]
fn workloads_and_results_go_through_their_codecs() {
    let site = Site::new();
    let _farm = site.farm("codecs").start();
    let codec = |method: &str, workload: &str| site.run(&format!("{CODECS}{method}"), workload);
    assert_eq!(codec("swap", r#"{"width":2,"height":3}"#), r#"{"width":3,"height":2}"#);
    assert_eq!(codec("sort", "b\nc\na"), "a\nb\nc");
    assert_eq!(codec("text", "ping"), "pong");
    assert_eq!(codec("nothing", "ignored"), "");
    let by_worker = "workers_farm::codecs::ByWorker::";
    assert_eq!(site.run(&format!("{by_worker}negate"), "-42"), "<42>");
    assert_eq!(site.run(&format!("{by_worker}raw"), "-42"), "-42");
    // `begin` gets the workload as it came, not what the decoder made of it.
    assert!(site.notes().contains(&"begin b\\nc\\na".to_owned()), "{:?}", site.notes());
}

fn a_codec_that_fails_fails_the_job_and_says_which(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("codecs").start();
    let told = |method: &str, workload: &[u8]| {
        let packets = packets(&site, &format!("{CODECS}{method}"), workload, false);
        assert_eq!(packets.len(), 2, "{packets:?}");
        assert_eq!((packets[0].0, packets[1].0), (PacketType::WorkWarning, PacketType::WorkFail));
        packets[0].1.clone()
    };
    let json = "decode failed: the workload is not the JSON expected: missing field `height` at line 1 column 11";
    assert_eq!(told("swap", br#"{"width":2}"#), json);
    assert_eq!(farm.console().row(&format!("{CODECS}all")).message.as_deref(), Some(json));
    assert!(told("sort", b"\xff").starts_with("decode failed: invalid utf-8"));
    assert!(told("text", b"\xff").starts_with("decode failed: the workload is not UTF-8 text"));
    // Neither `begin` nor `end` has run for any of them.
    assert!(site.notes().is_empty(), "{:?}", site.notes());
    // An encoder comes after `end`.
    assert_eq!(told("sort", b""), "encode failed: nothing to encode");
    assert_eq!(site.notes(), ["begin ", "end"]);
}

fn empty_binary_and_64_mib_workloads_go_through(kind: ServerKind) {
    let site = Site::on(kind);
    let _farm = site.farm("codecs").start();
    let bytes = format!("{CODECS}bytes");
    let mut client = site.client();
    assert_eq!(client.run(&bytes, b"").unwrap(), b"");
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    assert_eq!(client.run(&bytes, &binary).unwrap(), binary);
    let large: Vec<u8> = (0..64 << 20).map(|n: u32| n.to_le_bytes()[(n % 3) as usize]).collect();
    assert!(client.run(&bytes, &large).unwrap() == large, "64 MiB come back as they were");
}
