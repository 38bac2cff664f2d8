//! After `settle`, allocations lie together. Without the usual harness, which runs tests on threads: the heap that is
//! settled is the main thread's.

use gearman_driver_sys::heap;

fn main() {
    // What nextest asks; cargo test asks nothing.
    if std::env::args().any(|argument| argument == "--list") {
        if !std::env::args().any(|argument| argument == "--ignored") {
            println!("{NAME}: test");
        }
        return;
    }
    afterwards_allocations_lie_together_behind_what_was_there();
    println!("test {NAME} ... ok");
}

const NAME: &str = "afterwards_allocations_lie_together_behind_what_was_there";

fn afterwards_allocations_lie_together_behind_what_was_there() {
    // Holes of many sizes, between blocks that stay.
    let (mut kept, mut freed) = (Vec::new(), Vec::new());
    for at in 0..4000_usize {
        kept.push(Vec::<u8>::with_capacity(24 + at % 50 * 16));
        freed.push(Vec::<u8>::with_capacity(24 + at * 7 % 3000));
    }
    let address = |block: &Vec<u8>| block.as_ptr() as usize;
    let highest = kept.iter().map(address).max().unwrap_or(0);
    freed.clear();
    let many = || (0..20).map(|at| Vec::<u8>::with_capacity(24 + at * 8)).collect::<Vec<_>>();
    let before: Vec<_> = many().iter().map(address).collect();
    assert!(before.iter().any(|at| *at < highest), "there are holes: {before:x?}");

    heap::settle();
    let blocks = many();
    let at: Vec<_> = blocks.iter().map(address).collect();
    assert!(at.iter().all(|at| *at > highest), "behind {highest:x}: {at:x?}");
    let (first, last) = (at.iter().min().unwrap_or(&0), at.iter().max().unwrap_or(&0));
    assert!(last - first < 4096, "within the length of a page: {at:x?}");
    drop(kept);
}
