//! Mapping files: the YAML form and the `AttributeMapping.json` of the existing connector. What is accepted can be written
//! down again, in both forms, and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxherd::ox::mapping::{Mapping, MappingSpec};

fn check(mapping: &Mapping) {
    for spec in [mapping.to_spec(), mapping.to_full_spec()] {
        let yaml = serde_saphyr::to_string(&spec).expect("a mapping can be written");
        let read: MappingSpec = serde_saphyr::from_str(&yaml).expect("what was written can be read");
        assert_eq!(&Mapping::from_spec(&read).expect("and is a mapping"), mapping);
    }
    let _ = mapping.warnings();
}

fuzz_target!(|text: &str| {
    match Mapping::from_connector_json(text) {
        Ok(mapping) => check(&mapping),
        Err(errors) => assert!(!errors.to_string().is_empty()),
    }
    if let Ok(spec) = serde_saphyr::from_str::<MappingSpec>(text)
        && let Ok(mapping) = Mapping::from_spec(&spec)
    {
        check(&mapping);
    }
});
