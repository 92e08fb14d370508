//! The built-in mapping and the user properties that a Univention directory is known to have.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{Clear, Entry, Transform};
use crate::ox::attribute::Attribute;

/// The mapping of the existing connector: attribute, property, alternatives, index.
const TABLE: &[(&str, &str, &[&str], usize)] = &[
    ("display_name", "oxDisplayName", &["displayName"], 0),
    ("given_name", "firstname", &[], 0),
    ("sur_name", "lastname", &[], 0),
    ("email1", "mailPrimaryAddress", &[], 0),
    ("aliases", "mailAlternativeAddress", &[], 0),
    ("imap_server", "mailHomeServer", &[], 0),
    ("smtp_server", "mailHomeServer", &[], 0),
    ("branches", "oxBranches", &[], 0),
    ("cellular_telephone1", "oxMobileBusiness", &[], 0),
    ("cellular_telephone2", "mobileTelephoneNumber", &[], 0),
    ("city_business", "city", &[], 0),
    ("city_home", "oxCityHome", &[], 0),
    ("city_other", "oxCityOther", &[], 0),
    ("commercial_register", "oxCommercialRegister", &[], 0),
    ("company", "organisation", &[], 0),
    ("country_business", "oxCountryBusiness", &[], 0),
    ("country_home", "oxCountryHome", &[], 0),
    ("country_other", "oxCountryOther", &[], 0),
    ("department", "oxDepartment", &[], 0),
    ("email2", "oxEmail2", &[], 0),
    ("email3", "oxEmail3", &[], 0),
    ("employee_type", "employeeType", &[], 0),
    ("fax_business", "oxFaxBusiness", &[], 0),
    ("fax_home", "oxFaxHome", &[], 0),
    ("fax_other", "oxFaxOther", &[], 0),
    ("instant_messenger1", "oxInstantMessenger1", &[], 0),
    ("instant_messenger2", "oxInstantMessenger2", &[], 0),
    ("manager_name", "oxManagerName", &[], 0),
    ("marital_status", "oxMarialStatus", &[], 0),
    ("middle_name", "oxMiddleName", &[], 0),
    ("nickname", "oxNickName", &[], 0),
    ("note", "oxNote", &[], 0),
    ("number_of_children", "oxNumOfChildren", &[], 0),
    ("number_of_employee", "employeeNumber", &[], 0),
    ("position", "oxPosition", &[], 0),
    ("postal_code_business", "postcode", &[], 0),
    ("postal_code_home", "oxPostalCodeHome", &[], 0),
    ("postal_code_other", "oxPostalCodeOther", &[], 0),
    ("profession", "oxProfession", &[], 0),
    ("sales_volume", "oxSalesVolume", &[], 0),
    ("spouse_name", "oxSpouseName", &[], 0),
    ("state_business", "oxStateBusiness", &[], 0),
    ("state_home", "oxStateHome", &[], 0),
    ("state_other", "oxStateOther", &[], 0),
    ("street_business", "street", &[], 0),
    ("street_home", "oxStreetHome", &[], 0),
    ("street_other", "oxStreetOther", &[], 0),
    ("suffix", "oxSuffix", &[], 0),
    ("tax_id", "oxTaxId", &[], 0),
    ("telephone_assistant", "oxTelephoneAssistant", &[], 0),
    ("telephone_car", "oxTelephoneCar", &[], 0),
    ("telephone_company", "oxTelephoneCompany", &[], 0),
    ("telephone_ip", "oxTelephoneIp", &[], 0),
    ("telephone_other", "oxTelephoneOther", &[], 0),
    ("telephone_telex", "oxTelephoneTelex", &[], 0),
    ("telephone_ttytdd", "oxTelephoneTtydd", &[], 0),
    ("telephone_pager", "pagerTelephoneNumber", &[], 0),
    ("telephone_business1", "phone", &[], 0),
    ("telephone_business2", "phone", &[], 1),
    ("telephone_home1", "homeTelephoneNumber", &[], 0),
    ("telephone_home2", "homeTelephoneNumber", &[], 1),
    ("room_number", "roomNumber", &[], 0),
    ("title", "title", &[], 0),
    ("url", "oxUrl", &[], 0),
    ("max_quota", "oxUserQuota", &[], 0),
    ("userfield01", "oxUserfield01", &[], 0),
    ("userfield02", "oxUserfield02", &[], 0),
    ("userfield03", "oxUserfield03", &[], 0),
    ("userfield04", "oxUserfield04", &[], 0),
    ("userfield05", "oxUserfield05", &[], 0),
    ("userfield06", "oxUserfield06", &[], 0),
    ("userfield07", "oxUserfield07", &[], 0),
    ("userfield08", "oxUserfield08", &[], 0),
    ("userfield09", "oxUserfield09", &[], 0),
    ("userfield10", "oxUserfield10", &[], 0),
    ("userfield11", "oxUserfield11", &[], 0),
    ("userfield12", "oxUserfield12", &[], 0),
    ("userfield13", "oxUserfield13", &[], 0),
    ("userfield14", "oxUserfield14", &[], 0),
    ("userfield15", "oxUserfield15", &[], 0),
    ("userfield16", "oxUserfield16", &[], 0),
    ("userfield17", "oxUserfield17", &[], 0),
    ("userfield18", "oxUserfield18", &[], 0),
    ("userfield19", "oxUserfield19", &[], 0),
    ("userfield20", "oxUserfield20", &[], 0),
    ("image1", "jpegPhoto", &[], 0),
    ("anniversary", "oxAnniversary", &[], 0),
    ("birthday", "birthday", &[], 0),
];

/// The entries of the built-in mapping.
pub(super) fn entries() -> impl Iterator<Item = (Attribute, Entry)> {
    TABLE.iter().filter_map(|(attribute, property, alternatives, index)| {
        let attribute = attribute.parse::<Attribute>().ok()?;
        let entry = Entry {
            property: (*property).to_owned(),
            alternatives: alternatives.iter().map(|name| (*name).to_owned()).collect(),
            index: *index,
            transform: Transform::natural(attribute),
            create_only: false,
            required: super::MANDATORY.contains(&attribute),
            clear: Clear::Empty,
            audit_values: false,
        };
        Some((attribute, entry))
    })
}

/// The properties of the built-in mapping. Each property of each event is looked for among them.
pub(super) static PROPERTIES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let names = |(_, property, alternatives, _): &(_, &'static str, &'static [&'static str], _)| {
        std::iter::once(*property).chain(alternatives.iter().copied())
    };
    TABLE.iter().flat_map(names).collect()
});

/// Further properties of users that a Univention directory is known to have.
pub(super) const KNOWN: &[&str] = &[
    "accountActivationDate",
    "certificateDateNotAfter",
    "certificateDateNotBefore",
    "certificateIssuerCommonName",
    "certificateIssuerCountry",
    "certificateIssuerLocation",
    "certificateIssuerMail",
    "certificateIssuerOrganisation",
    "certificateIssuerOrganisationalUnit",
    "certificateIssuerState",
    "certificateSerial",
    "certificateSubjectCommonName",
    "certificateSubjectCountry",
    "certificateSubjectLocation",
    "certificateSubjectMail",
    "certificateSubjectOrganisation",
    "certificateSubjectOrganisationalUnit",
    "certificateSubjectState",
    "certificateVersion",
    "country",
    "departmentNumber",
    "description",
    "disabled",
    "e-mail",
    "gecos",
    "gidNumber",
    "groups",
    "guardianInheritedRoles",
    "guardianRoles",
    "homedrive",
    "homePostalAddress",
    "homeShare",
    "homeSharePath",
    "initials",
    "isOxUser",
    "locked",
    "lockedTime",
    "mailForwardAddress",
    "mailForwardCopyToSelf",
    "objectFlag",
    "overridePWHistory",
    "overridePWLength",
    "oxAccess",
    "oxContext",
    "oxDeputyPermissionGivenTo",
    "oxLanguage",
    "oxTimeZone",
    "passwordexpiry",
    "physicalDeliveryOfficeName",
    "postOfficeBox",
    "preferredDeliveryMethod",
    "preferredLanguage",
    "primaryGroup",
    "profilepath",
    "pwdChangeNextLogin",
    "sambahome",
    "sambaLogonHours",
    "sambaPrivileges",
    "sambaRID",
    "sambaUserWorkstations",
    "scriptpath",
    "secretary",
    "shell",
    "state",
    "uidNumber",
    "umcProperty",
    "univentionObjectIdentifier",
    "univentionSourceIAM",
    "unixhome",
    "unlock",
    "unlockTime",
    "userCertificate",
    "userexpiry",
    "username",
];

/// Properties that hold secrets and can therefore never be mapped, kept or used in a template.
pub(super) const SECRET: &[&str] = &[
    "password",
    "pwhistory",
    "userPassword",
    "krb5Key",
    "sambaNTPassword",
    "sambaLMPassword",
    "sambaPasswordHistory",
    "userPKCS12",
    "umcPasswordResetToken",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_an_attribute() {
        assert_eq!(entries().count(), TABLE.len());
    }
}
