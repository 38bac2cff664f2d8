//! What `ps` shows of this process.
//!
//! Linux shows the memory in which the arguments were passed, and, when its last byte is no longer a NUL, the
//! environment's area behind it as well. So the title may fill both; the environment is moved elsewhere first.

use std::ffi::CString;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    // A short file instead of a list of threads: this is called in each worker process, whose memory is to stay the
    // host's.
    let stat = Stat::read()?;
    if stat.number(20) != Some(1) {
        return Err(io::Error::other("this process has more than one thread, and its environment may be read"));
    }
    let title: Vec<u8> = title.bytes().map(|b| if b == 0 { b' ' } else { b }).collect();
    let short = CString::new(title.iter().copied().take(15).collect::<Vec<_>>()).expect("NULs were replaced above");
    nix::sys::prctl::set_name(&short)?;
    let Some(area) = AREA.get_or_init(|| find_area(&stat)) else {
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

/// This process's line in `/proc/self/stat`.
struct Stat(String);

impl Stat {
    fn read() -> io::Result<Self> {
        std::fs::read_to_string("/proc/self/stat").map(Self)
    }

    /// A field by its number in proc(5). The second, the name, may hold spaces; so counting begins behind its bracket.
    fn number(&self, field: usize) -> Option<usize> {
        self.0.rsplit_once(')')?.1.split_ascii_whitespace().nth(field - 3)?.parse().ok()
    }
}

/// Finds the area, and moves the environment out of it.
fn find_area(stat: &Stat) -> Option<Area> {
    let (arg_start, arg_end) = (stat.number(48)?, stat.number(49)?);
    let (env_start, env_end) = (stat.number(50)?, stat.number(51)?);
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
    let bytes = end - arg_start;
    Some(Area { start: arg_start, bytes, used: AtomicUsize::new(bytes) })
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
