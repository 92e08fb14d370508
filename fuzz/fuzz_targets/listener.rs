//! Listener files: anything may lie in the folder. What is an event survives the journal unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxherd::source::parse_listener_file;
use oxherd::udm::Event;

fuzz_target!(|bytes: &[u8]| {
    match parse_listener_file(bytes) {
        Ok(event) => {
            let stored = serde_json::to_string(&event).expect("an event can be stored");
            let read: Event = serde_json::from_str(&stored).expect("a stored event reads back");
            assert_eq!(read, event);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
