//! `max_memory`: a process that leaks is replaced, one that only uses much is not.

use gearman_testkit::Gearmand;

use super::{Notes, farm, run};

#[test]
fn a_process_that_has_grown_is_replaced_between_two_jobs() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes).start();
    let keep = |bytes: &str| run(&gearmand.address(), "Leak::keep", bytes).unwrap();
    let first = keep("1000000");
    assert_eq!(keep("1000000"), first);
    // More than the limit, and given back: the process stays.
    let used = run(&gearmand.address(), "Leak::borrow", "40000000").unwrap();
    assert_eq!(used, format!("{first} 40000000"));
    assert_eq!(keep("5000000"), first, "{}", farm.state());
    assert!(!farm.log().contains("max_memory"), "{}", farm.log());
    // Until it is measured and replaced, which takes a second or so.
    farm.wait("another process", || (keep("5000000") != first).then_some(()));
    let told = farm.wait_log("max_memory: this process has grown by");
    assert!(told.contains(&format!("({first})")) && told.contains("of at most 20.0 MB"), "{told}");
    assert!(!farm.log().contains("could not be sent"), "{}", farm.log());
}
