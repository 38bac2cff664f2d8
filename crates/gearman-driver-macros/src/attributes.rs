//! Reads what stands in `#[job(..)]` and `#[worker(..)]`.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitStr, Meta, Result, Token};

use crate::{duration, size};

/// As in the console and in `gearman_driver_worker::api::MAX_PROCESSES`.
const MAX_PROCESSES: u32 = 65_535;
/// As in `gearman_driver_wire::job_limits`.
const MIN_MAX_MEMORY: u64 = 1 << 20;

const JOB: &[&str] = &[
    "name",
    "min_processes",
    "max_processes",
    "process_group",
    "encode",
    "decode",
    "exceptions",
    "max_idle_time",
    "concurrency",
    "timeout",
    "max_jobs",
    "max_age",
    "max_memory",
    "jitter",
    "drain_timeout",
];
const WORKER: &[&str] = &["encode", "decode", "client"];
/// Part of the contract, and not built yet.
const LATER: &[&str] = &["prefetch"];

/// A bound or limit, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Limit<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

pub(crate) type Bound = Limit<u32>;

/// Which method decodes or encodes.
#[derive(Clone)]
pub(crate) enum Codec {
    /// The worker's method of this name; the name's place is the attribute's.
    Named(Ident),
    /// `""`: none, whatever `#[worker]` says.
    None,
}

/// The typed caller.
#[derive(Clone)]
pub(crate) enum Client {
    /// Has this name.
    Named(Ident),
    /// `""`: none.
    None,
}

/// What `#[job(..)]` says.
#[derive(Default)]
pub(crate) struct JobArguments {
    pub(crate) name: Option<LitStr>,
    pub(crate) min_processes: Option<Bound>,
    pub(crate) max_processes: Option<Bound>,
    pub(crate) process_group: Option<LitStr>,
    pub(crate) encode: Option<Codec>,
    pub(crate) decode: Option<Codec>,
    pub(crate) exceptions: bool,
    pub(crate) max_idle_time: Option<Limit<Duration>>,
    pub(crate) concurrency: Option<Bound>,
    pub(crate) timeout: Option<Limit<Duration>>,
    pub(crate) max_jobs: Option<Limit<u64>>,
    pub(crate) max_age: Option<Limit<Duration>>,
    pub(crate) max_memory: Option<Limit<u64>>,
    pub(crate) jitter: Option<Limit<f64>>,
    pub(crate) drain_timeout: Option<Limit<Duration>>,
}

/// What `#[worker(..)]` says.
#[derive(Default)]
pub(crate) struct WorkerArguments {
    pub(crate) encode: Option<Codec>,
    pub(crate) decode: Option<Codec>,
    pub(crate) client: Option<Client>,
}

impl JobArguments {
    pub(crate) fn parse(attribute: &Attribute) -> Result<Self> {
        let arguments = match &attribute.meta {
            Meta::Path(_) => Vec::new(),
            Meta::List(list) => arguments("job", JOB, list.tokens.clone())?,
            Meta::NameValue(_) => {
                return Err(Error::new_spanned(attribute, "write `#[job]`, or `#[job(name = \"..\", ..)]`"));
            }
        };
        let mut job = Self::default();
        for argument in arguments {
            match argument.name.to_string().as_str() {
                "name" => job.name = Some(argument.word("name")?),
                "process_group" => job.process_group = Some(argument.word("process_group")?),
                "min_processes" => job.min_processes = Some(argument.bound(0)?),
                "max_processes" => job.max_processes = Some(argument.bound(0)?),
                "encode" => job.encode = Some(argument.codec()?),
                "decode" => job.decode = Some(argument.codec()?),
                "max_idle_time" => job.max_idle_time = Some(argument.duration()?),
                "concurrency" => job.concurrency = Some(argument.bound(1)?),
                "timeout" => job.timeout = Some(argument.some_time()?),
                "max_jobs" => job.max_jobs = Some(argument.count()?),
                "max_age" => job.max_age = Some(argument.some_time()?),
                "max_memory" => job.max_memory = Some(argument.memory()?),
                "jitter" => job.jitter = Some(argument.share()?),
                "drain_timeout" => job.drain_timeout = Some(argument.duration()?),
                _ => job.exceptions = argument.flag()?,
            }
        }
        Ok(job)
    }
}

impl WorkerArguments {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut worker = Self::default();
        for argument in arguments("worker", WORKER, tokens)? {
            match argument.name.to_string().as_str() {
                "client" => worker.client = Some(argument.client()?),
                "encode" => worker.encode = Some(argument.codec()?),
                _ => worker.decode = Some(argument.codec()?),
            }
        }
        Ok(worker)
    }
}

/// `name` or `name = value`.
struct Argument {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.call(Ident::parse_any)?;
        if input.peek(syn::token::Paren) {
            return Err(Error::new(name.span(), format!("write `{name} = ..`, with an equals sign")));
        }
        let value = if input.parse::<Option<Token![=]>>()?.is_some() { Some(input.parse()?) } else { None };
        Ok(Self { name, value })
    }
}

fn arguments(attribute: &str, known: &[&str], tokens: TokenStream) -> Result<Vec<Argument>> {
    let arguments: Vec<_> = Punctuated::<Argument, Token![,]>::parse_terminated.parse2(tokens)?.into_iter().collect();
    let mut wrong: Option<Error> = None;
    let mut seen: Vec<&Ident> = Vec::new();
    for Argument { name, .. } in &arguments {
        let text = name.to_string();
        let message = if !known.contains(&text.as_str()) {
            unknown(attribute, known, &text)
        } else if seen.contains(&name) {
            format!("`{text}` is given twice")
        } else {
            seen.push(name);
            continue;
        };
        let error = Error::new(name.span(), message);
        match &mut wrong {
            Some(first) => first.combine(error),
            None => wrong = Some(error),
        }
    }
    wrong.map_or(Ok(arguments), Err)
}

fn unknown(attribute: &str, known: &[&str], name: &str) -> String {
    if LATER.contains(&name) && attribute == "job" {
        return format!("`{name}` is not yet supported: `#[job]` knows {} so far", known.join(", "));
    }
    if JOB.contains(&name) {
        return format!(
            "`{name}` belongs to a method: `#[job({name} = ..)]`; `#[{attribute}]` knows {}",
            known.join(", ")
        );
    }
    // The original writes `MinProcesses(2)`.
    let spelled = |name: &str| name.replace('_', "").to_lowercase();
    let near = known
        .iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(&spelled(name), &spelled(known)), known))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let advice = near.map_or(String::new(), |(_, near)| format!(" did you mean `{near}`?"));
    format!("`#[{attribute}]` has no attribute `{name}`;{advice} it knows {}", known.join(", "))
}

impl Argument {
    fn error(&self, message: impl std::fmt::Display) -> Error {
        match &self.value {
            Some(value) => Error::new_spanned(value, message),
            None => Error::new(self.name.span(), message),
        }
    }

    fn literal(&self) -> Option<&Lit> {
        match &self.value {
            Some(Expr::Lit(ExprLit { lit, .. })) => Some(lit),
            _ => None,
        }
    }

    /// A name that job servers and the console can carry.
    fn word(&self, what: &str) -> Result<LitStr> {
        let Some(Lit::Str(text)) = self.literal() else {
            return Err(self.error(format!("`{what}` is a string: `{what} = \"..\"`")));
        };
        let value = text.value();
        if value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(self.error(format!("`{what}` must not be empty, nor have white space or control characters")));
        }
        Ok(text.clone())
    }

    fn bound(&self, least: u32) -> Result<Bound> {
        let number = match self.literal() {
            Some(Lit::Int(number)) => {
                number.base10_parse::<u32>().ok().filter(|value| (least..=MAX_PROCESSES).contains(value))
            }
            _ => None,
        };
        match number {
            Some(value) => Ok(Bound { value, span: self.name.span() }),
            None => Err(self.error(format!("`{}` is a whole number from {least} to {MAX_PROCESSES}", self.name))),
        }
    }

    fn limit<T>(&self, value: T) -> Limit<T> {
        Limit { value, span: self.name.span() }
    }

    /// The text of a string or of a number without a suffix; empty for anything else.
    fn text_or_number(&self) -> String {
        match self.literal() {
            Some(Lit::Str(text)) => text.value(),
            Some(Lit::Int(number)) if number.suffix().is_empty() => number.base10_digits().to_owned(),
            Some(Lit::Float(number)) if number.suffix().is_empty() => number.base10_digits().to_owned(),
            _ => String::new(),
        }
    }

    /// A duration that is not zero.
    fn some_time(&self) -> Result<Limit<Duration>> {
        let time = self.duration()?;
        if time.value.is_zero() {
            return Err(self.error(format!("`{}` of 0 is no limit: leave it out where there is to be none", self.name)));
        }
        Ok(time)
    }

    fn count(&self) -> Result<Limit<u64>> {
        let number = match self.literal() {
            Some(Lit::Int(number)) => number.base10_parse::<u64>().ok().filter(|number| *number > 0),
            _ => None,
        };
        let count = number.map(|number| self.limit(number));
        count.ok_or_else(|| self.error(format!("`{}` is a whole number of jobs, 1 or more", self.name)))
    }

    fn memory(&self) -> Result<Limit<u64>> {
        match size::parse(&self.text_or_number()) {
            Some(bytes) if bytes >= MIN_MAX_MEMORY => Ok(self.limit(bytes)),
            Some(_) => {
                Err(self
                    .error(format!("`{}` is 1 MiB or more: a process grows by as much by merely running", self.name)))
            }
            None => Err(self.error(format!(
                "`{0}` is a size: `{0} = \"100MB\"`, say; units are B, kB, MB, GB, TB and KiB, MiB, GiB, TiB, a bare \
                 number is bytes",
                self.name
            ))),
        }
    }

    fn share(&self) -> Result<Limit<f64>> {
        let number = match self.literal() {
            Some(Lit::Int(number)) => number.base10_parse::<f64>().ok(),
            Some(Lit::Float(number)) => number.base10_parse::<f64>().ok(),
            _ => None,
        };
        let share = number.filter(|number| (0.0..=1.0).contains(number)).map(|number| self.limit(number));
        share.ok_or_else(|| self.error(format!("`{}` is a number from 0 to 1", self.name)))
    }

    fn duration(&self) -> Result<Limit<Duration>> {
        match duration::parse(&self.text_or_number()) {
            Some(value) => Ok(self.limit(value)),
            None => Err(self.error(format!(
                "`{0}` is a duration: `{0} = \"5m\"`, say; units are ms, s, m, h and d, a bare number is seconds",
                self.name
            ))),
        }
    }

    fn codec(&self) -> Result<Codec> {
        let Some(_) = &self.value else {
            return Ok(Codec::Named(self.name.clone()));
        };
        let message = format!(
            "`{0}` names a method of this worker: `{0} = \"my_{0}r\"`; `{0}` alone means the method `{0}`",
            self.name
        );
        match self.literal() {
            Some(Lit::Str(text)) if text.value().is_empty() => Ok(Codec::None),
            Some(Lit::Str(text)) => text.parse::<Ident>().map(Codec::Named).map_err(|_| self.error(message)),
            _ => Err(self.error(message)),
        }
    }

    fn client(&self) -> Result<Client> {
        let error = || self.error("`client` is the name of the worker's typed caller, or `\"\"` for none");
        match self.literal() {
            Some(Lit::Str(text)) if text.value().is_empty() => Ok(Client::None),
            Some(Lit::Str(text)) => text.parse::<Ident>().map(Client::Named).map_err(|_| error()),
            _ => Err(error()),
        }
    }

    fn flag(&self) -> Result<bool> {
        match (&self.value, self.literal()) {
            (None, _) => Ok(true),
            (_, Some(Lit::Bool(flag))) => Ok(flag.value),
            _ => Err(self.error(format!("`{}` is `true` or `false`", self.name))),
        }
    }
}
