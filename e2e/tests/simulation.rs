//! A short run of the simulated worlds; `cargo run --release -p e2e --bin simulate` is the long one.

use std::cell::RefCell;
use std::rc::Rc;

use e2e::simulate::{Account, last_lines, run, run_traced};

/// A few seconds' worth without optimization.
const SEEDS: u64 = 40;

#[test]
fn the_laws_hold_in_worlds_full_of_trouble() {
    let mut all = Account::default();
    for seed in 1..=SEEDS {
        match run(seed) {
            Ok(account) => all.add(&account),
            Err(broken) => {
                panic!(
                    "seed {seed}: {broken}\n{}\nmore: simulate --seed {seed} --trace",
                    last_lines(seed, 30).join("\n")
                )
            }
        }
    }
    assert_eq!(all.worlds, SEEDS);
    // Worlds in which nothing happens would prove nothing.
    assert!(all.reloads > SEEDS / 2 && all.hosts_ended > SEEDS && all.processes > 10 * SEEDS, "{all:?}");
    assert!(all.poison > 0 && all.taken_back > 0, "{all:?}");
}

#[test]
fn a_seed_gives_the_same_script_each_time() {
    let script = || {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&lines);
        run_traced(7, move |line| kept.borrow_mut().push(line.to_owned())).unwrap_or_else(|broken| panic!("{broken}"));
        lines.take()
    };
    let script_of_one = script();
    assert!(script_of_one.len() > 100);
    assert_eq!(script_of_one, script());
}
