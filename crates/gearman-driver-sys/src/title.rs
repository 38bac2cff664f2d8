//! What `ps` shows of this process.
//!
//! Linux shows the memory in which the arguments were passed, and, when its last byte is no longer a NUL, the
//! environment's area behind it as well. So the title may fill both; the environment is moved elsewhere first.

use std::ffi::CString;
use std::io;
use std::sync::OnceLock;

struct Area {
    start: usize,
    bytes: usize,
}

static AREA: OnceLock<Option<Area>> = OnceLock::new();

/// Sets the title of this process, cut to what the area holds. After this, `std::env::args()` of this process is
/// unreliable.
///
/// # Errors
/// When this process has more than one thread, or the area cannot be found; then the short name (15 bytes,
/// `ps -o comm`) is set all the same.
pub fn set(title: &str) -> io::Result<()> {
    one_thread()?;
    let title: Vec<u8> = title.bytes().map(|b| if b == 0 { b' ' } else { b }).collect();
    let short = CString::new(title.iter().copied().take(15).collect::<Vec<_>>()).expect("NULs were replaced above");
    nix::sys::prctl::set_name(&short)?;
    let Some(area) = AREA.get_or_init(find_area) else {
        return Err(io::Error::other("the area of the arguments was not found in /proc/self/stat"));
    };
    let length = title.len().min(area.bytes - 1);
    // SAFETY: the area is this process's own argument and environment memory (as the kernel says), which stays
    // mapped and writable for its life; `find_area` moved the environment out of it, and std copied the arguments'
    // pointers only, whose strings stay NUL-terminated within the area since its last byte is a NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(title.as_ptr(), area.start as *mut u8, length);
        std::ptr::write_bytes((area.start + length) as *mut u8, 0, area.bytes - length);
    }
    Ok(())
}

/// Finds the area, and moves the environment out of it.
fn find_area() -> Option<Area> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name in parentheses, which may itself hold spaces: field 3 onwards. 48 to 51 are the bounds.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<usize>().ok();
    let (arg_start, arg_end, env_start, env_end) = (number(48)?, number(49)?, number(50)?, number(51)?);
    let end = if env_start == arg_end { env_end } else { arg_end };
    if arg_start == 0 || end <= arg_start + 1 {
        return None;
    }
    // Pointers in `environ` may lead into the area: set each variable again, which copies it to the heap.
    // SAFETY: one thread (checked by `set`), so nobody reads the environment meanwhile.
    unsafe {
        let variables: Vec<_> = std::env::vars_os().collect();
        libc::clearenv();
        for (name, value) in variables {
            std::env::set_var(name, value);
        }
    }
    Some(Area { start: arg_start, bytes: end - arg_start })
}

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
/// When this process has more than one thread: another one might be reading the environment.
pub fn set_variable(name: &str, value: &std::ffi::OsStr) -> io::Result<()> {
    one_thread()?;
    // SAFETY: one thread (checked above), so nobody reads the environment meanwhile.
    unsafe { std::env::set_var(name, value) };
    Ok(())
}

fn one_thread() -> io::Result<()> {
    match crate::fork::other_threads()?.len() {
        0 => Ok(()),
        others => Err(io::Error::other(format!("this process has {} threads, and only one may be there", others + 1))),
    }
}
