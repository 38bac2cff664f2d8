//! Which job server a test runs against.

use std::path::Path;

use gearman_testkit::{Gearmand, JobServer};

/// A kind of job server. Both are started, killed, frozen and asked alike: as a process of their own.
#[derive(Debug, Clone, Copy)]
pub enum ServerKind {
    /// gearmand, as it is installed.
    Gearmand,
    /// Ours, by the program `job_server` of this package, which only its tests can name.
    Embedded(&'static str),
}

impl ServerKind {
    /// Starts one of this kind; returns when it answers.
    #[must_use]
    pub fn start(self) -> JobServer {
        match self {
            Self::Gearmand => Gearmand::start().into(),
            Self::Embedded(program) => JobServer::start(Path::new(program), &[]),
        }
    }
}

/// Makes two tests of each function: `NAME::on_gearmand` and `NAME::on_the_embedded_server`.
///
/// Each takes the [`ServerKind`] that it is to start. Tests that have little to do with the job server stay plain ones,
/// with gearmand.
#[macro_export]
macro_rules! on_both_job_servers {
    ($($test:ident),+ $(,)?) => {
        $(
            mod $test {
                #[test]
                fn on_gearmand() {
                    super::$test($crate::ServerKind::Gearmand);
                }

                #[test]
                fn on_the_embedded_server() {
                    super::$test($crate::ServerKind::Embedded(env!("CARGO_BIN_EXE_job_server")));
                }
            }
        )+
    };
}
