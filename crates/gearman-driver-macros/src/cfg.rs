//! Copies `#[cfg]` from the user's items to what is written for them, so that the two come and go together.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Meta};

/// The `#[cfg(..)]`s of an item.
pub(crate) fn of(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect()
}

/// When something stands in for items that may be compiled out.
pub(crate) enum Absent {
    /// One of the items is always there.
    Never,
    /// There are none.
    Always,
    /// When this `#[cfg(not(..))]` holds.
    If(TokenStream),
}

/// When none of the items with these `#[cfg]`s is there.
pub(crate) fn absent<'a>(items: impl IntoIterator<Item = &'a [Attribute]>) -> Absent {
    let mut alternatives = Vec::new();
    for attributes in items {
        let conditions: Vec<TokenStream> = attributes
            .iter()
            .filter_map(|attribute| match &attribute.meta {
                Meta::List(list) => Some(list.tokens.clone()),
                _ => None,
            })
            .collect();
        if conditions.is_empty() {
            return Absent::Never;
        }
        alternatives.push(quote!(all(#(#conditions),*)));
    }
    if alternatives.is_empty() {
        return Absent::Always;
    }
    Absent::If(quote!(#[cfg(not(any(#(#alternatives),*)))]))
}
