use proptest::prelude::*;

use super::*;

fn rendered(pattern: &str) -> String {
    let layout = match Layout::parse(pattern) {
        Ok(layout) => layout,
        Err(error) => panic!("{error}\n{}", error.caret()),
    };
    let mut out = String::new();
    layout.render(&record("Process started"), &mut out);
    out
}

fn record(message: &str) -> Record<'_> {
    Record {
        time: "2010-01-29T20:37:17.045678901+01:00[Europe/Berlin]".parse().unwrap(),
        level: Level::Info,
        category: "gearman::driver::Observer",
        message,
        pid: 4711,
        host: "node1",
        since_start: Duration::from_millis(1234),
    }
}

fn refused(pattern: &str) -> String {
    let error = Layout::parse(pattern).unwrap_err();
    let help = error.help().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    format!("{error}\n{}{help}", error.caret())
}

#[test]
fn the_default_is_the_originals() {
    assert_eq!(rendered(DEFAULT_PATTERN), "[2010/01/29 20:37:17] INFO Process started\n");
    assert_eq!(Layout::default().pattern(), DEFAULT_PATTERN);
}

#[test]
fn every_letter() {
    insta::assert_snapshot!(
        rendered("%d %p %c %P %H %r 100%% %m%n"),
        @"2010/01/29 20:37:17 INFO gearman::driver::Observer 4711 node1 1234 100% Process started"
    );
}

#[test]
fn widths_pad_and_cut() {
    assert_eq!(rendered("[%-5p]"), "[INFO ]");
    assert_eq!(rendered("[%5p]"), "[ INFO]");
    assert_eq!(rendered("[%2p]"), "[INFO]");
    assert_eq!(rendered("[%.2p]"), "[IN]");
    assert_eq!(rendered("[%-4.1p]"), "[I   ]");
    assert_eq!(rendered("[%.0p]"), "[]");
}

#[test]
fn widths_count_characters() {
    let mut out = String::new();
    Layout::parse("[%-6.4m]").unwrap().render(&record("äöüßx"), &mut out);
    assert_eq!(out, "[äöüß  ]");
}

#[test]
fn category_parts() {
    assert_eq!(rendered("%c{1}"), "Observer");
    assert_eq!(rendered("%c{2}"), "driver::Observer");
    assert_eq!(rendered("%c{3}"), "gearman::driver::Observer");
    assert_eq!(rendered("%c{9}"), "gearman::driver::Observer");
}

#[test]
fn chomp_takes_the_newline_away() {
    let mut out = String::new();
    Layout::parse("%m{chomp}|%m|").unwrap().render(&record("line\n"), &mut out);
    assert_eq!(out, "line|line\n|");
}

#[test]
fn date_formats() {
    assert_eq!(rendered("%d{HH:mm:ss,SSS}"), "20:37:17,045");
    assert_eq!(rendered("%d{ISO8601}"), "2010-01-29 20:37:17,045");
    assert_eq!(rendered("%d{ABSOLUTE}"), "20:37:17,045");
    assert_eq!(rendered("%d{DATE}"), "29 Jan 2010 20:37:17,045");
    assert_eq!(rendered("%d{APACHE}"), "[Fri Jan 29 20:37:17 2010]");
    assert_eq!(rendered("%d{yy-M-d h:m:s a}"), "10-1-29 8:37:17 PM");
    assert_eq!(rendered("%d{EEEE MMMM D k K}"), "Friday January 29 20 8");
    assert_eq!(rendered("%d{yyyy-MM-dd'T'HH:mm:ssZ z}"), "2010-01-29T20:37:17+0100 CET");
    assert_eq!(rendered("%d{h 'o''clock'}"), "8 oclock");
    assert_eq!(rendered("%d{h''}"), "8'");
    assert_eq!(rendered("%d{e}"), "1264793837");
    assert_eq!(rendered("[%25d]"), "[      2010/01/29 20:37:17]");
}

#[test]
fn midnight_and_noon_on_the_twelve_hour_clock() {
    let hours = |time: &str| {
        let mut out = String::new();
        let record = Record { time: time.parse().unwrap(), ..record("") };
        Layout::parse("%d{h K k H a}").unwrap().render(&record, &mut out);
        out
    };
    assert_eq!(hours("2010-01-29T00:00:00[UTC]"), "12 0 24 0 AM");
    assert_eq!(hours("2010-01-29T12:00:00[UTC]"), "12 0 12 12 PM");
}

#[test]
fn errors_point_at_the_place() {
    insta::assert_snapshot!(refused("[%d] %q %m%n"), @"
    `%q` is no letter of a log layout, at column 6 of the log layout
    [%d] %q %m%n
         ^^
    help: known are %d %p %m %c %P %H %r %n and %%
    ");
    insta::assert_snapshot!(refused("%m %T"), @"
    Log4perl's `%T` (a stack trace) is not supported, at column 4 of the log layout
    %m %T
       ^^
    help: known are %d %p %m %c %P %H %r %n and %%
    ");
    insta::assert_snapshot!(refused("é %d{HH:mm %m"), @"
    a brace is not closed, at column 3 of the log layout
    é %d{HH:mm %m
      ^^^^^^^^^^^
    help: write for example %d{HH:mm:ss}
    ");
    insta::assert_snapshot!(refused("%d{HH:nn}"), @"
    `nn` is no date letter, at column 7 of the log layout
    %d{HH:nn}
          ^^
    help: known are y M d H h k K m s S E D a Z z e, and text in single quotes
    ");
    insta::assert_snapshot!(refused("100%"), @"
    `%` without a letter, at column 4 of the log layout
    100%
       ^
    help: write %% for a percent sign
    ");
    insta::assert_snapshot!(refused("%99999m"), @"
    the width 99999 is over 1024, at column 1 of the log layout
    %99999m
    ^^^^^^
    ");
    insta::assert_snapshot!(refused("%p{1}"), @"
    `%p` takes no such text in braces, at column 4 of the log layout
    %p{1}
       ^
    help: only %d{FORMAT}, %m{chomp} and %c{NUMBER} do
    ");
    insta::assert_snapshot!(refused("%d{}"), @"
    the date format is empty, at column 4 of the log layout
    %d{}
       ^
    help: write %d, or for example %d{HH:mm:ss}
    ");
}

proptest! {
    #[test]
    fn any_pattern_is_read_or_refused(pattern in "\\PC*") {
        match Layout::parse(&pattern) {
            Ok(layout) => {
                let mut out = String::new();
                layout.render(&record("message"), &mut out);
            }
            Err(error) => {
                let _ = error.caret();
            }
        }
    }

    #[test]
    fn nearly_patterns_are_read_or_refused(pattern in "(%-?[0-9]{0,5}(\\.[0-9]{0,3})?[a-zA-Z%é](\\{[yMdHhmsSEDaZze':é]{0,6}\\}?)?){0,4}") {
        match Layout::parse(&pattern) {
            Ok(layout) => {
                let mut out = String::new();
                layout.render(&record("message"), &mut out);
            }
            Err(error) => {
                let _ = error.caret();
            }
        }
    }

    #[test]
    fn text_without_percent_signs_stays_as_it_is(text in "[^%]*") {
        prop_assert_eq!(rendered(&text), text);
    }

    #[test]
    fn doubled_percent_signs_become_single_ones(text in "\\PC*") {
        prop_assert_eq!(rendered(&text.replace('%', "%%")), text);
    }
}
