//! The one list of options. [`Layer`]'s fields, the readers of the environment and of files, the command
//! line and the documentation follow from it.

use super::codec::{
    Codec, CommandLine, ConsoleHost, Count, DriverName, File, Format, LayoutPattern, LevelName, Names, Paths, Port,
    ScalingPolicy, Seconds, Servers, Switch, Text, ValueError,
};
use super::layer::{JobOverrides, WorkerOptions};
use super::node::Node;
use super::{Origin, Sourced};
use crate::layout::Layout;
use crate::level::Level;
use crate::log_entry::LogFormat;
use crate::scaling::Policy;
use std::path::PathBuf;
use std::time::Duration;

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Takes {
    /// One value; the text names it in help, as `PORT`.
    Value(&'static str),
    /// A value each time that the option is given, together a list.
    List(&'static str),
    /// Nothing: given or not.
    Flag,
}

/// When a change of an option takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Changes {
    /// With a reload.
    ByReload,
    /// When the driver is started anew: it is about the process that runs, or what that has opened.
    AtStart,
}

/// An option, as it is known to the command line, the environment, config files and the builder.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct OptionSpec {
    /// The name with `_`, as in files and on the builder.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// The default as one would write it; `None` where there is none.
    pub default: Option<&'static str>,
    /// One line that says what it is for.
    pub help: &'static str,
    /// Whether a config file may hold it; a config file can't name config files.
    pub in_files: bool,
    /// When a change of it takes effect.
    pub changes: Changes,
    pub(super) support: Support,
}

/// How a value gets into a [`Layer`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Support {
    Ready {
        texts: fn(&mut Layer, &[&str], Origin) -> Result<(), ValueError>,
        node: fn(&mut Layer, &Node, Origin) -> Result<(), ValueError>,
    },
    /// Known, and refused with a message that says so.
    NotYet,
}

impl OptionSpec {
    /// Whether this release can do it; if not, giving it is a "not yet" error.
    pub fn is_ready(&self) -> bool {
        matches!(self.support, Support::Ready { .. })
    }

    /// The spelling of help and documentation, with `-`: `console-port`.
    pub fn dashed(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The environment variable that sets it.
    pub fn environment(&self) -> String {
        format!("{}{}", super::ENVIRONMENT_PREFIX, self.name.to_ascii_uppercase())
    }
}

/// The option of this name, with `-` or `_` in it; capitals count.
pub fn find_option(name: &str) -> Option<&'static OptionSpec> {
    let name = name.replace('-', "_");
    OPTIONS.iter().find(|spec| spec.name == name)
}

macro_rules! options {
    (
        ready { $($name:ident: $type:ty = $codec:ty, $takes:expr, $default:expr, $in_files:expr, $changes:expr, $help:literal;)* }
        not_yet { $($later:ident: $later_takes:expr, $later_default:expr, $later_help:literal;)* }
    ) => {
        /// What one source says: the command line, the environment, one config file, the builder, or the
        /// defaults. `None` where it says nothing.
        #[derive(Debug, Clone, Default, PartialEq)]
        #[non_exhaustive]
        pub struct Layer {
            $(#[doc = $help] pub $name: Option<Sourced<$type>>,)*
            /// Options for the constructors of workers, by type path or `GLOBAL`, then by key.
            pub worker_options: WorkerOptions,
            /// Bounds and limits of jobs that override what the code says, by type path `::` method or group.
            pub job_runtime_attributes: JobOverrides,
        }

        impl Layer {
            /// Takes from `lower` what this layer says nothing about. Lists count as one value.
            pub(super) fn fill_options(&mut self, lower: &mut Layer) {
                $(if self.$name.is_none() { self.$name = lower.$name.take(); })*
            }

            /// Where an option came from, if it is set.
            pub(super) fn option_origin(&self, name: &str) -> Option<&Origin> {
                match name {
                    $(stringify!($name) => self.$name.as_ref().map(|sourced| &sourced.origin),)*
                    _ => None,
                }
            }

            /// The options of which the two say different things, wherever they say it.
            pub(super) fn differing(&self, other: &Layer) -> Vec<&'static str> {
                fn value<T>(sourced: &Option<Sourced<T>>) -> Option<&T> {
                    sourced.as_ref().map(|sourced| &sourced.value)
                }
                let mut names = Vec::new();
                $(if value(&self.$name) != value(&other.$name) {
                    names.push(stringify!($name));
                })*
                names
            }
        }

        /// All options, those first that this release can do; each group in the order of the documentation.
        pub const OPTIONS: &[OptionSpec] = &[
            $(OptionSpec {
                name: stringify!($name),
                takes: $takes,
                default: $default,
                help: $help,
                in_files: $in_files,
                changes: $changes,
                support: Support::Ready {
                    texts: |layer, texts, origin| {
                        layer.$name = Some(Sourced::new(<$codec>::from_texts(texts)?, origin));
                        Ok(())
                    },
                    node: |layer, node, origin| {
                        layer.$name = Some(Sourced::new(<$codec>::from_node(node)?, origin));
                        Ok(())
                    },
                },
            },)*
            $(OptionSpec {
                name: stringify!($later),
                takes: $later_takes,
                default: $later_default,
                help: $later_help,
                in_files: true,
                changes: AtStart,
                support: Support::NotYet,
            },)*
        ];
    };
}

use Changes::{AtStart, ByReload};
use Takes::{Flag, List, Value};

options! {
    ready {
        server: String = Servers, Value("HOST[:PORT],.."), Some("localhost:4730"), true, ByReload,
            "Job servers; an IPv6 address stands in brackets.";
        namespaces: Vec<String> = Names, List("PATH"), None, true, ByReload,
            "A module path: the workers at it and below it are run. Repeatable.";
        lib: Vec<PathBuf> = Paths, List("DIR"), None, true, ByReload,
            "Where modules of workers in other languages are looked for; not for Rust workers. Repeatable.";
        console_port: u16 = Port, Value("PORT"), Some("47300"), true, AtStart,
            "The console's TCP port; 0 turns the console off.";
        console_host: String = ConsoleHost, Value("HOST"), Some("127.0.0.1"), true, AtStart,
            "The address that the console listens on.";
        interval: Duration = Seconds, Value("DURATION"), Some("5"), true, ByReload,
            "Time between two looks at the queues; 0 turns the observer off.";
        max_idle_time: Duration = Seconds, Value("DURATION"), Some("0"), true, ByReload,
            "How long a process above the minimum may stay idle.";
        logfile: PathBuf = File, Value("FILE"), Some("gearman_driver.log"), true, AtStart,
            "The log, which is appended to; - for standard error.";
        loglayout: Layout = LayoutPattern, Value("PATTERN"), Some(crate::layout::DEFAULT_PATTERN), true, AtStart,
            "How a line of the log looks: a pattern layout of Log::Log4perl.";
        loglevel: Level = LevelName, Value("LEVEL"), Some("INFO"), true, ByReload,
            "What is logged: TRACE, DEBUG, INFO, WARN, ERROR, FATAL and above, or OFF.";
        log_format: LogFormat = Format, Value("FORMAT"), Some("layout"), true, AtStart,
            "How the log is written: layout, or json for an object a line.";
        configfile: Vec<PathBuf> = Paths, List("FILE"), None, false, ByReload,
            "A TOML or YAML file with these options as keys. Repeatable, later ones win.";
        shutdown_timeout: Duration = Seconds, Value("DURATION"), Some("25s"), true, ByReload,
            "How long running jobs may take to finish at a shutdown before they are killed.";
        poison_limit: u32 = Count, Value("DEATHS"), Some("3"), true, ByReload,
            "A job that has taken down so many processes is failed, not run again; 0 runs it for ever.";
        state_dir: PathBuf = File, Value("DIR"), None, true, AtStart,
            "Where the driver keeps what its next start is to know; `off`: nowhere.";
        scaling: &'static dyn Policy = ScalingPolicy, Value("POLICY"), Some("classic"), true, AtStart,
            "How the number of processes follows the queue: classic.";
        daemonize: bool = Switch, Flag, None, true, AtStart,
            "Detach from the terminal; returns when the driver is ready or has failed.";
        pidfile: PathBuf = File, Value("FILE"), None, true, AtStart,
            "Where the driver writes its process id; locked while it runs.";
        user: String = Text, Value("USER"), None, true, AtStart,
            "The user to run as, by name or number; only root can choose.";
        group: String = Text, Value("GROUP"), None, true, AtStart,
            "The group to run as, by name or number; the user's own by default.";
        name: String = DriverName, Value("NAME"), None, true, AtStart,
            "The driver's name, where several run on one host; shown in process titles.";
        embedded_server: bool = Switch, Flag, None, true, AtStart,
            "Run a job server inside, at --server, for trying things out; port 0 takes a free one.";
        unknown_job_command: Vec<String> = CommandLine, Value("COMMAND"), None, true, ByReload,
            "What to run when jobs wait for a function that no job here has.";
    }
    not_yet {
        console_socket: Value("PATH"), None, "A Unix socket for the console, for this user alone.";
        console_token_file: Value("FILE"), None, "The tokens that the console asks for.";
        http: Value("ADDR"), None, "The address of the dashboard, metrics and API.";
        wakeups: Value("on|off"), None, "Be woken by the job servers when a job waits.";
        tls_ca: Value("FILE"), None, "Certificates of authorities that vouch for job servers.";
        tls_cert: Value("FILE"), None, "The certificate to show to job servers.";
        tls_key: Value("FILE"), None, "The key of that certificate.";
    }
}
