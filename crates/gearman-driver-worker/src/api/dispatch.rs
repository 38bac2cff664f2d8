//! Tells `T` from `Result<T, E>` by type, so that worker code may return either.
//!
//! Method lookup does it: for `(&value).gearman_driver_kind()` the compiler first tries a receiver of type `&Result`
//! ([`ResultKind`]), and only then one reference more ([`PlainKind`]). It works on the value's type, so an alias such
//! as `anyhow::Result` is seen for what it is.

use super::Error;

/// The value is no `Result`.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Plain;

/// The value is a `Result`.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Fallible;

#[doc(hidden)]
pub trait PlainKind {
    fn gearman_driver_kind(&self) -> Plain {
        Plain
    }
}

impl<T> PlainKind for &T {}

#[doc(hidden)]
pub trait ResultKind {
    fn gearman_driver_kind(&self) -> Fallible {
        Fallible
    }
}

impl<T, E> ResultKind for Result<T, E> {}

impl Plain {
    #[doc(hidden)]
    pub fn result<T>(self, value: T) -> Result<T, Error> {
        Ok(value)
    }
}

impl Fallible {
    #[doc(hidden)]
    pub fn result<T, E: Into<Error>>(self, value: Result<T, E>) -> Result<T, Error> {
        value.map_err(Into::into)
    }
}
