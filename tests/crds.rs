//! The definitions in `crds/` and the pages in `docs/reference/` are those of the types in `src/api`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use std::fs;
use std::path::Path;

const COMMAND: &str = "UPDATE_CRDS=1 cargo test --test crds";

/// Compares the files of a folder with what they have to be, or writes them when asked to.
fn compare(folder: &str, expected: &[(String, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("UPDATE_CRDS").is_some() {
        fs::create_dir_all(&path).unwrap();
        for (name, text) in expected {
            fs::write(path.join(name), text).unwrap();
        }
    }
    for (name, text) in expected {
        let found = fs::read_to_string(path.join(name)).unwrap_or_default();
        assert!(found == *text, "{folder}/{name} differs from the types in src/api. Run: {COMMAND}");
    }
    let mut names: Vec<_> = expected.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    let mut found: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, names, "{folder}/ holds exactly the generated files");
}

#[test]
fn generated_definitions_are_up_to_date() {
    let definitions: Vec<_> = oxherd::api::crds()
        .into_iter()
        .map(|crd| {
            let yaml = format!("# Generated from src/api: {COMMAND}\n{}", oxherd::api::crd_yaml(&crd).unwrap());
            let read: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(read["spec"]["names"]["kind"], crd.spec.names.kind);
            let name = format!("{}.yaml", crd.spec.names.plural);
            assert_eq!(serde_json::from_value(read).ok(), Some(crd), "the YAML says the same");
            (name, yaml)
        })
        .collect();
    compare("crds", &definitions);
}

#[test]
fn reference_pages_are_up_to_date() {
    let pages: Vec<_> = oxherd::api::crds()
        .iter()
        .map(|crd| (format!("{}.md", crd.spec.names.plural), oxherd::api::reference_page(crd)))
        .collect();
    compare("docs/reference", &pages);
}
