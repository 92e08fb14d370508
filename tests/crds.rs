//! The definitions in `crds/` are those of the types in `src/api`.

use std::fs;
use std::path::Path;

const COMMAND: &str = "UPDATE_CRDS=1 cargo test --test crds";

#[test]
fn generated_definitions_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let update = std::env::var_os("UPDATE_CRDS").is_some();
    let mut expected = Vec::new();
    for crd in oxherd::api::crds() {
        let name = format!("{}.yaml", crd.spec.names.plural);
        let yaml = format!("# Generated from src/api: {COMMAND}\n{}", oxherd::api::crd_yaml(&crd).unwrap());
        let read: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(read["spec"]["names"]["kind"], crd.spec.names.kind);
        assert_eq!(serde_json::from_value(read).ok(), Some(crd), "the YAML says the same");
        if update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(&name), &yaml).unwrap();
        }
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(found == yaml, "crds/{name} differs from the types in src/api. Run: {COMMAND}");
        expected.push(name);
    }
    expected.sort();
    let mut found: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, expected, "crds/ holds exactly the generated files");
}
