//! Reference pages of the custom resources, from the same schema that the API server enforces.

use std::fmt::Write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};

/// The page of one kind, as it stands in `docs/reference/`.
pub fn reference_page(crd: &CustomResourceDefinition) -> String {
    let names = &crd.spec.names;
    let version = crd.spec.versions.first();
    let mut page = format!("# {}\n\n", names.kind);
    let root =
        version.and_then(|version| version.schema.as_ref()).and_then(|schema| schema.open_api_v3_schema.as_ref());
    if let Some(text) = root.and_then(|root| root.description.as_deref()) {
        let _ = writeln!(page, "{text}\n");
    }
    let short = names.short_names.as_deref().unwrap_or_default().join(", ");
    let version = version.map_or("", |version| version.name.as_str());
    let _ =
        writeln!(page, "`apiVersion: {}/{version}`, short name `{short}`. Generated from the code.\n", crd.spec.group);
    page.push_str("| Field | Type | Default | Meaning |\n|---|---|---|---|\n");
    for part in ["spec", "status"] {
        if let Some(schema) = root.and_then(|root| root.properties.as_ref()).and_then(|properties| properties.get(part))
        {
            rows(&mut page, part, schema);
        }
    }
    page
}

fn rows(page: &mut String, path: &str, schema: &JSONSchemaProps) {
    let required = schema.required.as_deref().unwrap_or_default();
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        let default = match &field.default {
            Some(default) => format!("`{}`", default.0),
            None if required.contains(name) => "required".to_owned(),
            None => String::new(),
        };
        let meaning = field.description.as_deref().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
        let default = default.replace('|', "\\|");
        let _ = writeln!(page, "| `{path}` | {} | {default} | {meaning} |", kind(field));
        rows(page, &path, field);
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &field.items {
            rows(page, &format!("{path}[]"), item);
        }
    }
}

fn kind(field: &JSONSchemaProps) -> String {
    if let Some(choices) = &field.enum_ {
        if choices.len() > 12 {
            return format!("one of {} names", choices.len());
        }
        let choices: Vec<_> = choices.iter().filter_map(|choice| choice.0.as_str()).collect();
        return choices.join(", ");
    }
    let name = field.type_.as_deref().unwrap_or("any");
    match (&field.items, field.minimum, field.maximum) {
        (Some(JSONSchemaPropsOrArray::Schema(item)), ..) => format!("list of {}", kind(item)),
        (_, Some(least), Some(most)) => format!("{name}, {least} to {most}"),
        (_, Some(least), None) => format!("{name}, from {least}"),
        _ => name.to_owned(),
    }
}
