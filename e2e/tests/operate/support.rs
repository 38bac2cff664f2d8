//! What the tests of this program share.

use e2e::{Farm, FarmBuilder};
use gearman_protocol::{Client, ServerList};
use gearman_testkit::JobServer;

pub(crate) const SCALE: &str = "my_app::workers::image::Image::scale_image";
pub(crate) const CONVERT: &str = "my_app::workers::image::Image::convert";
pub(crate) const WAIT: &str = "my_app::workers::image::Image::wait";
pub(crate) const SHOW: &str = "operate_farm::workers::Configured::show";
pub(crate) const NEVER: &str = "1970-01-01T00:00:00";

/// A driver of the farm for these tests.
pub(crate) fn farm(server: &JobServer) -> FarmBuilder {
    Farm::of(env!("CARGO_BIN_EXE_operate_farm"), server.address())
}

/// As [`farm`], started with these arguments; its one process of [`SCALE`] is there, and no more are coming.
pub(crate) fn started(server: &JobServer, arguments: &str) -> Farm {
    let farm = farm(server).args(arguments).start();
    farm.wait("its first process is there", || (farm.console().pids(SCALE).len() == 1).then_some(()));
    farm
}

pub(crate) fn client(server: &JobServer) -> Client {
    Client::new(ServerList::parse(&server.address()).unwrap())
}

/// Submits a job that runs until the file is removed; returns when `count` such jobs run.
pub(crate) fn occupy(farm: &Farm, server: &JobServer, file: &str, count: u64) {
    let path = farm.dir().join(file);
    std::fs::write(&path, "").unwrap();
    let mut client = client(server);
    for _ in 0..count {
        client.submit_background(WAIT, path.to_str().unwrap().as_bytes()).unwrap();
    }
    farm.wait("the jobs run", || server.status_of(WAIT).filter(|status| status.running == count).map(|_| ()));
}
