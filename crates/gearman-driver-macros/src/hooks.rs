//! The hooks of a worker: which names are reserved, what their signatures are, and how they are forwarded to.
//!
//! Hooks stay plain methods of the user's type. A signature is checked here as far as its text tells; what is left
//! (a wrong type behind an alias) the compiler finds in the forwarder, at the user's place.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, ImplItemFn, ReturnType, Signature, Type};

use crate::{cfg, emit};

/// How a hook takes its worker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiver {
    None,
    Shared,
    Mutable,
}

/// What a hook may return.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Returns {
    /// Nothing.
    Nothing,
    /// Nothing, or a `Result` of it.
    Done,
    /// The worker, or a `Result` of it.
    Worker,
    /// A value of this type.
    Value(&'static str),
}

/// What an argument is a reference to.
#[derive(Clone, Copy)]
enum To {
    /// A type of this name, or an alias.
    Named,
    Str,
    Bytes,
}

struct Hook {
    name: &'static str,
    signature: &'static str,
    receiver: Receiver,
    arguments: &'static [To],
    returns: Returns,
}

const HOOKS: &[Hook] = &[
    Hook {
        name: "new",
        signature: "fn new(options: &WorkerOptions) -> Result<Self, Error>`, or `-> Self",
        receiver: Receiver::None,
        arguments: &[To::Named],
        returns: Returns::Worker,
    },
    Hook {
        name: "prefix",
        signature: "fn prefix(&self) -> String",
        receiver: Receiver::Shared,
        arguments: &[],
        returns: Returns::Value("String"),
    },
    Hook {
        name: "begin",
        signature: "fn begin(&self, job: &Job, workload: &[u8]) -> Result<(), Error>`, or without `-> ..",
        receiver: Receiver::Shared,
        arguments: &[To::Named, To::Bytes],
        returns: Returns::Done,
    },
    Hook {
        name: "end",
        signature: "fn end(&self, job: &Job, workload: &[u8])",
        receiver: Receiver::Shared,
        arguments: &[To::Named, To::Bytes],
        returns: Returns::Nothing,
    },
    Hook {
        name: "process_name",
        signature: "fn process_name(&self, original: &str, job_name: &str) -> Option<String>",
        receiver: Receiver::Shared,
        arguments: &[To::Str, To::Str],
        returns: Returns::Value("Option"),
    },
    Hook {
        name: "default_attributes",
        signature: "fn default_attributes(&self) -> JobAttributes",
        receiver: Receiver::Shared,
        arguments: &[],
        returns: Returns::Value("JobAttributes"),
    },
    Hook {
        name: "override_attributes",
        signature: "fn override_attributes(&self) -> JobAttributes",
        receiver: Receiver::Shared,
        arguments: &[],
        returns: Returns::Value("JobAttributes"),
    },
    Hook {
        name: "process_start",
        signature: "fn process_start(&mut self) -> Result<(), Error>`, or without `-> ..",
        receiver: Receiver::Mutable,
        arguments: &[],
        returns: Returns::Done,
    },
    Hook {
        name: "process_stop",
        signature: "fn process_stop(&mut self)",
        receiver: Receiver::Mutable,
        arguments: &[],
        returns: Returns::Nothing,
    },
];

/// A hook that the user overrides.
pub(crate) struct Override {
    hook: &'static Hook,
    pub(crate) cfgs: Vec<Attribute>,
    /// Where its result is written, for the compiler's errors.
    span: Span,
}

impl Override {
    /// The method as a hook, if its name is one's.
    pub(crate) fn of(method: &ImplItemFn) -> Option<syn::Result<Self>> {
        let hook = HOOKS.iter().find(|hook| method.sig.ident == hook.name)?;
        let checked = match hook.fault(&method.sig) {
            Some((span, fault)) => {
                let message =
                    format!("`{}` is a hook of the worker: {fault}; its signature is `{}`", hook.name, hook.signature);
                Err(Error::new(span, message))
            }
            None => {
                let span = match &method.sig.output {
                    ReturnType::Default => method.sig.ident.span(),
                    ReturnType::Type(_, ty) => ty.span(),
                };
                Ok(Self { hook, cfgs: cfg::of(&method.attrs), span: emit::located(span) })
            }
        };
        Some(checked)
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.hook.name == name
    }

    /// The method of `impl Worker` that calls the user's. (`new` has none: see [`Override::build`].)
    pub(crate) fn forwarder(&self, ty: &Type) -> Option<TokenStream> {
        let cfgs = &self.cfgs;
        let private = emit::private();
        let settled = emit::settled_at(self.span);
        let call = |name: &str, arguments: TokenStream| {
            let name = syn::Ident::new(name, self.span);
            quote_spanned!(self.span=> <#ty>::#name(self #arguments))
        };
        let name = self.hook.name;
        Some(match name {
            "new" => return None,
            "prefix" => {
                let call = call(name, quote!());
                quote!(#(#cfgs)* fn prefix(&self) -> ::std::string::String { #call })
            }
            "begin" => {
                let call = call(name, quote!(, job, workload));
                quote! {
                    #(#cfgs)*
                    fn begin(&self, job: &#private::Job, workload: &[u8])
                        -> ::core::result::Result<(), #private::Error>
                    {
                        let returned = #call;
                        #settled
                    }
                }
            }
            "end" => {
                let call = call(name, quote!(, job, workload));
                quote!(#(#cfgs)* fn end(&self, job: &#private::Job, workload: &[u8]) { #call })
            }
            "process_name" => {
                let call = call(name, quote!(, original, job_name));
                quote! {
                    #(#cfgs)*
                    fn process_name(&self, original: &str, job_name: &str)
                        -> ::core::option::Option<::std::string::String>
                    { #call }
                }
            }
            "process_start" => {
                let call = call(name, quote!());
                quote! {
                    #(#cfgs)*
                    fn process_start(&mut self) -> ::core::result::Result<(), #private::Error> {
                        let returned = #call;
                        #settled
                    }
                }
            }
            "process_stop" => {
                let call = call(name, quote!());
                quote!(#(#cfgs)* fn process_stop(&mut self) { #call })
            }
            _ => {
                let call = call(name, quote!());
                let name = syn::Ident::new(name, Span::call_site());
                quote!(#(#cfgs)* fn #name(&self) -> #private::JobAttributes { #call })
            }
        })
    }

    /// For `new`: the expression that builds a worker from `options`.
    pub(crate) fn build(&self, ty: &Type) -> TokenStream {
        let cfgs = &self.cfgs;
        let settled = emit::settled_at(self.span);
        let call = quote_spanned!(self.span=> <#ty>::new(options));
        let worker = quote_spanned!(self.span=> #settled?);
        quote! {
            #(#cfgs)*
            {
                let returned = #call;
                let worker: #ty = #worker;
                ::core::result::Result::Ok(::std::boxed::Box::new(worker))
            }
        }
    }
}

impl Hook {
    /// What is wrong with a signature, and where.
    fn fault(&self, signature: &Signature) -> Option<(Span, String)> {
        if let Some(token) = &signature.asyncness {
            return Some((token.span(), "it is not asynchronous".to_owned()));
        }
        if let Some(token) = &signature.unsafety {
            return Some((token.span(), "it is not unsafe".to_owned()));
        }
        if signature.generics.type_params().next().is_some() || signature.generics.const_params().next().is_some() {
            return Some((signature.generics.span(), "it is not generic".to_owned()));
        }
        let (span, receiver) = receiver(signature);
        if receiver != Some(self.receiver) {
            let wanted = match self.receiver {
                Receiver::None => "it takes no `self`",
                Receiver::Shared => "it takes `&self`",
                Receiver::Mutable => "it takes `&mut self`",
            };
            return Some((span, wanted.to_owned()));
        }
        let arguments: Vec<&Type> = typed_arguments(signature).collect();
        if arguments.len() != self.arguments.len() {
            let wanted = match self.arguments.len() {
                0 => "no argument".to_owned(),
                1 => "one argument".to_owned(),
                _ => "two arguments".to_owned(),
            };
            let span = if arguments.is_empty() { signature.ident.span() } else { signature.inputs.span() };
            return Some((span, format!("it takes {wanted}")));
        }
        for (ty, to) in arguments.into_iter().zip(self.arguments) {
            if !to.fits(ty) {
                return Some((ty.span(), "this argument is of another type".to_owned()));
            }
        }
        self.returns.fault(signature)
    }
}

/// Types that are surely not what was meant, where another is expected. (A type of another name may be an alias.)
const FAMILIAR: &[&str] = &[
    "bool",
    "str",
    "u8",
    "u32",
    "u64",
    "usize",
    "i32",
    "i64",
    "String",
    "Option",
    "Result",
    "Vec",
    "Box",
    "JobAttributes",
];

impl Returns {
    fn fault(self, signature: &Signature) -> Option<(Span, String)> {
        let (expected, wanted): (&[&str], _) = match self {
            Self::Nothing => (&[], "it returns nothing".to_owned()),
            Self::Done => (&["Result"], "it returns nothing, or a `Result` of nothing".to_owned()),
            Self::Worker => (&["Result"], "it returns the worker, or a `Result` of it".to_owned()),
            Self::Value("Option") => (&["Option"], "it returns an `Option<String>`".to_owned()),
            Self::Value(ref name) => (std::slice::from_ref(name), format!("it returns a `{name}`")),
        };
        let unit_is_right = matches!(self, Self::Nothing | Self::Done);
        let ty = match &signature.output {
            ReturnType::Type(_, ty) => ty,
            ReturnType::Default if unit_is_right => return None,
            ReturnType::Default => return Some((signature.ident.span(), wanted)),
        };
        let right = match &**ty {
            Type::Tuple(tuple) => unit_is_right && tuple.elems.is_empty(),
            Type::Path(_) => {
                expected.iter().any(|name| is_named(ty, name))
                    || self != Self::Nothing && !FAMILIAR.iter().any(|name| is_named(ty, name))
            }
            _ => false,
        };
        (!right).then(|| (ty.span(), wanted))
    }
}

impl To {
    fn fits(self, ty: &Type) -> bool {
        let Type::Reference(reference) = ty else {
            return false;
        };
        if reference.mutability.is_some() {
            return false;
        }
        match (self, &*reference.elem) {
            (To::Bytes, Type::Slice(slice)) => is_named(&slice.elem, "u8"),
            (To::Str, ty) => is_named(ty, "str"),
            (To::Named, Type::Path(_)) => !is_named(&reference.elem, "str"),
            _ => false,
        }
    }
}

/// How a method takes `self`, and where that stands; `None` for ways that no hook and no job has.
fn receiver(signature: &Signature) -> (Span, Option<Receiver>) {
    let Some(FnArg::Receiver(receiver)) = signature.inputs.first() else {
        return (signature.ident.span(), Some(Receiver::None));
    };
    let how = match (&receiver.reference, &receiver.mutability, &receiver.colon_token) {
        (Some(_), None, None) => Some(Receiver::Shared),
        (Some(_), Some(_), None) => Some(Receiver::Mutable),
        _ => None,
    };
    (receiver.span(), how)
}

/// Whether a method takes `&self`; if not, where the fault is.
pub(crate) fn takes_shared_self(signature: &Signature) -> Result<(), Span> {
    match receiver(signature) {
        (_, Some(Receiver::Shared)) => Ok(()),
        (span, _) => Err(span),
    }
}

/// The types of the arguments after `self`.
pub(crate) fn typed_arguments(signature: &Signature) -> impl Iterator<Item = &Type> {
    signature.inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(argument) => Some(&*argument.ty),
        FnArg::Receiver(_) => None,
    })
}

/// Whether a type is a path that ends in `name`.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == name),
        Type::Paren(paren) => is_named(&paren.elem, name),
        Type::Group(group) => is_named(&group.elem, name),
        _ => false,
    }
}
