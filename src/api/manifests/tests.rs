use std::fs;

use tempfile::TempDir;

use super::*;
use crate::api::{Mode, TlsVerification};

const CONNECTOR: &str = "
apiVersion: oxherd.dev/v1alpha1
kind: OxConnector
metadata:
  name: acme
spec:
  ox:
    url: https://ox.acme.example
    credentialsRef: {name: master}
  source:
    spool: {folder: ../spool}
  defaults:
    domain: acme.example
---
apiVersion: v1
kind: Secret
metadata: {name: master}
data: {username: b3hhZG1pbm1hc3Rlcg==}
stringData: {password: Geheim-1}
";

const CONTEXT: &str = "
apiVersion: oxherd.dev/v1alpha1
kind: OxContext
metadata: {name: sales}
spec:
  connectorRef: {name: acme}
  id: 20
";

fn read(files: &[(&str, &str)]) -> Result<Manifests, Vec<String>> {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let prefix = format!("{}/", folder.path().display());
    Manifests::read(folder.path())
        .map_err(|errors| errors.to_string().lines().map(|line| line.replace(&prefix, "")).collect())
}

fn errors(text: &str) -> Vec<String> {
    read(&[("a.yaml", CONNECTOR), ("b.yaml", text)]).unwrap_err()
}

#[test]
fn a_folder_is_read_with_defaults_and_secrets() {
    let manifests = read(&[("a.yaml", CONNECTOR), ("b.yml", CONTEXT), (".c.yaml", "nonsense"), ("d.txt", "")]).unwrap();
    let connector = &manifests.connectors["acme"].spec;
    assert_eq!(connector.defaults.context, 10);
    assert_eq!(connector.policies.mode, Mode::Live);
    assert_eq!(connector.ox.tls.verification, TlsVerification::Full);
    assert_eq!(connector.ox.limits.concurrency, 24);
    assert!(connector.source.spool.as_ref().unwrap().folder.ends_with("/../spool"));
    assert_eq!(manifests.contexts["sales"].spec.ox_name(), "context20");

    let (user, password) = manifests.credentials(&connector.ox.credentials_ref).unwrap();
    assert_eq!((user.as_str(), password.expose_secret()), ("oxadminmaster", "Geheim-1"));
    assert!(!format!("{manifests:?}").contains("Geheim"));
    let missing = manifests.secret(&SecretKeyRef { name: "master".to_owned(), key: "x".to_owned() }).unwrap_err();
    assert_eq!(missing.to_string(), "Secret 'master' has no text in key 'x'");
}

#[test]
fn an_absolute_spool_folder_stays() {
    let manifests = read(&[("a.yaml", &CONNECTOR.replace("../spool", "/var/spool/ox"))]).unwrap();
    assert_eq!(manifests.connectors["acme"].spec.source.spool.as_ref().unwrap().folder, "/var/spool/ox");
}

#[test]
fn errors_name_file_document_object_field_and_remedy() {
    let table = [
        (CONTEXT.replace("id: 20", "id: 0"), "b.yaml, document 1, OxContext 'sales': spec.id must be at least 1"),
        (
            CONTEXT.replace("id: 20", "id: '20'"),
            "b.yaml, document 1, OxContext 'sales': spec.id must be a whole number",
        ),
        (
            CONTEXT.replace("id: 20", "id: 20\n  qouta: 5"),
            "b.yaml, document 1, OxContext 'sales': spec.qouta is unknown; did you mean 'quota'?",
        ),
        (
            CONTEXT.replace("id: 20", "id: 20\n  managementPolicy: observe"),
            "b.yaml, document 1, OxContext 'sales': spec.managementPolicy has no such choice; did you mean 'Observe'?",
        ),
        (
            CONTEXT.replace("OxContext", "OXContexts"),
            "b.yaml, document 1: kind 'OXContexts' is unknown; did you mean 'OxContext'?",
        ),
        (
            CONTEXT.replace("v1alpha1", "v1"),
            "b.yaml, document 1, OxContext 'sales': apiVersion must be oxherd.dev/v1alpha1",
        ),
        (CONTEXT.replace("name: sales", "nam: sales"), "b.yaml, document 1, OxContext: metadata.name is missing"),
        (CONTEXT.replace("  id: 20\n", ""), "b.yaml, document 1, OxContext 'sales': spec.id is missing"),
        (
            CONTEXT.replace("name: acme", "name: acne"),
            "b.yaml, document 1, OxContext 'sales': spec.connectorRef.name refers to OxConnector 'acne', which is in no \
             file; did you mean 'acme'?",
        ),
        (
            format!("# comment\n---{CONTEXT}---\n# nothing\n---{CONTEXT}"),
            "b.yaml, document 3, OxContext 'sales': metadata.name is used twice; the first one is in b.yaml, document 1",
        ),
        (
            format!("{CONTEXT}---{}", CONTEXT.replace("name: sales", "name: other")),
            "b.yaml, document 1, OxContext 'sales': spec.id is that of OxContext 'other' as well: each context needs its own",
        ),
        (
            "a: [".to_owned(),
            "b.yaml, document 1: is no valid YAML at line 1: check indentation, quotes and repeated keys",
        ),
        ("- 1".to_owned(), "b.yaml, document 1: must be an object with apiVersion, kind and metadata"),
        ("a: 1".to_owned(), "b.yaml, document 1: kind is missing"),
    ];
    for (text, expected) in table {
        let errors = errors(&text);
        assert!(errors.iter().any(|error| error == expected), "expected\n{expected}\nfound\n{}", errors.join("\n"));
    }
}

#[test]
fn rules_of_the_schema_hold_for_files() {
    let table = [
        ("url: https://ox.acme.example", "url: ox.acme.example", "spec.ox.url must be a URL with http:// or https://"),
        ("spool: {folder: ../spool}", "{}", "spec.source exactly one of spool and nubus must be given"),
        (
            "folder: ../spool",
            "folder: x, settle: soon",
            "spec.source.spool.settle must be a duration greater than zero like 500ms, 30s, 10m or 24h",
        ),
        (
            "domain: acme.example",
            "domain: acme.example\n    imapServer: imap://mail",
            "spec.defaults.imapServer must be a URL like imap://mail.example.org:143 or imaps://mail.example.org:993",
        ),
        (
            "domain: acme.example",
            "domain: acme.example\n  state: {backend: Postgres}",
            "spec.state backend Postgres needs connectionRef, the others must not have it",
        ),
        ("{name: master}\n  source", "{name: mastr}\n  source", "spec.ox.credentialsRef.name refers to Secret 'mastr'"),
        (
            "{name: master}\n  source",
            "{name: master, passwordKey: pasword}\n  source",
            "spec.ox.credentialsRef.passwordKey names key 'pasword', which is not there; did you mean 'password'?",
        ),
    ];
    for (from, to, expected) in table {
        let text = CONNECTOR.replace(from, to);
        assert_ne!(text, CONNECTOR);
        let errors = read(&[("a.yaml", &text)]).unwrap_err();
        assert!(errors[0].contains(expected), "expected\n{expected}\nfound\n{}", errors.join("\n"));
    }
}

#[test]
fn mapping_entries_are_checked() {
    let text = "
apiVersion: oxherd.dev/v1alpha1
kind: OxAttributeMapping
metadata: {name: m}
spec:
  entries:
    - {attribute: userfield01, property: description}
    - {attribute: givenname, property: firstname}
    - {attribute: userfield01}
    - {attribute: url, property: description, index: -1}
";
    let errors = errors(text);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].ends_with("spec.entries[1].attribute has no such choice; did you mean 'given_name'?"));
    assert!(errors[1].contains("spec.entries[3].index"), "{errors:?}");
    assert!(errors[2].ends_with("spec.entries[2] repeats spec.entries[0]: keep one of them"));
}

#[test]
fn secrets_never_show_up_in_errors() {
    let secret = "
apiVersion: v1
kind: Secret
metadata: {name: s}
";
    for part in [
        "data: {password: Geheim!}",
        "stringData: {password: [Geheim]}",
        "stringData: Geheim",
        "stringDatas: {password: Geheim}",
        "stringData: {password: Geheim: x}",
        "stringData:\n  password: \"Geheim",
        "type: [Geheim]",
        "stringData:\n  password: Geheim\n  password: Geheim",
    ] {
        let errors = errors(&format!("{secret}{part}\n")).join("\n");
        assert!(errors.starts_with("b.yaml, document 1"), "{part}: {errors}");
        assert!(!errors.contains("Geheim"), "{part}: {errors}");
    }
}

#[test]
fn all_errors_are_reported_at_once_and_an_empty_folder_is_one() {
    let bad = CONTEXT.replace("id: 20", "id: -1\n  quota: -2\n  extra: 1");
    assert_eq!(errors(&bad).len(), 3);
    assert_eq!(read(&[]).unwrap_err().len(), 1);
    assert!(Manifests::read(Path::new("does/not/exist")).unwrap_err().to_string().contains("cannot be read"));
}
