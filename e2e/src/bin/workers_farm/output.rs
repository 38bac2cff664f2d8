//! What a job prints and logs.
use std::io::Write;

use gearman_driver::prelude::*;

#[derive(Default)]
pub(crate) struct Output;

#[worker]
impl Output {
    #[job]
    fn print(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let mut out = std::io::stdout();
        match workload {
            "lines" => {
                println!("printed one\nprinted two");
                eprintln!("an error line");
                println!("max_processes 77");
            }
            "records" => {
                log::warn!("a record of log");
                log::debug!("a record below the level");
                tracing::error!(answer = 42, "an event of tracing");
                log::error!("first line\n[2000-01-01 00:00:00] FATAL second line\x1b[31m");
            }
            "junk" => {
                out.write_all(b"junk \x00\xff\xfe\x1b[2J\x07 end\n")?;
            }
            "long" => {
                let mut line = vec![b'x'; 10 << 20];
                line.push(b'\n');
                out.write_all(&line)?;
                println!("after the long line");
            }
            "open" => {
                print!("a last line without its end");
                eprint!("another one");
            }
            _ => return Err("no such print".into()),
        }
        out.flush()?;
        Ok(format!("{} {}", std::process::id(), job.handle()))
    }

    #[job(min_processes = 0)]
    fn quiet(&self) {
        log::info!("a record of another process");
    }
}
