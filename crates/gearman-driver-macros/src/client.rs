//! Writes a worker's typed caller: `ImageClient` for `Image`, one function for each job method.
//!
//! Types are those of the method's text: `Json<T>`, text and bytes as such; where a codec is named, or a type is none of
//! these (an alias, say), bytes.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{GenericArgument, Ident, ImplItemFn, ItemImpl, PathArguments, ReturnType, Signature, Type};

use crate::cfg::{self, Absent};
use crate::emit;
use crate::hooks::{is_named, typed_arguments};
use crate::method::JobMethod;
use crate::worker::{Worker, methods};

/// The type and its functions; nothing where the names of the functions are known only at run time.
pub(crate) fn client(worker: &Worker, block: &ItemImpl) -> TokenStream {
    let Some(client) = &worker.client else { return quote!() };
    let cfg = match cfg::absent(worker.hooks.iter().filter(|hook| hook.is("prefix")).map(|hook| &*hook.cfgs)) {
        Absent::Always => quote!(),
        Absent::If(cfg) => cfg,
        Absent::Never => return quote!(),
    };
    let methods = methods(block);
    let functions: Vec<_> = worker
        .jobs
        .iter()
        .filter_map(|job| Some((job, *methods.iter().find(|method| method.sig.ident == job.ident)?)))
        .map(|(job, method)| function(worker, job, method))
        .collect();
    if functions.is_empty() {
        return quote!();
    }
    let block_cfgs = cfg::of(&block.attrs);
    let name = worker.name.unraw().to_string();
    let about = format!(
        "Has jobs of `{name}` done, by its functions' names and types. The first argument of each is a client: \
         `&mut Client`, `&job.client()`, or `&job.client_async()`, which gives a future."
    );
    quote! {
        #(#block_cfgs)*
        #cfg
        #[doc = #about]
        pub enum #client {}

        #(#block_cfgs)*
        #cfg
        #[automatically_derived]
        impl #client {
            #(#functions)*
        }
    }
}

/// How a value goes over the wire.
enum Wire {
    Nothing,
    Bytes,
    Text,
    Json(TokenStream),
}

fn function(worker: &Worker, job: &JobMethod, method: &ImplItemFn) -> TokenStream {
    let private = emit::private();
    let (cfgs, ident, signature) = (&job.cfgs, &job.ident, &method.sig);
    let registered = format!("::{}::{}", worker.name.unraw(), job.name);
    let about = format!("Runs `{}` of `{}` and waits for its result.", ident.unraw(), worker.name.unraw());

    let workload = if job.decodes() { Wire::Bytes } else { workload(signature, job) };
    let mut lifetimes: Vec<_> = signature.generics.lifetimes().map(ToTokens::to_token_stream).collect();
    let mut bounds = vec![quote!(#private::Caller)];
    let (argument, workload) = match &workload {
        Wire::Nothing => (None, quote!(::core::result::Result::Ok(::std::vec::Vec::new()))),
        Wire::Bytes => (Some(quote!(, workload: &[u8])), quote!(::core::result::Result::Ok(workload.to_vec()))),
        Wire::Text => {
            (Some(quote!(, workload: &str)), quote!(::core::result::Result::Ok(workload.as_bytes().to_vec())))
        }
        Wire::Json(ty) => {
            // In a bound no lifetime may be left out.
            let lifetime = quote!('workload);
            let ty = &named(ty.clone(), &lifetime);
            lifetimes.push(lifetime);
            bounds.push(quote!(#private::SendsJson<#ty>));
            (Some(quote!(, workload: &#ty)), quote!(<C as #private::SendsJson<#ty>>::workload(workload)))
        }
    };
    let result = if job.encodes() { Wire::Bytes } else { result(signature) };
    let (result, read) = match &result {
        Wire::Nothing => (quote!(()), quote!(#private::no_result)),
        Wire::Bytes => (quote!(::std::vec::Vec<u8>), quote!(::core::result::Result::Ok)),
        Wire::Text => (quote!(::std::string::String), quote!(#private::text_result)),
        Wire::Json(ty) => {
            bounds.push(quote!(#private::ReadsJson<#ty>));
            (quote!(#ty), quote!(<C as #private::ReadsJson<#ty>>::result))
        }
    };
    quote! {
        #(#cfgs)*
        #[doc = #about]
        pub fn #ident<#(#lifetimes,)* C: #(#bounds)+*>(client: C #argument) -> C::Answer<#result> {
            client.call(#private::TypedCall {
                function: ::core::concat!(::core::module_path!(), #registered),
                workload: #workload,
                read: #read,
            })
        }
    }
}

fn workload(signature: &Signature, job: &JobMethod) -> Wire {
    if !job.has_workload() {
        // It may still read the bytes from the job.
        return if job.takes_job() { Wire::Bytes } else { Wire::Nothing };
    }
    typed_arguments(signature).last().map_or(Wire::Nothing, |ty| match wire(ty) {
        // `Self` is another type in the client.
        Wire::Json(ty) if mentions(ty.clone(), "Self") => Wire::Bytes,
        wire => wire,
    })
}

fn result(signature: &Signature) -> Wire {
    let ReturnType::Type(_, ty) = &signature.output else { return Wire::Nothing };
    let ty = match first_argument(ty, "Result") {
        Some(inner) => inner,
        None => ty,
    };
    match ty {
        Type::Tuple(tuple) if tuple.elems.is_empty() => Wire::Nothing,
        ty => match wire(ty) {
            // What a client reads it owns.
            Wire::Json(ty) if is_borrowed(ty.clone()) || mentions(ty.clone(), "Self") => Wire::Bytes,
            wire => wire,
        },
    }
}

fn wire(ty: &Type) -> Wire {
    let bare = match ty {
        Type::Reference(reference) => &*reference.elem,
        ty => ty,
    };
    if is_named(bare, "str") || is_named(bare, "String") {
        Wire::Text
    } else if let Some(inner) = first_argument(ty, "Json") {
        Wire::Json(inner.to_token_stream())
    } else {
        Wire::Bytes
    }
}

/// `T` of `NAME<T, ..>`.
fn first_argument<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

/// A type's tokens with `lifetime` where one is left out: behind `&`, and for `'_`.
fn named(tokens: TokenStream, lifetime: &TokenStream) -> TokenStream {
    let mut named_tokens = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    let is = |token: Option<&TokenTree>, wanted| matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == wanted);
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), named(group.stream(), lifetime));
                inner.set_span(group.span());
                named_tokens.extend([TokenTree::Group(inner)]);
            }
            quote if is(Some(&quote), '\'') && matches!(tokens.peek(), Some(TokenTree::Ident(name)) if name == "_") => {
                tokens.next();
                named_tokens.extend(lifetime.clone());
            }
            reference if is(Some(&reference), '&') && !is(tokens.peek(), '\'') => {
                named_tokens.extend([reference]);
                named_tokens.extend(lifetime.clone());
            }
            other => named_tokens.extend([other]),
        }
    }
    named_tokens
}

fn is_borrowed(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Punct(punct) => matches!(punct.as_char(), '&' | '\''),
        TokenTree::Group(group) => is_borrowed(group.stream()),
        _ => false,
    })
}

/// The name of a worker's client where it gives none.
pub(crate) fn default_name(worker: &Ident) -> Ident {
    Ident::new(&format!("{}Client", worker.unraw()), emit::located(worker.span()))
}
