//! One `#[job]` method: what it takes and returns, and the function that is written for it.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Ident, ImplItemFn, Result, ReturnType, Signature, Type};

use crate::attributes::{Codec, JobArguments, Limit, WorkerArguments};
use crate::hooks::{is_named, takes_shared_self, typed_arguments};
use crate::{cfg, emit};

const SHAPE: &str =
    "a job method is `fn name(&self, job: &mut Job, workload: &[u8])`, where `job` and `workload` may each be left out";

/// A `#[job]` method.
pub(crate) struct JobMethod {
    pub(crate) ident: Ident,
    /// What it is registered as, without the prefix, and where that stands.
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) arguments: JobArguments,
    pub(crate) cfgs: Vec<Attribute>,
    is_async: bool,
    takes_job: bool,
    workload: Option<Workload>,
    decode: Option<Ident>,
    encode: Option<Ident>,
    returns: Span,
}

/// The workload argument.
struct Workload {
    span: Span,
    is_reference: bool,
}

impl JobMethod {
    pub(crate) fn new(method: &ImplItemFn, arguments: JobArguments, worker: &WorkerArguments) -> Result<Self> {
        let signature = &method.sig;
        check(signature)?;
        let (takes_job, workload) = shape(signature)?;
        let ident = signature.ident.clone();
        let is_async = signature.asyncness.is_some();
        if let (Some(concurrency), false) = (&arguments.concurrency, is_async) {
            return Err(Error::new(
                concurrency.span,
                format!("`concurrency` is for asynchronous methods: write `async fn {ident}`, or leave it out"),
            ));
        }
        let (name, name_span) = match &arguments.name {
            Some(name) => (name.value(), name.span()),
            None => (ident.unraw().to_string(), ident.span()),
        };
        let codec = |own: &Option<Codec>, common: &Option<Codec>| match own.as_ref().or(common.as_ref()) {
            Some(Codec::Named(name)) => Some(name.clone()),
            Some(Codec::None) | None => None,
        };
        let returns = match &signature.output {
            ReturnType::Default => ident.span(),
            ReturnType::Type(_, ty) => ty.span(),
        };
        Ok(Self {
            name,
            name_span,
            is_async,
            takes_job,
            workload,
            decode: codec(&arguments.decode, &worker.decode),
            encode: codec(&arguments.encode, &worker.encode),
            returns: emit::located(returns),
            cfgs: cfg::of(&method.attrs),
            ident,
            arguments,
        })
    }

    /// The job's name in the console, without the prefix.
    pub(crate) fn job_name(&self) -> String {
        self.arguments.process_group.as_ref().map_or_else(|| self.name.clone(), syn::LitStr::value)
    }

    /// The codecs that it names, with what each is.
    pub(crate) fn codecs(&self) -> impl Iterator<Item = (&Ident, CodecKind)> {
        let decode = self.decode.iter().map(|name| (name, CodecKind::Decoder));
        decode.chain(self.encode.iter().map(|name| (name, CodecKind::Encoder)))
    }

    pub(crate) fn takes_job(&self) -> bool {
        self.takes_job
    }

    pub(crate) fn has_workload(&self) -> bool {
        self.workload.is_some()
    }

    pub(crate) fn decodes(&self) -> bool {
        self.decode.is_some()
    }

    pub(crate) fn encodes(&self) -> bool {
        self.encode.is_some()
    }

    fn function(&self) -> Ident {
        format_ident!("__job_{}", self.ident.unraw())
    }

    /// The function that takes a job through this method.
    pub(crate) fn shim(&self, ty: &Type, methods: &[&ImplItemFn]) -> TokenStream {
        let private = emit::private();
        let (cfgs, function, ident) = (&self.cfgs, self.function(), &self.ident);

        let decode = match (&self.decode, &self.workload) {
            (Some(decoder), _) => {
                let span = emit::located(decoder.span());
                let call = quote_spanned!(span=> this.#decoder(workload));
                let settled = emit::settled_at(span);
                Some(quote!(call.decode(|workload| { let returned = #call; #settled })?;))
            }
            (None, Some(workload)) => {
                let private = emit::private_at(workload.span);
                let from_workload = quote_spanned!(workload.span=> #private::from_workload(workload));
                Some(quote!(call.decode(|workload| #from_workload)?;))
            }
            (None, None) => None,
        };
        let decode = decode.map(|decode| match self.workload {
            Some(_) => quote!(let input = #decode),
            None => quote!(let _input = #decode),
        });

        let job = self.takes_job.then(|| quote!(, job));
        let job_name = if self.takes_job { quote!(job) } else { quote!(_job) };
        let input = self.workload.as_ref().map(|workload| {
            // What a decoder returned is lent where the method takes a reference: `Vec<u8>` to `&[u8]`.
            let lend = (workload.is_reference && self.decode.is_some()).then(|| quote!(&));
            quote_spanned!(workload.span=> , #lend input)
        });

        let encode = match &self.encode {
            Some(encoder) => {
                let span = emit::located(encoder.span());
                let lend = methods
                    .iter()
                    .find(|method| method.sig.ident == *encoder)
                    .and_then(|method| typed_arguments(&method.sig).next())
                    .filter(|ty| matches!(ty, Type::Reference(_)))
                    .map(|_| quote!(&));
                let call = quote_spanned!(span=> this.#encoder(#lend output));
                let private = emit::private_at(span);
                let into_output = quote_spanned!(span=> #private::into_output(encoded));
                let settled = emit::settled_at(span);
                quote! {{
                    let returned = #call;
                    let encoded = #settled?;
                    #into_output
                }}
            }
            None => {
                let private = emit::private_at(self.returns);
                quote_spanned!(self.returns=> #private::into_output(output))
            }
        };

        let settled = emit::settled_at(self.returns);
        if self.is_async {
            let span = self.returns;
            let called = quote_spanned!(span=> <#ty>::#ident(this #job #input).await);
            return quote! {
                #(#cfgs)*
                fn #function<'a>(mut call: #private::Call<'a>) -> #private::JobFuture<'a> {
                    ::std::boxed::Box::pin(async move {
                        let this = call.worker::<#ty>();
                        #decode
                        call.begin()?;
                        let output = call.method_async(async |#job_name| {
                            let returned = #called;
                            #settled
                        }).await?;
                        call.encode(|| #encode)
                    })
                }
            };
        }
        quote! {
            #(#cfgs)*
            fn #function(call: &mut #private::Call<'_>)
                -> ::core::result::Result<::std::vec::Vec<u8>, #private::Failed>
            {
                let this = call.worker::<#ty>();
                #decode
                call.begin()?;
                let output = call.method(|#job_name| {
                    let returned = <#ty>::#ident(this #job #input);
                    #settled
                })?;
                call.encode(|| #encode)
            }
        }
    }

    /// Its entry in the registry.
    pub(crate) fn entry(&self) -> TokenStream {
        let private = emit::private();
        let (cfgs, name, function) = (&self.cfgs, &self.name, self.function());
        let method = self.ident.unraw().to_string();
        let exceptions = self.arguments.exceptions;
        let bound = |bound: Option<crate::attributes::Bound>| {
            optional(bound.map(|bound| {
                let value = bound.value;
                quote!(#value)
            }))
        };
        let min_processes = bound(self.arguments.min_processes);
        let max_processes = bound(self.arguments.max_processes);
        let concurrency = bound(self.arguments.concurrency);
        let limits = self.limits();
        let run = if self.is_async { quote!(Async) } else { quote!(Sync) };
        let process_group = optional(self.arguments.process_group.as_ref().map(|group| quote!(#group)));
        quote! {
            #(#cfgs)*
            #private::JobMethod {
                method: #method,
                name: #name,
                min_processes: #min_processes,
                max_processes: #max_processes,
                process_group: #process_group,
                exceptions: #exceptions,
                limits: #limits,
                concurrency: #concurrency,
                run: #private::Run::#run(#function),
            }
        }
    }
}

impl JobMethod {
    /// The limits that its attribute sets.
    fn limits(&self) -> TokenStream {
        let private = emit::private();
        let time = |limit: Option<Limit<Duration>>| {
            optional(limit.map(|time| {
                let micros = u64::try_from(time.value.as_micros()).unwrap_or(u64::MAX);
                quote!(::core::time::Duration::from_micros(#micros))
            }))
        };
        let number = |limit: Option<Limit<u64>>| {
            optional(limit.map(|limit| {
                let number = limit.value;
                quote!(#number)
            }))
        };
        let arguments = &self.arguments;
        let max_idle_time = time(arguments.max_idle_time);
        let timeout = time(arguments.timeout);
        let max_jobs = number(arguments.max_jobs);
        let max_age = time(arguments.max_age);
        let max_memory = number(arguments.max_memory);
        let jitter = optional(arguments.jitter.map(|limit| {
            let share = limit.value;
            quote!(#share)
        }));
        let drain_timeout = time(arguments.drain_timeout);
        quote! {
            #private::JobLimits {
                max_idle_time: #max_idle_time,
                timeout: #timeout,
                max_jobs: #max_jobs,
                max_age: #max_age,
                max_memory: #max_memory,
                jitter: #jitter,
                drain_timeout: #drain_timeout,
            }
        }
    }
}

/// What a method named by `decode` or `encode` has to be.
#[derive(Clone, Copy)]
pub(crate) enum CodecKind {
    Decoder,
    Encoder,
}

impl CodecKind {
    /// Checks a codec that stands in the worker's block.
    pub(crate) fn check(self, method: &ImplItemFn) -> Result<()> {
        let signature = &method.sig;
        let fault = if let Some(token) = &signature.asyncness {
            Some(token.span())
        } else if let Err(span) = takes_shared_self(signature) {
            Some(span)
        } else if typed_arguments(signature).count() != 1 {
            Some(signature.inputs.span())
        } else {
            None
        };
        let name = &signature.ident;
        match fault {
            None => Ok(()),
            Some(span) => Err(Error::new(
                span,
                match self {
                    Self::Decoder => format!(
                        "`{name}` is a decoder; its signature is `fn {name}(&self, workload: &[u8]) -> T`, or `-> Result<T, E>`"
                    ),
                    Self::Encoder => format!(
                        "`{name}` is an encoder; its signature is `fn {name}(&self, result: T) -> Vec<u8>`, or another result of a job"
                    ),
                },
            )),
        }
    }
}

fn check(signature: &Signature) -> Result<()> {
    if let Some(token) = &signature.unsafety {
        return Err(Error::new(token.span(), "a job method is not unsafe"));
    }
    if let Some(parameter) = signature.generics.params.iter().find(|p| !matches!(p, syn::GenericParam::Lifetime(_))) {
        return Err(Error::new(parameter.span(), "a job method is not generic: its types must be known here"));
    }
    takes_shared_self(signature).map_err(|span| Error::new(span, format!("a job method takes `&self`: {SHAPE}")))
}

/// Whether the method takes the job, and its workload argument.
fn shape(signature: &Signature) -> Result<(bool, Option<Workload>)> {
    let arguments: Vec<&Type> = typed_arguments(signature).collect();
    if let Some(ty) = arguments.iter().find(|ty| matches!(ty, Type::ImplTrait(_))) {
        return Err(Error::new(ty.span(), "a job method is not generic: its types must be known here"));
    }
    match arguments[..] {
        [] => Ok((false, None)),
        [ty] if is_reference_to_job(ty) => Ok((true, None)),
        [ty] if is_named(ty, "Job") => Err(Error::new(ty.span(), format!("the job is lent: `&mut Job`; {SHAPE}"))),
        [ty] => Ok((false, Some(Workload::new(ty)))),
        [job, workload] if may_be_job(job) => Ok((true, Some(Workload::new(workload)))),
        [job, _] => Err(Error::new(job.span(), format!("the first of two arguments is the job: {SHAPE}"))),
        [_, _, third, ..] => Err(Error::new(third.span(), format!("one argument too many: {SHAPE}"))),
    }
}

fn is_reference_to_job(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if is_named(&reference.elem, "Job"))
}

/// A reference to some type with a name, as `Job` may be imported under another.
fn may_be_job(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => matches!(&*reference.elem, Type::Path(_)) && !is_named(&reference.elem, "str"),
        _ => false,
    }
}

impl Workload {
    fn new(ty: &Type) -> Self {
        let is_reference = matches!(ty, Type::Reference(reference) if reference.mutability.is_none());
        Self { span: emit::located(ty.span()), is_reference }
    }
}

fn optional(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
