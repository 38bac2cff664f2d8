//! The C library's heap, made ready for forks.
//!
//! A process that loaded much has free pieces all over its heap, and malloc hands them out first. Each one that a forked
//! process gets, frees or merely looks at costs it a copy of a page that it would otherwise share: a hundred small
//! allocations touched a dozen pages. So these pieces are taken out of use: from then on, what is allocated lies together,
//! behind all that was there before.

/// malloc maps blocks from 128 KiB on instead of taking them from the heap; so this is well below.
const LARGEST: usize = 64 << 10;
/// Blocks up to this are kept for reuse by their exact size, in steps of 16 bytes.
const SMALL: usize = 1032;
/// More blocks than this are not taken, whatever there is: it would take longer than some milliseconds.
const MOST_BLOCKS: usize = 1 << 18;

/// Takes the free pieces of the heap out of use, for the life of this process; afterwards, what is allocated begins at
/// the start of a page. For the main thread.
///
/// For glibc's malloc; with another C library or allocator it does nothing worth mentioning.
#[cfg(target_env = "gnu")]
pub fn settle() {
    let mut left = MOST_BLOCKS;
    // SAFETY: asking for the end of the heap changes nothing.
    let end = || unsafe { libc::sbrk(0) } as usize;
    let mut take = |size: usize| {
        left = left.checked_sub(1)?;
        // SAFETY: a block that nobody uses, and that is never freed.
        let block = unsafe { libc::malloc(size) } as usize;
        // Mapped blocks lie beyond the heap (they may come when the heap can't grow): there is nothing to be settled.
        (block != 0 && block < end()).then_some(block)
    };
    // The heap grows only where no free piece is large enough, the last one, which is its end, included.
    let before = end();
    let last = loop {
        let Some(block) = take(LARGEST) else { return };
        if end() != before {
            break block;
        }
    };
    // What comes from behind that block comes from the new end: no piece of the size is left.
    let halves = std::iter::successors(Some(LARGEST / 2), |size| Some(size / 2)).take_while(|size| *size > SMALL);
    let small = (24..=SMALL).rev().step_by(16);
    for size in halves.chain(small) {
        loop {
            match take(size) {
                None => return,
                Some(block) if block > last => break,
                Some(_) => {}
            }
        }
    }
    // And the rest of the page, where it is not too little for a block.
    if let Some(block) = take(24) {
        let rest = 4096 - (block + 24) % 4096;
        if rest > 48 {
            take(rest - 8);
        }
    }
}

/// Does nothing: this C library's heap is not known.
#[cfg(not(target_env = "gnu"))]
pub fn settle() {}
