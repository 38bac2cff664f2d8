//! The impl block under `#[worker]`: what stands in it, and what must hold across its methods.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Ident, ImplItem, ImplItemFn, Item, ItemImpl, PathArguments, Result, Type};

use crate::attributes::{Bound, Client, JobArguments, Limit, WorkerArguments};
use crate::client;
use crate::emit;
use crate::hooks::Override;
use crate::method::JobMethod;

/// A worker's impl block, understood.
pub(crate) struct Worker {
    pub(crate) ty: Type,
    /// The type's name, for its path.
    pub(crate) name: Ident,
    /// The name of its typed caller, if it is to have one.
    pub(crate) client: Option<Ident>,
    pub(crate) hooks: Vec<Override>,
    pub(crate) jobs: Vec<JobMethod>,
}

pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let mut block = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Impl(block)) => block,
        Ok(other) => {
            let error = Error::new(
                proc_macro2::Span::call_site(),
                "`#[worker]` belongs on the impl block that holds the worker's methods",
            )
            .into_compile_error();
            return quote!(#other #error);
        }
        Err(error) => return with_error(item, &error),
    };
    let mut errors = Errors::default();
    let arguments = errors.take(WorkerArguments::parse(arguments)).unwrap_or_default();
    let marked = take_job_attributes(&mut block, &mut errors);
    let worker = understand(&block, &arguments, marked, &mut errors);
    match (worker, errors.0) {
        (Some(worker), None) => {
            let written = emit::worker(&worker, &block);
            quote!(#block #written)
        }
        (_, Some(error)) => with_error(&block, &error),
        (None, None) => block.into_token_stream(),
    }
}

/// The user's code, so that it is checked as well, and what is wrong with it.
fn with_error(item: &impl ToTokens, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#item #error)
}

/// What is wrong so far: all of it is told at once.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }
}

/// Takes the `#[job]`s out of the block. The answer has one entry for each of its items.
fn take_job_attributes(block: &mut ItemImpl, errors: &mut Errors) -> Vec<Option<Attribute>> {
    block
        .items
        .iter_mut()
        .map(|item| {
            let is_method = matches!(item, ImplItem::Fn(_));
            let attributes = match item {
                ImplItem::Fn(item) => &mut item.attrs,
                ImplItem::Const(item) => &mut item.attrs,
                ImplItem::Type(item) => &mut item.attrs,
                _ => return None,
            };
            let mut taken = attributes.extract_if(.., |attribute| is_job(attribute));
            let first = taken.next();
            if let Some(second) = taken.next() {
                errors.add(Error::new_spanned(second, "one `#[job]` is enough: `#[job(name = \"..\", ..)]`"));
            }
            drop(taken);
            match first {
                Some(attribute) if !is_method => {
                    errors.add(Error::new_spanned(attribute, "`#[job]` marks a method"));
                    None
                }
                first => first,
            }
        })
        .collect()
}

fn is_job(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "job")
}

fn understand(
    block: &ItemImpl,
    arguments: &WorkerArguments,
    marked: Vec<Option<Attribute>>,
    errors: &mut Errors,
) -> Option<Worker> {
    let name = errors.take(worker_name(block))?;
    let methods = methods(block);
    let mut hooks = Vec::new();
    let mut jobs = Vec::new();
    for (item, attribute) in block.items.iter().zip(marked) {
        let ImplItem::Fn(method) = item else { continue };
        match (Override::of(method), attribute) {
            (Some(_), Some(attribute)) => {
                let hook = &method.sig.ident;
                errors.add(Error::new_spanned(
                    attribute,
                    format!(
                        "`{hook}` is a hook of the worker and cannot be a job; to register a function of that name, put `#[job(name = \"{hook}\")]` on another method"
                    ),
                ));
            }
            (Some(hook), None) => hooks.extend(errors.take(hook)),
            (None, Some(attribute)) => {
                let job = JobArguments::parse(&attribute).and_then(|job| JobMethod::new(method, job, arguments));
                jobs.extend(errors.take(job));
            }
            (None, None) => {}
        }
    }
    check_codecs(&jobs, &methods, errors);
    check_across(&jobs, errors);
    let client = match &arguments.client {
        Some(Client::Named(name)) => Some(name.clone()),
        Some(Client::None) => None,
        None => Some(client::default_name(&name)),
    };
    Some(Worker { ty: (*block.self_ty).clone(), name, client, hooks, jobs })
}

/// The methods of the block.
pub(crate) fn methods(block: &ItemImpl) -> Vec<&ImplItemFn> {
    block
        .items
        .iter()
        .filter_map(|item| match item {
            ImplItem::Fn(method) => Some(method),
            _ => None,
        })
        .collect()
}

fn worker_name(block: &ItemImpl) -> Result<Ident> {
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new(
            path.span(),
            "`#[worker]` belongs on the type's own impl block (`impl Image { .. }`), not on that of a trait",
        ));
    }
    let generic = "a worker type is not generic: the registry needs one type, such as `impl Image { .. }`";
    if let Some(parameter) = block.generics.params.first() {
        return Err(Error::new(parameter.span(), generic));
    }
    let Type::Path(path) = &*block.self_ty else {
        return Err(Error::new(block.self_ty.span(), "a worker is a type with a name: `impl Image { .. }`"));
    };
    if let Some(segment) = path.path.segments.iter().find(|segment| segment.arguments != PathArguments::None) {
        return Err(Error::new(segment.arguments.span(), generic));
    }
    match path.path.segments.last() {
        Some(segment) if path.qself.is_none() => Ok(segment.ident.clone()),
        _ => Err(Error::new(block.self_ty.span(), "a worker is a type with a name: `impl Image { .. }`")),
    }
}

/// Codecs that stand in the block have a codec's signature; each fault is told once.
fn check_codecs(jobs: &[JobMethod], methods: &[&ImplItemFn], errors: &mut Errors) {
    let mut checked: Vec<&Ident> = Vec::new();
    for (name, kind) in jobs.iter().flat_map(JobMethod::codecs) {
        let Some(method) = methods.iter().find(|method| method.sig.ident == *name) else {
            continue;
        };
        if checked.contains(&name) {
            continue;
        }
        checked.push(name);
        errors.take(kind.check(method));
    }
}

/// Names and bounds across the methods. Those that may be compiled out are left to the check at the start.
fn check_across(jobs: &[JobMethod], errors: &mut Errors) {
    for (index, job) in jobs.iter().enumerate() {
        for earlier in &jobs[..index] {
            if !job.cfgs.is_empty() && !earlier.cfgs.is_empty() {
                continue;
            }
            let (this, other) = (&job.ident, &earlier.ident);
            if job.name == earlier.name {
                errors.add(Error::new(
                    job.name_span,
                    format!("two functions are called `{}`: those of the methods `{other}` and `{this}`", job.name),
                ));
                continue;
            }
            if job.job_name() != earlier.job_name() {
                continue;
            }
            match (&job.arguments.process_group, &earlier.arguments.process_group) {
                (Some(_), Some(_)) => check_group(job, earlier, errors),
                (Some(group), None) => {
                    errors.add(job_twice(group.span(), &job.job_name(), earlier));
                }
                (None, Some(_)) => errors.add(job_twice(job.name_span, &job.job_name(), job)),
                (None, None) => {}
            }
        }
        let JobArguments { min_processes, max_processes, .. } = job.arguments;
        check_order(min_processes, max_processes, errors);
    }
}

/// Two methods of one process group.
fn check_group(job: &JobMethod, earlier: &JobMethod, errors: &mut Errors) {
    let (this, other) = (&job.arguments, &earlier.arguments);
    fn spans<T: Copy>(this: Option<Limit<T>>, other: Option<Limit<T>>) -> (Option<Span>, Option<Span>) {
        (this.map(|limit| limit.span), other.map(|limit| limit.span))
    }
    let limits = [
        ("min_processes", spans(this.min_processes, other.min_processes)),
        ("max_processes", spans(this.max_processes, other.max_processes)),
        ("max_idle_time", spans(this.max_idle_time, other.max_idle_time)),
        ("concurrency", spans(this.concurrency, other.concurrency)),
        ("timeout", spans(this.timeout, other.timeout)),
        ("max_jobs", spans(this.max_jobs, other.max_jobs)),
        ("max_age", spans(this.max_age, other.max_age)),
        ("max_memory", spans(this.max_memory, other.max_memory)),
        ("jitter", spans(this.jitter, other.jitter)),
        ("drain_timeout", spans(this.drain_timeout, other.drain_timeout)),
    ];
    for (bound, (this, other)) in limits {
        if let (Some(this), Some(_)) = (this, other) {
            errors.add(Error::new(
                this,
                format!(
                    "`{bound}` of process group `{}` is set by method `{}` already; set it once per process group",
                    job.job_name(),
                    earlier.ident
                ),
            ));
        }
    }
    // Where each sets one of the two. (Where one sets both, it is checked by itself.)
    if this.max_processes.is_none() && other.min_processes.is_none() {
        check_order(this.min_processes, other.max_processes, errors);
    }
    if this.min_processes.is_none() && other.max_processes.is_none() {
        check_order(other.min_processes, this.max_processes, errors);
    }
}

fn check_order(min: Option<Bound>, max: Option<Bound>, errors: &mut Errors) {
    if let (Some(min), Some(max)) = (min, max)
        && min.value > max.value
    {
        errors.add(Error::new(
            min.span,
            format!("`min_processes` ({}) is above `max_processes` ({})", min.value, max.value),
        ));
    }
}

fn job_twice(span: proc_macro2::Span, name: &str, method: &JobMethod) -> Error {
    Error::new(
        span,
        format!(
            "the process group `{name}` and the function `{name}` of method `{}`, which is in no group, would be two jobs of one name",
            method.ident
        ),
    )
}
