//! The environment of this process: changed only while it has one thread.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

/// Removes a variable from the environment.
///
/// # Errors
/// When this process has more than one thread: another one might be reading the environment.
pub fn remove_variable(name: &str) -> io::Result<()> {
    one_thread()?;
    // SAFETY: one thread (checked above), so nobody reads the environment meanwhile.
    unsafe { std::env::remove_var(name) };
    Ok(())
}

/// Sets a variable of the environment.
///
/// # Errors
/// When this process has more than one thread: another one might be reading the environment. When the name is empty or
/// has a `=` in it, or either has a NUL.
pub fn set_variable(name: &str, value: &OsStr) -> io::Result<()> {
    if name.is_empty() || name.contains(['=', '\0']) || value.as_bytes().contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} can't be set as a variable")));
    }
    one_thread()?;
    // SAFETY: one thread (checked above), so nobody reads the environment meanwhile.
    unsafe { std::env::set_var(name, value) };
    Ok(())
}

/// Empties the environment but for variables of these names.
///
/// # Errors
/// When this process has more than one thread: another one might be reading the environment.
pub fn keep_only(names: &[String]) -> io::Result<()> {
    one_thread()?;
    let kept = std::env::vars_os().filter(|(name, _)| names.iter().any(|kept| name == kept.as_str())).collect();
    // SAFETY: one thread (checked above), so nobody reads the environment meanwhile.
    unsafe { replace(kept) };
    Ok(())
}

/// Makes the environment of these variables anew, on the heap.
///
/// # Safety
/// This process has one thread.
pub(crate) unsafe fn replace(variables: Vec<(OsString, OsString)>) {
    // SAFETY: the caller's promise: nobody reads the environment meanwhile.
    unsafe {
        libc::clearenv();
        for (name, value) in variables {
            std::env::set_var(name, value);
        }
    }
}

fn one_thread() -> io::Result<()> {
    match crate::fork::other_threads()?.len() {
        0 => Ok(()),
        others => Err(io::Error::other(format!("this process has {} threads, and only one may be there", others + 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // That it is changed is tested by programs with one thread, which a test's is not.
    #[test]
    fn what_is_no_variable_is_refused_and_threads_are() {
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0")] {
            let error = set_variable(name, OsStr::new(value)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        }
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv());
        for refused in [set_variable("A", OsStr::new("x")), remove_variable("A"), keep_only(&[])] {
            assert!(refused.unwrap_err().to_string().contains("only one may be there"));
        }
        drop(stop);
        let _ = thread.join().unwrap();
    }
}
