//! What `ps` shows of this process.
//!
//! Linux shows the memory in which the arguments were passed, and, when its last byte is no longer a NUL, the
//! environment's area behind it as well. So the title may fill both; the environment is moved elsewhere first.

use std::ffi::CStr;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::environment;
use crate::stat::{self, Stat};

struct Area {
    start: usize,
    bytes: usize,
    /// Length of the last title.
    used: AtomicUsize,
}

static AREA: OnceLock<Option<Area>> = OnceLock::new();

/// Sets the title of this process, cut to what the area holds. After this, `std::env::args()` of this process is
/// unreliable.
///
/// # Errors
/// When this process has more than one thread, or the area cannot be found; then the short name (15 bytes,
/// `ps -o comm`) is set all the same.
pub fn set(title: &str) -> io::Result<()> {
    // Not `one_thread`: that may wait, which is not worth it for a title.
    if stat::threads()? != Some(1) {
        return Err(io::Error::other("this process has more than one thread, and its environment may be read"));
    }
    // A NUL would end it.
    let title: std::borrow::Cow<'_, str> =
        if title.contains('\0') { title.replace('\0', " ").into() } else { title.into() };
    let title = title.as_bytes();
    let mut short = [0; 16];
    let length = title.len().min(15);
    short[..length].copy_from_slice(&title[..length]);
    nix::sys::prctl::set_name(CStr::from_bytes_until_nul(&short).map_err(io::Error::other)?)?;
    let Some(area) = AREA.get_or_init(find_area) else {
        return Err(io::Error::other("the area of the arguments was not found in /proc/self/stat"));
    };
    let length = title.len().min(area.bytes - 1);
    // SAFETY: the area is this process's own argument and environment memory (as the kernel says), which stays
    // mapped and writable for its life; `find_area` moved the environment out of it, and std copied the arguments'
    // pointers only, whose strings stay NUL-terminated within the area since its last byte is a NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(title.as_ptr(), area.start as *mut u8, length);
        // What lies behind the last title is zero already: those pages are left to be shared with the host.
        let used = area.used.swap(length, Ordering::Relaxed);
        std::ptr::write_bytes((area.start + length) as *mut u8, 0, used.saturating_sub(length));
    }
    Ok(())
}

/// Finds the area, and moves the environment out of it.
#[cold]
#[inline(never)]
fn find_area() -> Option<Area> {
    let stat = Stat::<2048>::read().ok()?;
    let (arg_start, arg_end) = (stat.number(48)?, stat.number(49)?);
    let (env_start, env_end) = (stat.number(50)?, stat.number(51)?);
    let end = if env_start == arg_end { env_end } else { arg_end };
    if arg_start == 0 || end <= arg_start + 1 {
        return None;
    }
    // Pointers in `environ` may lead into the area: set each variable again, which copies it to the heap.
    // SAFETY: one thread (checked by `set`), so nobody reads the environment meanwhile.
    unsafe { environment::replace(std::env::vars_os().collect()) };
    let bytes = end - arg_start;
    Some(Area { start: arg_start, bytes, used: AtomicUsize::new(bytes) })
}
