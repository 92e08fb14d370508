//! From files to objects.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::CustomResourceExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{ManifestError, ManifestErrors, Manifests, SecretData, references};
use crate::api::validate::{self, suggestion};
use crate::api::{API_VERSION, OxAccessProfile, OxAttributeMapping, OxConnector, OxContext};

/// Kinds that may stand in files, with their version.
const KINDS: [(&str, &str); 6] = [
    ("OxConnector", API_VERSION),
    ("OxContext", API_VERSION),
    ("OxAttributeMapping", API_VERSION),
    ("OxAccessProfile", API_VERSION),
    ("Secret", "v1"),
    ("ConfigMap", "v1"),
];

/// Where an object was read.
#[derive(Clone)]
pub(super) struct Origin {
    file: PathBuf,
    document: usize,
}

/// Objects and problems while they are gathered.
#[derive(Default)]
pub(super) struct Gathered {
    pub manifests: Manifests,
    origins: BTreeMap<(String, String), Origin>,
    errors: Vec<ManifestError>,
}

impl Gathered {
    /// Notes a problem of an object that was read.
    pub(super) fn problem_of(&mut self, kind: &str, name: &str, field: &str, problem: String) {
        if let Some(origin) = self.origins.get(&(kind.to_owned(), name.to_owned())).cloned() {
            self.problem(&origin, Some(format!("{kind} '{name}'")), Some(field.to_owned()), problem);
        }
    }

    fn problem(&mut self, origin: &Origin, object: Option<String>, field: Option<String>, problem: String) {
        let file = origin.file.clone();
        self.errors.push(ManifestError { file, document: Some(origin.document), object, field, problem });
    }

    fn file_problem(&mut self, file: &Path, problem: String) {
        let file = file.to_owned();
        self.errors.push(ManifestError { file, document: None, object: None, field: None, problem });
    }
}

/// Reads a folder.
pub(super) fn folder(folder: &Path) -> Result<Manifests, ManifestErrors> {
    let mut gathered = Gathered::default();
    match files(folder) {
        Ok(files) if files.is_empty() => gathered.file_problem(folder, "holds no *.yaml file".to_owned()),
        Ok(files) => {
            for file in files {
                match fs::read_to_string(&file) {
                    Ok(text) => read_file(&mut gathered, folder, &file, &text),
                    Err(error) => gathered.file_problem(&file, format!("cannot be read: {error}")),
                }
            }
        }
        Err(error) => gathered.file_problem(folder, format!("cannot be read: {error}")),
    }
    if gathered.errors.is_empty() {
        references::check(&mut gathered);
    }
    if gathered.errors.is_empty() { Ok(gathered.manifests) } else { Err(ManifestErrors(gathered.errors)) }
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") && !hidden {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn read_file(gathered: &mut Gathered, folder: &Path, file: &Path, text: &str) {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    for (index, (first_line, document)) in documents(text).into_iter().enumerate() {
        let origin = Origin { file: file.to_owned(), document: index + 1 };
        match serde_saphyr::from_str_with_options::<Value>(&document, options.clone()) {
            Ok(Value::Null) => {}
            Ok(value) => read_document(gathered, folder, &origin, value),
            // The parser's own words may quote the text, and the text may be a secret.
            Err(error) => {
                let line = error.location().and_then(|at| usize::try_from(at.line()).ok()).unwrap_or(1) + first_line;
                let problem = format!("is no valid YAML at line {line}: check indentation, quotes and repeated keys");
                gathered.problem(&origin, None, None, problem);
            }
        }
    }
}

/// The documents of a file, each with the number of lines before it. A line that begins with `---` always separates.
fn documents(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(0, String::new())];
    for (number, line) in text.lines().enumerate() {
        let marker = line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        let line = match marker {
            Some(rest) => {
                documents.push((number, String::new()));
                rest
            }
            None => line,
        };
        if let Some((_, document)) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    // What stands before the first marker is a document only if there is something besides comments.
    let blank = |text: &str| text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if documents.len() > 1 && documents.first().is_some_and(|(_, text)| blank(text)) {
        documents.remove(0);
    }
    documents
}

fn read_document(gathered: &mut Gathered, folder: &Path, origin: &Origin, value: Value) {
    let Value::Object(object) = value else {
        return gathered.problem(origin, None, None, "must be an object with apiVersion, kind and metadata".to_owned());
    };
    let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = field("kind").to_owned();
    let Some((_, version)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        let problem = match kind.as_str() {
            "" => "is missing".to_owned(),
            "OxOperation" => "OxOperation is a request to a running controller and does nothing in a file".to_owned(),
            other => format!("'{other}' is unknown; {}", suggestion(other, KINDS.iter().map(|(known, _)| *known))),
        };
        return gathered.problem(origin, None, Some("kind".to_owned()), problem);
    };
    let name = object.get("metadata").and_then(|metadata| metadata["name"].as_str()).unwrap_or_default().to_owned();
    let label = if name.is_empty() { kind.clone() } else { format!("{kind} '{name}'") };
    if field("apiVersion") != *version {
        let problem = format!("must be {version}");
        return gathered.problem(origin, Some(label), Some("apiVersion".to_owned()), problem);
    }
    let value = Value::Object(object);
    let problems = validate::problems(&schema(&kind), &value);
    if !problems.is_empty() {
        for problem in problems {
            gathered.problem(origin, Some(label.clone()), Some(problem.field), problem.text);
        }
        return;
    }
    if let Some(first) = gathered.origins.get(&(kind.clone(), name.clone())) {
        let at = format!("{}, document {}", first.file.display(), first.document);
        let problem = format!("is used twice; the first one is in {at}");
        return gathered.problem(origin, Some(label), Some("metadata.name".to_owned()), problem);
    }
    match store(&mut gathered.manifests, folder, &kind, &name, value) {
        Ok(()) => {
            gathered.origins.insert((kind, name), origin.clone());
        }
        Err((field, problem)) => gathered.problem(origin, Some(label), Some(field), problem),
    }
}

type Fault = (String, String);

fn store(manifests: &mut Manifests, folder: &Path, kind: &str, name: &str, value: Value) -> Result<(), Fault> {
    let name = name.to_owned();
    match kind {
        "OxConnector" => {
            let mut connector: OxConnector = typed(value)?;
            if let Some(spool) = &mut connector.spec.source.spool {
                // An absolute path stays what it is.
                spool.folder = folder.join(&spool.folder).to_string_lossy().into_owned();
            }
            manifests.connectors.insert(name, connector);
        }
        "OxContext" => {
            manifests.contexts.insert(name, typed::<OxContext>(value)?);
        }
        "OxAttributeMapping" => {
            manifests.mappings.insert(name, typed::<OxAttributeMapping>(value)?);
        }
        "OxAccessProfile" => {
            manifests.profiles.insert(name, typed::<OxAccessProfile>(value)?);
        }
        "Secret" => {
            manifests.secrets.insert(name, secret(&value)?);
        }
        _ => {
            let data = texts(&value, "data").map(|(key, text)| (key.clone(), text.to_owned())).collect();
            manifests.config_maps.insert(name, data);
        }
    }
    Ok(())
}

/// The schema was checked before, so what can still go wrong is the metadata.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|_| ("metadata".to_owned(), "has a field of a wrong type".to_owned()))
}

/// As the API server does it: `data` is base64, `stringData` plain, and the latter wins.
fn secret(value: &Value) -> Result<SecretData, Fault> {
    let mut secret = SecretData::default();
    for (key, text) in texts(value, "data") {
        let compact: String = text.split_whitespace().collect();
        let bytes = STANDARD
            .decode(compact)
            .map_err(|_| (format!("data.{key}"), "is no base64: encode it, or put it into stringData".to_owned()))?;
        secret.set(key.clone(), bytes);
    }
    for (key, text) in texts(value, "stringData") {
        secret.set(key.clone(), text.as_bytes().to_vec());
    }
    Ok(secret)
}

fn texts<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a str)> {
    let map: Option<&Map<String, Value>> = value[field].as_object();
    map.into_iter().flatten().filter_map(|(key, text)| Some((key, text.as_str()?)))
}

/// The schema of a whole manifest. That of custom resources is the one in their definition.
fn schema(kind: &str) -> Value {
    let text = json!({"type": "string"});
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}, "nullable": true});
    let any = json!({"x-kubernetes-preserve-unknown-fields": true});
    let mut properties = json!({
        "apiVersion": text,
        "kind": text,
        "metadata": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 253},
                "namespace": text, "labels": map, "annotations": map,
                // What the API server adds when somebody saves an object to a file.
                "creationTimestamp": any, "generation": any, "resourceVersion": any, "uid": any, "managedFields": any,
                "ownerReferences": any, "finalizers": any, "selfLink": any, "generateName": any,
            },
        },
    });
    let mut required = vec!["metadata"];
    match kind {
        "Secret" => {
            properties["data"] = map.clone();
            properties["stringData"] = map;
            properties["type"] = text;
            properties["immutable"] = json!({"type": "boolean"});
        }
        "ConfigMap" => {
            properties["data"] = map.clone();
            properties["binaryData"] = map;
            properties["immutable"] = json!({"type": "boolean"});
        }
        _ => {
            properties["spec"] = spec_schema(kind);
            properties["status"] = any;
            required.push("spec");
        }
    }
    json!({"type": "object", "required": required, "properties": properties})
}

fn spec_schema(kind: &str) -> Value {
    let crd: CustomResourceDefinition = match kind {
        "OxConnector" => OxConnector::crd(),
        "OxContext" => OxContext::crd(),
        "OxAttributeMapping" => OxAttributeMapping::crd(),
        _ => OxAccessProfile::crd(),
    };
    let version = crd.spec.versions.first();
    let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    let spec = schema.and_then(|schema| schema.properties.as_ref()?.get("spec"));
    serde_json::to_value(spec).unwrap_or_default()
}
