//! Writes the code of a worker: `impl Worker`, a function for each job, the registry entry.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ItemImpl;
use syn::ext::IdentExt;

use crate::cfg::{self, Absent};
use crate::client::client;
use crate::hooks::Override;
use crate::method::JobMethod;
use crate::worker::{Worker, methods};

/// Where everything that is written comes from.
pub(crate) fn private() -> TokenStream {
    private_at(Span::call_site())
}

/// The same, for what the compiler should complain of at the user's place.
pub(crate) fn private_at(span: Span) -> TokenStream {
    quote_spanned!(span=> ::gearman_driver::__private)
}

/// `returned`, which is a `T` or a `Result<T, E>`, as a `Result<T, Error>`.
pub(crate) fn settled_at(span: Span) -> TokenStream {
    quote_spanned!(span=> (&returned).gearman_driver_kind().result(returned))
}

/// At the user's place, but known as written by the macro, so that the user's lints leave it alone.
pub(crate) fn located(span: Span) -> Span {
    Span::call_site().located_at(span)
}

pub(crate) fn worker(worker: &Worker, block: &ItemImpl) -> TokenStream {
    let private = private();
    let ty = &worker.ty;
    let name = worker.name.unraw().to_string();
    let block_cfgs = cfg::of(&block.attrs);
    let forwarders = worker.hooks.iter().filter_map(|hook| hook.forwarder(ty));
    let prefix = default_prefix(worker, &name);
    let build = build(worker);
    let methods = methods(block);
    let shims = worker.jobs.iter().map(|job| job.shim(ty, &methods));
    let entries = worker.jobs.iter().map(JobMethod::entry);
    let client = client(worker, block);
    quote! {
        #client

        #(#block_cfgs)*
        const _: () = {
            use #private::{PlainKind as _, ResultKind as _};

            #[automatically_derived]
            impl #private::Worker for #ty {
                #(#forwarders)*
                #prefix
            }

            fn build(options: &#private::WorkerOptions)
                -> ::core::result::Result<::std::boxed::Box<dyn #private::Worker>, #private::Error>
            {
                #build
            }

            #(#shims)*

            #[automatically_derived]
            impl #private::RegisteredWorker for #ty {
                const TYPE: #private::WorkerType = #private::WorkerType {
                    path: ::core::concat!(::core::module_path!(), "::", #name),
                    build,
                    methods: &[#(#entries),*],
                };
            }

            #private::inventory::submit! { <#ty as #private::RegisteredWorker>::TYPE }
        };
    }
}

/// The prefix by path, for a worker that has none of its own.
fn default_prefix(worker: &Worker, name: &str) -> TokenStream {
    let cfg = match absent(worker, "prefix") {
        Absent::Never => return quote!(),
        Absent::Always => quote!(),
        Absent::If(cfg) => cfg,
    };
    quote! {
        #cfg
        fn prefix(&self) -> ::std::string::String {
            ::std::string::String::from(::core::concat!(::core::module_path!(), "::", #name, "::"))
        }
    }
}

/// `new`, or `Default` for a worker that has none.
fn build(worker: &Worker) -> TokenStream {
    let private = private();
    let ty = &worker.ty;
    let news = worker.hooks.iter().filter(|hook| hook.is("new")).map(|hook| hook.build(ty));
    let default = match absent(worker, "new") {
        Absent::Never => None,
        Absent::Always => Some(quote!()),
        Absent::If(cfg) => Some(cfg),
    };
    let default = default.map(|cfg| {
        quote! {
            #cfg
            {
                let _ = options;
                ::core::result::Result::Ok(::std::boxed::Box::new(#private::worker_without_new::<#ty>()))
            }
        }
    });
    quote!(#(#news)* #default)
}

fn absent(worker: &Worker, hook: &str) -> Absent {
    cfg::absent(worker.hooks.iter().filter(|candidate| candidate.is(hook)).map(|hook: &Override| &*hook.cfgs))
}
