//! The subcommand `completions`: what shells complete, and the manual page, from the description of the command line.

use std::io::{self, Write};

use clap::{Arg, ArgMatches, Command, ValueEnum};
use clap_complete::Shell;

use super::args::ready_command;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
    /// For bash.
    Bash,
    /// For zsh.
    Zsh,
    /// For fish.
    Fish,
    /// For elvish.
    Elvish,
    /// For PowerShell.
    #[value(name = "powershell")]
    PowerShell,
    /// The manual page, for `man`.
    Man,
}

/// The subcommand as clap sees it.
pub(super) fn command() -> Command {
    Command::new("completions").about("Write what a shell completes, or the manual page, to standard output").arg(
        Arg::new("shell")
            .required(true)
            .value_name("SHELL")
            .value_parser(clap::value_parser!(Page))
            .help("The shell, or man for the manual page."),
    )
}

impl Page {
    /// What stands behind the subcommand.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        *matches.get_one("shell").expect("clap asks for it: it is required")
    }
}

/// Writes the page for `program` to standard output.
///
/// # Errors
/// Standard output can't be written; a pipe that was closed is none.
pub(crate) fn write(page: Page, program: &str, own: &[Command]) -> io::Result<()> {
    match io::stdout().write_all(&render(page, program, own)?) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn render(page: Page, program: &str, own: &[Command]) -> io::Result<Vec<u8>> {
    let mut command = ready_command(program, own);
    let mut text = Vec::new();
    let shell = match page {
        Page::Bash => Shell::Bash,
        Page::Zsh => Shell::Zsh,
        Page::Fish => Shell::Fish,
        Page::Elvish => Shell::Elvish,
        Page::PowerShell => Shell::PowerShell,
        Page::Man => {
            clap_mangen::Man::new(command).render(&mut text)?;
            return Ok(text);
        }
    };
    clap_complete::generate(shell, &mut command, program, &mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_driver_core::config::OPTIONS;

    fn text(page: Page) -> String {
        String::from_utf8(render(page, "convert", &[]).unwrap()).unwrap()
    }

    #[test]
    fn every_page_names_the_options_that_are_there_and_no_others() {
        for page in Page::value_variants() {
            let text = text(*page).replace("\\-", "-");
            for spec in OPTIONS {
                // PowerShell, zsh and the manual spell it with its dashes, fish without.
                let named = text.contains(&spec.dashed());
                let unique = !["http", "name", "user"].contains(&spec.name);
                assert!(named == spec.is_ready() || !unique, "{page:?}: {}", spec.name);
            }
            assert!(text.contains("convert") && text.contains("status"), "{page:?}");
        }
    }

    #[test]
    fn the_manual_page_is_one() {
        let page = text(Page::Man);
        assert!(page.contains(".TH convert 1") && page.contains(".SH OPTIONS") && page.contains(".SH SUBCOMMANDS"));
    }

    #[test]
    fn bash_takes_its_completions() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text(Page::Bash)).unwrap();
        let checked = std::process::Command::new("bash").arg("-n").arg(file.path()).output();
        // Where there is no bash, nobody completes with it.
        if let Ok(checked) = checked {
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
    }
}
