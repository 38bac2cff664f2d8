use std::path::Path;

use gearman_driver_core::config::{Layer, Origin};

use super::*;

fn plain(name: &str, text: &str) -> String {
    let error = Layer::from_file(Path::new(name), text, &Origin::CommandLine).unwrap_err();
    render("gearman-driver", &error, Style::Plain)
}

#[test]
fn plain_is_one_line_and_the_help() {
    insta::assert_snapshot!(plain("drivers.toml", "\n\nintervall = 5"), @"
    gearman-driver: unknown key `intervall`, at drivers.toml:3
    help: did you mean `interval`?
    ");
    insta::assert_snapshot!(plain("drivers.yaml", "loglayout: '%m %q'\n"), @"
    gearman-driver: `loglayout`: `%q` is no letter of a log layout, at column 4 of the log layout, at drivers.yaml:1
    help: known are %d %p %m %c %P %H %r %n and %%
          %m %q
             ^^
    ");
    insta::assert_snapshot!(plain("drivers.yaml", "server: 5\n"), @"gearman-driver: `server` must be a text `HOST[:PORT],..` or a list of such texts, not the number 5, at drivers.yaml:1");
}
