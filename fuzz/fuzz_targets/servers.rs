//! A server list that is read is written in a form that reads the same.
#![no_main]

use gearman_protocol::ServerList;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(list) = ServerList::parse(text) {
        assert_eq!(ServerList::parse(&list.to_string()), Ok(list));
    }
});
