//! `OxAttributeMapping`: which UDM property becomes which attribute of an OX user.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::common::ConfigMapKeyRef;
use crate::ox::attribute::Attribute;
use crate::ox::mapping::{Base, Clear, EntrySpec, Mapping, MappingErrors, MappingSpec, Transform};

/// Which UDM property becomes which attribute of an OX user.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "oxherd.dev",
    version = "v1alpha1",
    kind = "OxAttributeMapping",
    plural = "oxattributemappings",
    singular = "oxattributemapping",
    shortname = "oxmap",
    category = "oxherd",
    namespaced,
    status = "AttributeMappingStatus",
    derive = "PartialEq",
    doc = "Which UDM property becomes which attribute of an OX user.",
    printcolumn(name = "Base", type_ = "string", json_path = ".spec.base"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Valid", type_ = "string", json_path = r#".status.conditions[?(@.type=="Valid")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Valid")].reason"#),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.revision"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Valid")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct OxAttributeMappingSpec {
    /// What the entries build upon.
    #[serde(default)]
    pub base: Base,
    /// An `AttributeMapping.json` of the existing connector, applied between base and entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector_json_ref: Option<ConfigMapKeyRef>,
    /// One entry per attribute. It replaces that of the base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 256),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["attribute"])
    )]
    pub entries: Vec<MappingEntry>,
}

/// Where the value of one attribute comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MappingEntry {
    /// The attribute of the OX user, as the existing connector names it.
    #[schemars(schema_with = "attribute_names")]
    pub attribute: String,
    /// The UDM property. Without one the attribute is left alone in OX, also if the base maps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub property: Option<String>,
    /// Properties to take instead when it has no value; the first one with a value wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 128)))]
    pub alternatives: Vec<String>,
    /// Which value of a property with several ones, counted from 0. Absent: the first one, or all for `aliases`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub index: Option<i32>,
    /// How to make the value of the attribute from that of the property. Absent: the kind of attribute decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
    /// Set it when the user is created and never again, so that users may change it.
    #[serde(default)]
    pub create_only: bool,
    /// A user without a value is parked.
    #[serde(default)]
    pub required: bool,
    /// What happens in OX when there is no value.
    #[serde(default)]
    pub clear: Clear,
    /// Keep new values of the attribute in the audit trail. Absent: only its name is kept, because values are personal data.
    #[serde(default)]
    pub audit_values: bool,
}

/// The attributes that exist, so that a misspelled one is refused at once.
fn attribute_names(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = Attribute::all().map(Attribute::name).collect();
    json_schema!({"type": "string", "enum": names})
}

impl OxAttributeMappingSpec {
    /// The mapping that is described. `connector_json` is the text that `connectorJsonRef` leads to; it takes the place of the
    /// base.
    pub fn mapping(&self, connector_json: Option<&str>) -> Result<Mapping, MappingErrors> {
        let mut spec = match connector_json {
            Some(text) => Mapping::from_connector_json(text)?.to_spec(),
            None => MappingSpec { base: self.base, entries: Vec::new() },
        };
        let own = |attribute: &str| self.entries.iter().any(|entry| entry.attribute == attribute);
        spec.entries.retain(|entry| !own(&entry.attribute));
        spec.entries.extend(self.entries.iter().map(MappingEntry::spec));
        Mapping::from_spec(&spec)
    }
}

impl MappingEntry {
    fn spec(&self) -> EntrySpec {
        EntrySpec {
            attribute: self.attribute.clone(),
            property: self.property.clone(),
            alternatives: self.alternatives.clone(),
            index: self.index.and_then(|index| usize::try_from(index).ok()),
            transform: self.transform,
            create_only: self.create_only,
            required: self.required,
            clear: self.clear,
            audit_values: self.audit_values,
        }
    }
}

/// What is known of a mapping.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttributeMappingStatus {
    /// The generation of the specification that this status speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` and `Valid`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Fingerprint of the mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Names of the connectors that use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<String>,
    /// How many users the last edit changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users_affected: Option<i64>,
}
