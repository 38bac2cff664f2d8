//! The console on the wire, over the real manager.

#[path = "console/own_commands.rs"]
mod own_commands;
mod support;

use std::time::Duration;

use gearman_driver_front::console::MAX_CONNECTIONS;
use gearman_driver_front::console::transcript::transcript;
use proptest::prelude::*;
use tokio::time::timeout;

use support::{Client, PATIENCE, console, driver};

const EPOCH: &str = "1970-01-01T00:00:00";

async fn connect() -> Client {
    Client::connect(console(driver(&[("a", 1, 3), ("b", 0, 1)])).await).await
}

#[tokio::test]
async fn answers_are_the_originals_bytes() {
    let mut client = connect().await;
    let rows = format!("a  1  3  1  {EPOCH}  {EPOCH}  \r\nb  0  1  0  {EPOCH}  {EPOCH}  \r\n.\r\n");
    assert_eq!(client.ask("status").await, rows);
    assert_eq!(client.ask("show a").await, format!("a  1  3  1  {EPOCH}  {EPOCH}  \r\n20001\r\n.\r\n"));
    assert_eq!(client.ask("set_max_processes a 4").await, "OK\r\n.\r\n");
    assert_eq!(client.ask("nonsense").await, "ERR unknown_command: nonsense\r\n.\r\n");
    assert_eq!(client.ask("").await, "ERR unknown_command: \r\n.\r\n");
}

#[tokio::test]
async fn orders_take_effect_before_they_are_answered() {
    let mut client = connect().await;
    assert_eq!(client.ask("set_processes b 1 1").await, "OK\r\n.\r\n");
    assert_eq!(client.ask("show b").await, format!("b  1  1  1  {EPOCH}  {EPOCH}  \r\n20002\r\n.\r\n"));
    assert_eq!(client.ask("kill 20002").await, "OK\r\n.\r\n");
    assert_eq!(client.ask("show b").await, format!("b  1  1  1  {EPOCH}  {EPOCH}  \r\n20003\r\n.\r\n"));
    let refused = "ERR invalid_value: the given PID(s) do not belong to us\r\n.\r\n";
    assert_eq!(client.ask("kill 20002").await, refused);
    assert_eq!(
        client.ask("set_min_processes b 2").await,
        "ERR invalid_value: min_processes must be smaller than max_processes\r\n.\r\n"
    );
    assert_eq!(
        client.ask("set_max_processes b 0").await,
        "ERR invalid_value: max_processes must be greater than min_processes\r\n.\r\n"
    );
}

#[tokio::test]
async fn commands_in_one_packet_are_answered_in_order() {
    let mut client = connect().await;
    client.send("list\nversion\r\nset_max_processes a 1\nshow nobody\n").await;
    let expected = "a\r\nb\r\n.\r\ngearman-driver 1.2.3\r\n.\r\nOK\r\n.\r\nERR invalid_job_name: nobody\r\n.\r\n";
    assert_eq!(client.answers(4).await, expected);
}

#[tokio::test]
async fn a_command_may_come_in_pieces() {
    let mut client = connect().await;
    for piece in ["ver", "si", "on\r", "\n"] {
        client.send(piece).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answers(1).await, "gearman-driver 1.2.3\r\n.\r\n");
}

#[tokio::test]
async fn quit_closes_without_an_answer() {
    let mut client = connect().await;
    client.send("quit\nlist\n").await;
    assert_eq!(client.until_closed().await, "");
}

#[tokio::test]
async fn shutdown_is_answered_and_closes() {
    let mut client = connect().await;
    client.send("shutdown\n").await;
    assert_eq!(client.until_closed().await, "OK\r\n.\r\n");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_and_the_connection_closed() {
    let mut client = connect().await;
    client.send("x".repeat(100_000)).await;
    assert_eq!(client.until_closed().await, "ERR line_too_long\r\n.\r\n");
    let mut client = connect().await;
    client.send(format!("show {}\n", "x".repeat(8 * 1024 - 5))).await;
    assert_eq!(client.answers(1).await, format!("ERR invalid_job_name: {}\r\n.\r\n", "x".repeat(512)));
}

#[tokio::test]
async fn the_65th_connection_is_refused_and_a_place_that_is_given_back_is_used() {
    let address = console(driver(&[("a", 0, 1)])).await;
    let mut clients = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut client = Client::connect(address).await;
        client.ask("version").await;
        clients.push(client);
    }
    let mut one_more = Client::connect(address).await;
    assert_eq!(one_more.until_closed().await, "ERR too_many_connections\r\n.\r\n");
    clients.pop().unwrap().close();
    let accepted = async {
        loop {
            let mut next = Client::connect(address).await;
            next.send("version\nquit\n").await;
            if next.until_closed().await.starts_with("gearman-driver") {
                break;
            }
        }
    };
    timeout(PATIENCE, accepted).await.unwrap();
    // The others were not disturbed.
    assert_eq!(clients[0].ask("list").await, "a\r\n.\r\n");
}

#[tokio::test]
async fn http_is_closed_without_an_answer() {
    let mut client = connect().await;
    client.send("POST / HTTP/1.1\r\nHost: localhost:47300\r\n\r\nshutdown\r\n").await;
    let mut answer = Vec::new();
    // Closed with bytes unread, so a reset is as good.
    let _ = timeout(PATIENCE, tokio::io::AsyncReadExt::read_to_end(client.stream(), &mut answer)).await.unwrap();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn input_that_is_no_text_is_an_unknown_command() {
    let mut client = connect().await;
    client.send(b"\xff\xfe\x00 \x80\n").await;
    assert_eq!(client.answers(1).await, "ERR unknown_command: \u{fffd}\u{fffd}\\x00\r\n.\r\n");
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_up_others() {
    let address = console(driver(&[("a", 0, 1)])).await;
    let mut deaf = Client::connect(address).await;
    let flood = tokio::spawn(async move {
        loop {
            deaf.send("help\n".repeat(1000)).await;
        }
    });
    let mut client = Client::connect(address).await;
    for _ in 0..100 {
        let answer = timeout(Duration::from_secs(2), client.ask("list")).await;
        assert_eq!(answer.expect("answered meanwhile"), "a\r\n.\r\n");
    }
    flood.abort();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_taken_nothing_for_30_s_is_closed() {
    let (mut client, server) = tokio::io::duplex(64);
    let handle = driver(&[("a", 0, 1)]);
    let session = tokio::spawn(async move {
        gearman_driver_front::console::session(server, handle, &gearman_driver_front::console::Commands::new()).await
    });
    tokio::io::AsyncWriteExt::write_all(&mut client, b"help\n").await.unwrap();
    let started = tokio::time::Instant::now();
    let error = session.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_driver_that_has_ended_closes_the_connection() {
    let (requests, incoming) = tokio::sync::mpsc::channel(1);
    drop(incoming);
    let address = console(gearman_driver_front::Handle::new(requests)).await;
    let mut client = Client::connect(address).await;
    client.send("status\n").await;
    assert_eq!(client.until_closed().await, "");
}

#[tokio::test]
async fn the_transcript_shows_every_command_and_error() {
    let address = console(driver(&[("my_app::workers::image::Image::scale_image", 1, 5)])).await;
    let page = tokio::task::spawn_blocking(move || transcript(address, "my_app::workers::image::Image::scale_image"));
    let page = page.await.unwrap().unwrap();
    insta::assert_snapshot!("transcript", page);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_sent_answers_end_with_a_dot_or_the_connection_closes(
        input in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            Just(b"\n".to_vec()),
            prop::sample::select(vec![
                &b"status\n"[..], b"show a\r\n", b"set_processes a 0 9\n", b"kill 20001\n", b"killall *\n", b" \n", b"help\n",
            ]).prop_map(<[u8]>::to_vec),
        ], 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let output = runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(1024 * 1024);
            let handle = driver(&[("a", 1, 3)]);
            tokio::io::AsyncWriteExt::write_all(&mut client, &input.concat()).await.unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut client).await.unwrap();
            let commands = gearman_driver_front::console::Commands::new();
            timeout(PATIENCE, gearman_driver_front::console::session(server, handle, &commands)).await.unwrap().unwrap();
            let mut output = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut client, &mut output).await.unwrap();
            output
        });
        let output = String::from_utf8(output).unwrap();
        prop_assert!(output.is_empty() || output.ends_with("\r\n.\r\n"), "{output:?}");
        for line in output.split_terminator("\r\n") {
            prop_assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}
