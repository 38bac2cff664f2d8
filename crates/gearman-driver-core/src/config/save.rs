//! What was changed live, written into a config file: comments and all else in the file stay as they are.

use std::collections::BTreeMap;
use std::time::Duration;

use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use crate::level::Level;
use crate::limits::Limits;

/// What operators have changed since the configuration was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveChanges {
    /// The bounds of jobs, by the console's name of the job.
    pub limits: BTreeMap<String, Limits>,
    /// `loglevel`
    pub loglevel: Option<Level>,
    /// `interval`
    pub interval: Option<Duration>,
    /// `max_idle_time`
    pub max_idle_time: Option<Duration>,
}

/// Changes can't be written into a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The text is not TOML (any more).
    #[error("it is no TOML: {0}")]
    NotToml(String),
    /// A key is there and holds something else than a table.
    #[error("`{0}` is no table there")]
    NoTable(String),
}

impl LiveChanges {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The text of a TOML config file with these changes in it.
    ///
    /// # Errors
    /// The text is no TOML, or what should be a table is something else.
    pub fn write_into(&self, text: &str) -> Result<String, SaveError> {
        let mut document: DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| SaveError::NotToml(error.message().to_owned()))?;
        let seconds = |time: Duration| value(format!("{}ms", time.as_millis()));
        let options = [
            ("loglevel", self.loglevel.map(|level| value(level.name()))),
            ("interval", self.interval.map(seconds)),
            ("max_idle_time", self.max_idle_time.map(seconds)),
        ];
        for (name, item) in options {
            if let Some(item) = item {
                let key = spelled(document.as_table(), name);
                put(document.as_table_mut(), &key, item);
            }
        }
        if !self.limits.is_empty() {
            let jobs = table(document.as_table_mut(), "job_runtime_attributes")?;
            for (job, limits) in &self.limits {
                let job = table(jobs, job)?;
                for (bound, number) in [("min_processes", limits.min()), ("max_processes", limits.max())] {
                    put(job, bound, value(i64::from(number)));
                }
            }
        }
        Ok(document.to_string())
    }
}

/// Sets a value; what stands around the one that is there (a comment behind it) stays.
fn put(table: &mut dyn TableLike, key: &str, mut item: Item) {
    match (table.get_mut(key).and_then(Item::as_value_mut), item.as_value_mut()) {
        (Some(old), Some(new)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new.clone();
        }
        _ => {
            table.insert(key, item);
        }
    }
}

/// The key as the file spells it already.
fn spelled(table: &Table, name: &str) -> String {
    let dashed = name.replace('_', "-");
    if table.contains_key(&dashed) { dashed } else { name.to_owned() }
}

/// The table under a key, made where there is none.
fn table<'a>(parent: &'a mut dyn TableLike, name: &str) -> Result<&'a mut dyn TableLike, SaveError> {
    let key = if parent.contains_key(name) { name.to_owned() } else { name.replace('_', "-") };
    let key = if parent.contains_key(&key) { key } else { name.to_owned() };
    let item = parent.entry(&key).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    item.as_table_like_mut().ok_or_else(|| SaveError::NoTable(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layer, Origin};

    fn changes() -> LiveChanges {
        LiveChanges {
            limits: BTreeMap::from([("my_app::workers::Image::scale".to_owned(), Limits::new(2, 9).unwrap())]),
            loglevel: Some(Level::Debug),
            interval: Some(Duration::from_millis(1500)),
            max_idle_time: None,
        }
    }

    #[test]
    fn comments_and_all_else_stay() {
        let file = "\
# The farm.
server = \"localhost\" # the old one
loglevel = \"INFO\"   # be quiet

[job_runtime_attributes.\"my_app::workers::Image::scale\"]
# at night more
max_processes = 5
";
        let written = changes().write_into(file).unwrap();
        insta::assert_snapshot!(written, @r#"
        # The farm.
        server = "localhost" # the old one
        loglevel = "DEBUG"   # be quiet
        interval = "1500ms"

        [job_runtime_attributes."my_app::workers::Image::scale"]
        # at night more
        max_processes = 9
        min_processes = 2
        "#);
        let layer = Layer::from_file("a.toml".as_ref(), &written, &Origin::CommandLine).unwrap();
        let config = Layer::merge([layer]).unwrap();
        assert_eq!(config.interval, Duration::from_millis(1500));
        assert_eq!(config.job_runtime_attributes["my_app::workers::Image::scale"].min_processes, Some(2));
        assert_eq!(changes().write_into(&written).unwrap(), written, "once is enough");
    }

    #[test]
    fn a_jobs_rights_stay_as_they_are_written() {
        let file = "\
[job_runtime_attributes.\"my_app::workers::Image::scale\"]
user = \"nobody\" # not root
rlimits = { nofile = 64, core = [0, \"unlimited\"] }
env_keep = []

[job_runtime_attributes.\"my_app::workers::Image::scale\".env]
LANG = \"C\"
";
        let written = changes().write_into(file).unwrap();
        let rights = |text: &str| {
            let config =
                Layer::merge([Layer::from_file("a.toml".as_ref(), text, &Origin::CommandLine).unwrap()]).unwrap();
            let said = config.job_runtime_attributes["my_app::workers::Image::scale"].clone();
            (said.user, said.group, said.rlimits, said.nice, said.env_keep, said.env, said.no_new_privs)
        };
        assert_eq!(rights(&written), rights(file));
        assert!(file.lines().all(|line| written.contains(line)), "{written}");
    }

    #[test]
    fn an_empty_file_gets_what_is_needed() {
        insta::assert_snapshot!(changes().write_into("").unwrap(), @r#"
        loglevel = "DEBUG"
        interval = "1500ms"

        [job_runtime_attributes."my_app::workers::Image::scale"]
        min_processes = 2
        max_processes = 9
        "#);
        assert_eq!(LiveChanges::default().write_into("# nothing\n").unwrap(), "# nothing\n");
    }

    #[test]
    fn what_is_no_toml_or_no_table_is_refused() {
        assert!(matches!(changes().write_into("server: x"), Err(SaveError::NotToml(_))));
        let error = changes().write_into("job_runtime_attributes = 5").unwrap_err();
        assert_eq!(error.to_string(), "`job_runtime_attributes` is no table there");
    }
}
