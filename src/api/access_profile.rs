//! `OxAccessProfile`: a named set of rights.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A named set of rights for users.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "oxherd.dev",
    version = "v1alpha1",
    kind = "OxAccessProfile",
    plural = "oxaccessprofiles",
    singular = "oxaccessprofile",
    shortname = "oxap",
    category = "oxherd",
    namespaced,
    status = "AccessProfileStatus",
    derive = "PartialEq",
    doc = "A named set of rights for users.",
    printcolumn(name = "Display name", type_ = "string", json_path = ".spec.displayName"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct OxAccessProfileSpec {
    /// The name by which users refer to it (`oxAccess`). Absent: the name of this object. Needed for names that Kubernetes
    /// does not allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// How people call it.
    #[schemars(length(min = 1, max = 255))]
    pub display_name: String,
    /// What it grants. What is not named is refused.
    #[serde(default)]
    pub rights: AccessRights,
}

impl OxAccessProfile {
    /// The name by which users refer to it.
    pub fn profile_name(&self) -> &str {
        self.spec.name.as_deref().or(self.metadata.name.as_deref()).unwrap_or_default()
    }
}

impl OxAccessProfileSpec {
    /// The profile as the properties of an `oxmail/accessprofile`. `object` is the name of the custom resource.
    pub fn properties(&self, object: &str) -> serde_json::Value {
        let mut properties = serde_json::Map::new();
        properties.insert("name".to_owned(), self.name.as_deref().unwrap_or(object).into());
        properties.insert("displayName".to_owned(), self.display_name.as_str().into());
        properties.extend(self.rights.udm_names().map(|right| (right.to_owned(), true.into())));
        properties.into()
    }
}

/// The rights that a profile can grant, by the names that OX has for them.
#[allow(clippy::struct_excessive_bools, reason = "OX has 23 independent rights")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessRights {
    /// USM: Outlook and mobile synchronisation.
    #[serde(default)]
    pub usm: bool,
    /// Exchange `ActiveSync`.
    #[serde(default)]
    pub active_sync: bool,
    /// Calendar.
    #[serde(default)]
    pub calendar: bool,
    /// Collect addresses of mails in a contact folder.
    #[serde(default)]
    pub collect_email_addresses: bool,
    /// Contacts.
    #[serde(default)]
    pub contacts: bool,
    /// Delegate tasks to others.
    #[serde(default)]
    pub delegate_task: bool,
    /// Portal is not shown.
    #[serde(default)]
    pub denied_portal: bool,
    /// Edit groups.
    #[serde(default)]
    pub edit_group: bool,
    /// Change the password.
    #[serde(default)]
    pub edit_password: bool,
    /// Edit public folders.
    #[serde(default)]
    pub edit_public_folders: bool,
    /// Edit resources.
    #[serde(default)]
    pub edit_resource: bool,
    /// Global address book is not shown.
    #[serde(default)]
    pub global_address_book_disabled: bool,
    /// Export and import `iCalendar`.
    #[serde(default)]
    pub ical: bool,
    /// Drive.
    #[serde(default)]
    pub infostore: bool,
    /// More than one mail account.
    #[serde(default)]
    pub multiple_mail_accounts: bool,
    /// Share folders.
    #[serde(default)]
    pub read_create_shared_folders: bool,
    /// Subscribe to external sources.
    #[serde(default)]
    pub subscription: bool,
    /// `SyncML`.
    #[serde(default)]
    pub syncml: bool,
    /// Tasks.
    #[serde(default)]
    pub tasks: bool,
    /// Export and import `vCard`.
    #[serde(default)]
    pub vcard: bool,
    /// `WebDAV`.
    #[serde(default)]
    pub webdav: bool,
    /// `WebDAV` with XML.
    #[serde(default)]
    pub webdav_xml: bool,
    /// Mail.
    #[serde(default)]
    pub webmail: bool,
}

impl AccessRights {
    /// The rights whose property of `oxmail/accessprofile` is granted.
    pub fn granted(granted: impl Fn(&str) -> bool) -> Self {
        let Ok(Value::Object(mut rights)) = serde_json::to_value(Self::default()) else { return Self::default() };
        for (field, value) in &mut rights {
            let alone: Result<Self, _> = serde_json::from_value(json!({ field: true }));
            *value = alone.is_ok_and(|right| right.udm_names().all(&granted)).into();
        }
        serde_json::from_value(Value::Object(rights)).unwrap_or_default()
    }

    /// The properties of `oxmail/accessprofile` that are granted.
    pub fn udm_names(&self) -> impl Iterator<Item = &'static str> {
        let rights = [
            (self.usm, "usm"),
            (self.active_sync, "activesync"),
            (self.calendar, "calendar"),
            (self.collect_email_addresses, "collectemailaddresses"),
            (self.contacts, "contacts"),
            (self.delegate_task, "delegatetask"),
            (self.denied_portal, "deniedportal"),
            (self.edit_group, "editgroup"),
            (self.edit_password, "editpassword"),
            (self.edit_public_folders, "editpublicfolders"),
            (self.edit_resource, "editresource"),
            (self.global_address_book_disabled, "globaladdressbookdisabled"),
            (self.ical, "ical"),
            (self.infostore, "infostore"),
            (self.multiple_mail_accounts, "multiplemailaccounts"),
            (self.read_create_shared_folders, "readcreatesharedfolders"),
            (self.subscription, "subscription"),
            (self.syncml, "syncml"),
            (self.tasks, "tasks"),
            (self.vcard, "vcard"),
            (self.webdav, "webdav"),
            (self.webdav_xml, "webdavxml"),
            (self.webmail, "webmail"),
        ];
        rights.into_iter().filter_map(|(granted, name)| granted.then_some(name))
    }
}

/// What is known of a profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessProfileStatus {
    /// The generation of the specification that this status speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` and `Conflict`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How many users have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<i64>,
}
