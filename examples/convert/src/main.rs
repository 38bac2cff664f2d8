//! Converts the images of a folder to JPEG and GIF, each in a job of its own.
//!
//! This program plays two parts, in processes of their own. Called with a folder it submits the jobs
//! ([`submit`]) and waits for their results. The driver with the workers ([`driver`]) is a child of it:
//! the same program, with a hidden subcommand. The driver in turn starts the program once more, as the
//! host that its worker processes are forked from; `main` leads all of them to the same place, and
//! nothing but workers is loaded there.

mod codec;
mod driver;
mod folder;
mod generate;
mod job_server;
mod progress;
mod submit;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};

use crate::driver::DriverProcess;
use crate::folder::Folder;
use crate::job_server::JobServer;
use crate::progress::Progress;

/// What can go wrong, as text for the person at the terminal.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Converts the images of a folder to JPEG and GIF, into FOLDER/converted.
#[derive(Parser)]
#[command(name = "convert", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Args)]
struct Options {
    /// Where the images are. Folders in it and hidden files are left alone.
    folder: Option<PathBuf>,
    /// Make so many small images in FOLDER instead, to have something to convert.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    generate: Option<u32>,
    /// Replace results of an earlier run.
    #[arg(long)]
    overwrite: bool,
    /// The job server; without it the one on localhost:4730, or one that is started for this run.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// The port of the driver's console; 0 turns it off.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    console_port: u16,
}

#[derive(Subcommand)]
enum Role {
    /// The driver: started by this program itself.
    #[command(hide = true)]
    RunDriver(driver::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Role::RunDriver(options)) = &cli.role {
        return driver::run(options);
    }
    let Some(folder) = &cli.options.folder else {
        eprintln!("convert: which folder?\n\nUsage: convert [OPTIONS] FOLDER");
        return ExitCode::from(2);
    };
    let outcome = match cli.options.generate {
        Some(count) => generate::images(folder, count)
            .inspect(|()| println!("made {count} images in {}", folder.display()))
            .map(|()| true),
        None => Folder::open(folder, cli.options.overwrite).and_then(|folder| convert(&Arc::new(folder), &cli.options)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("convert: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Converts all of the folder. The result says whether everything was converted.
fn convert(folder: &Arc<Folder>, options: &Options) -> Result<bool, Error> {
    let server = match &options.server {
        Some(address) => JobServer::at(address),
        None => JobServer::find_or_start()?,
    };
    eprintln!("job server: {server}");
    let mut driver = DriverProcess::start(server.address(), options.console_port)?;
    let start = Instant::now();
    let mut progress = Progress::new(folder.images().len());
    submit::all(folder, server.address(), &mut progress, || driver.check())?;
    let seconds = start.elapsed().as_secs_f64();
    driver.drain()?;
    println!("converted {} images, {} failed, in {seconds:.1} s", progress.converted(), progress.failed());
    Ok(progress.failed() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["convert", "--generate", "3", "pictures"]);
        assert_eq!((cli.options.generate, cli.options.folder), (Some(3), Some("pictures".into())));
        assert!(Cli::try_parse_from(["convert", "--generate", "0", "pictures"]).is_err());
    }
}
