//! A slot of shared memory, written with atomics.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// A piece of a shared file, mapped for writing. It stays within one page.
#[derive(Debug)]
pub struct Slot {
    page: NonNull<std::ffi::c_void>,
    page_bytes: usize,
    start: usize,
    bytes: usize,
}

// SAFETY: the mapping stays where it is until the `Slot` is dropped, by its only owner, and all access to it is by atomics.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Slot {
    /// Maps `bytes` bytes at `offset` of `file`.
    ///
    /// # Errors
    /// When the file is shorter, the piece is not aligned to 8 bytes or crosses a page, or the kernel refuses.
    pub fn map(file: impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        let page_bytes = 4096;
        let start = usize::try_from(offset % page_bytes as u64).unwrap_or(0);
        let length = nix::sys::stat::fstat(file.as_fd())?.st_size;
        if start % 8 != 0 || start + bytes > page_bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a slot that is not within one page"));
        }
        if u64::try_from(length).unwrap_or(0) < offset + bytes as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a slot beyond the end of the scoreboard"));
        }
        let size = NonZeroUsize::new(page_bytes).expect("4096 is not 0");
        let at = libc::off_t::try_from(offset - start as u64).map_err(io::Error::other)?;
        // SAFETY: a new shared mapping at an address of the kernel's choice; `Slot` is its only user and unmaps it.
        let page =
            unsafe { mmap(None, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED, file, at) }?;
        Ok(Self { page, page_bytes, start, bytes })
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.bytes, "a word outside of its slot");
        // SAFETY: within the mapping (checked here and in `map`), aligned to 8 bytes, and shared memory is only
        // ever accessed through atomics on this side.
        unsafe { AtomicU64::from_ptr(self.page.as_ptr().cast::<u8>().add(self.start + at).cast()) }
    }

    /// Reads the word at offset `at`.
    #[must_use]
    pub fn load(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Relaxed)
    }

    /// Writes the word at offset `at`; what was written before is seen before.
    pub fn store(&self, at: usize, value: u64) {
        self.word(at).store(value, Ordering::Release);
    }

    /// Adds to the word at offset `at`, of which this process is the only writer, and of its threads one at a time.
    pub fn add(&self, at: usize, value: u64) {
        self.store(at, self.load(at).wrapping_add(value));
    }

    /// Writes `text` at offset `at` (a multiple of 8), word by word; what does not fill the last word is zero.
    pub fn write(&self, at: usize, text: &[u8]) {
        for (i, chunk) in text.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.store(at + 8 * i, u64::from_ne_bytes(word));
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, made in `map`, and no reference into it outlives `self`.
        let _ = unsafe { munmap(self.page, self.page_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_stored_is_in_the_file() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        let slot = Slot::map(&file, 4096 + 2048, 2048).unwrap();
        slot.store(8, 7);
        slot.add(8, 1);
        slot.write(16, b"hello gearman");
        let mut bytes = [0; 32];
        file.read_exact_at(&mut bytes, 4096 + 2048 + 8).unwrap();
        assert_eq!(u64::from_ne_bytes(bytes[..8].try_into().unwrap()), 8);
        assert_eq!(&bytes[8..24], b"hello gearman\0\0\0");
    }

    #[test]
    fn a_piece_that_does_not_fit_is_refused() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        assert!(Slot::map(&file, 2048, 4096).is_err());
        assert!(Slot::map(&file, 4096, 2048).is_err());
        assert!(Slot::map(&file, 4, 8).is_err());
    }
}
