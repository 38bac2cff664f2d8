//! docs/console.md: every command and error, as a live driver answers.

use e2e::assert_page;
use gearman_driver_front::console::transcript::transcript;
use gearman_testkit::Gearmand;

use crate::support::{CONVERT, SCALE, client, started};

#[test]
fn the_page_shows_every_command_and_error() {
    let server = Gearmand::start();
    let mut farm = started(&server, "--interval 0 --namespaces operate_farm::workers::Image");
    // So that the rows have something to show.
    assert_eq!(farm.console().ask(&format!("set_processes {CONVERT} 1 5")), ["OK"]);
    let mut client = client(&server);
    client.run(SCALE, "x").unwrap();
    client.run(CONVERT, "some error").unwrap_err();
    let page = transcript(([127, 0, 0, 1], farm.console_port()).into(), SCALE).unwrap();
    assert_eq!(farm.wait_exit().code(), Some(0));
    assert_page("console.md", &page);
}
