//! The attributes of an OX user that oxherd can write, with the rules of the server for each.
//!
//! Source: `ox-soap.md` 3.1 (types, column lengths) and 5.1 (what an empty value means). The table is in schema order, so
//! that a map sorted by [`Attribute`] is written in schema order as well.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What kind of value an attribute takes, and what OX does with an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text that an empty element clears. `limit` is the column length in characters.
    Text {
        /// Column length in characters.
        limit: usize,
    },
    /// A text that cannot be emptied: OX refuses or ignores an empty element, so none is ever sent.
    FixedText {
        /// Column length in characters.
        limit: usize,
    },
    /// A set of texts that is always replaced as a whole.
    Texts {
        /// Column length of one element in characters.
        limit: usize,
    },
    /// A calendar date. OX cannot clear it.
    Date,
    /// A whole number. OX cannot clear it.
    Number,
    /// A truth value.
    Flag,
    /// A picture with its media type. OX cannot clear it.
    Picture,
}

struct Spec {
    /// The name that mappings use (that of the existing connector).
    name: &'static str,
    /// The element name in the SOAP schema.
    soap: &'static str,
    form: Form,
}

/// An attribute of an OX user. Sorts in schema order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute(u8);

/// A name that is no attribute of an OX user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("OX has no attribute '{found}' that can be provisioned; did you mean '{nearest}'?")]
pub struct UnknownAttribute {
    /// The name that was given.
    pub found: String,
    /// The known name that looks most like it.
    pub nearest: &'static str,
}

impl Attribute {
    /// The name in mappings and reports.
    pub fn name(self) -> &'static str {
        TABLE[usize::from(self.0)].name
    }

    /// The element name in the SOAP schema.
    pub fn soap_name(self) -> &'static str {
        TABLE[usize::from(self.0)].soap
    }

    /// The kind of value.
    pub fn form(self) -> Form {
        TABLE[usize::from(self.0)].form
    }

    /// All attributes in schema order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u8..).map(Self).take(TABLE.len())
    }

    /// The attribute with this SOAP element name.
    pub fn from_soap_name(soap: &str) -> Option<Self> {
        Self::all().find(|attribute| attribute.soap_name() == soap)
    }
}

/// All names of all attributes. Each state that is read looks up dozens of them.
static NAMES: LazyLock<HashMap<&str, Attribute>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for attribute in Attribute::all() {
        names.entry(attribute.name()).or_insert(attribute);
        names.entry(attribute.soap_name()).or_insert(attribute);
    }
    names
});

impl FromStr for Attribute {
    type Err = UnknownAttribute;

    /// Accepts the mapping name and the SOAP element name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(found) = NAMES.get(text) {
            return Ok(*found);
        }
        let likeness = |a: &Self| strsim::jaro_winkler(a.name(), text);
        let nearest = Self::all().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        Err(UnknownAttribute { found: text.to_owned(), nearest: nearest.map_or("", Self::name) })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Declares the table and one constant per attribute that the code itself refers to.
macro_rules! attributes {
    ($($index:literal $constant:ident $name:literal $soap:literal $form:expr;)*) => {
        const TABLE: &[Spec] = &[$(Spec { name: $name, soap: $soap, form: $form }),*];
        impl Attribute {
            $(
                #[doc = concat!("`", $soap, "`")]
                pub const $constant: Self = Self($index);
            )*
        }
    };
}

attributes! {
    0 ALIASES "aliases" "aliases" Form::Texts { limit: 255 };
    1 ANNIVERSARY "anniversary" "anniversary" Form::Date;
    2 ASSISTANT_NAME "assistant_name" "assistant_name" Form::Text { limit: 64 };
    3 BIRTHDAY "birthday" "birthday" Form::Date;
    4 BRANCHES "branches" "branches" Form::Text { limit: 64 };
    5 BUSINESS_CATEGORY "business_category" "business_category" Form::Text { limit: 64 };
    6 CATEGORIES "categories" "categories" Form::Text { limit: 1024 };
    7 CELLULAR_TELEPHONE1 "cellular_telephone1" "cellular_telephone1" Form::Text { limit: 64 };
    8 CELLULAR_TELEPHONE2 "cellular_telephone2" "cellular_telephone2" Form::Text { limit: 64 };
    9 CITY_BUSINESS "city_business" "city_business" Form::Text { limit: 128 };
    10 CITY_HOME "city_home" "city_home" Form::Text { limit: 64 };
    11 CITY_OTHER "city_other" "city_other" Form::Text { limit: 64 };
    12 COMMERCIAL_REGISTER "commercial_register" "commercial_register" Form::Text { limit: 64 };
    13 COMPANY "company" "company" Form::Text { limit: 512 };
    14 COUNTRY_BUSINESS "country_business" "country_business" Form::Text { limit: 64 };
    15 COUNTRY_HOME "country_home" "country_home" Form::Text { limit: 64 };
    16 COUNTRY_OTHER "country_other" "country_other" Form::Text { limit: 64 };
    17 DEFAULT_SENDER_ADDRESS "default_sender_address" "defaultSenderAddress" Form::FixedText { limit: 256 };
    18 DEPARTMENT "department" "department" Form::Text { limit: 128 };
    19 DISPLAY_NAME "display_name" "display_name" Form::Text { limit: 320 };
    20 EMAIL1 "email1" "email1" Form::FixedText { limit: 256 };
    21 EMAIL2 "email2" "email2" Form::Text { limit: 256 };
    22 EMAIL3 "email3" "email3" Form::Text { limit: 256 };
    23 EMPLOYEE_TYPE "employee_type" "employeeType" Form::Text { limit: 64 };
    24 FAX_BUSINESS "fax_business" "fax_business" Form::Text { limit: 64 };
    25 FAX_HOME "fax_home" "fax_home" Form::Text { limit: 64 };
    26 FAX_OTHER "fax_other" "fax_other" Form::Text { limit: 64 };
    27 GIVEN_NAME "given_name" "given_name" Form::Text { limit: 128 };
    28 GUI_SPAM_FILTER_ENABLED "gui_spam_filter_enabled" "gui_spam_filter_enabled" Form::Flag;
    29 IMAP_LOGIN "imap_login" "imapLogin" Form::FixedText { limit: 256 };
    30 IMAP_PORT "imap_port" "imapPort" Form::Number;
    31 IMAP_SERVER "imap_server" "imapServer" Form::FixedText { limit: 255 };
    32 INFO "info" "info" Form::Text { limit: 65535 };
    33 INSTANT_MESSENGER1 "instant_messenger1" "instant_messenger1" Form::Text { limit: 64 };
    34 INSTANT_MESSENGER2 "instant_messenger2" "instant_messenger2" Form::Text { limit: 64 };
    35 LANGUAGE "language" "language" Form::FixedText { limit: 10 };
    36 MAIL_FOLDER_CONFIRMED_HAM_NAME "mail_folder_confirmed_ham_name" "mail_folder_confirmed_ham_name" Form::Text { limit: 255 };
    37 MAIL_FOLDER_CONFIRMED_SPAM_NAME "mail_folder_confirmed_spam_name" "mail_folder_confirmed_spam_name" Form::Text { limit: 255 };
    38 MAIL_FOLDER_DRAFTS_NAME "mail_folder_drafts_name" "mail_folder_drafts_name" Form::Text { limit: 255 };
    39 MAIL_FOLDER_SENT_NAME "mail_folder_sent_name" "mail_folder_sent_name" Form::Text { limit: 255 };
    40 MAIL_FOLDER_SPAM_NAME "mail_folder_spam_name" "mail_folder_spam_name" Form::Text { limit: 255 };
    41 MAIL_FOLDER_TRASH_NAME "mail_folder_trash_name" "mail_folder_trash_name" Form::Text { limit: 255 };
    42 MAIL_FOLDER_ARCHIVE_FULL_NAME "mail_folder_archive_full_name" "mail_folder_archive_full_name" Form::Text { limit: 255 };
    43 MAIL_ENABLED "mail_enabled" "mailenabled" Form::Flag;
    44 MANAGER_NAME "manager_name" "manager_name" Form::Text { limit: 64 };
    45 MARITAL_STATUS "marital_status" "marital_status" Form::Text { limit: 64 };
    46 MAX_QUOTA "max_quota" "maxQuota" Form::Number;
    47 MIDDLE_NAME "middle_name" "middle_name" Form::Text { limit: 128 };
    48 NAME "name" "name" Form::FixedText { limit: 128 };
    49 NICKNAME "nickname" "nickname" Form::Text { limit: 64 };
    50 NOTE "note" "note" Form::Text { limit: 65535 };
    51 NUMBER_OF_CHILDREN "number_of_children" "number_of_children" Form::Text { limit: 64 };
    52 NUMBER_OF_EMPLOYEE "number_of_employee" "number_of_employee" Form::Text { limit: 64 };
    53 PASSWORD "password" "password" Form::FixedText { limit: 255 };
    54 POSITION "position" "position" Form::Text { limit: 128 };
    55 POSTAL_CODE_BUSINESS "postal_code_business" "postal_code_business" Form::Text { limit: 64 };
    56 POSTAL_CODE_HOME "postal_code_home" "postal_code_home" Form::Text { limit: 64 };
    57 POSTAL_CODE_OTHER "postal_code_other" "postal_code_other" Form::Text { limit: 64 };
    58 PRIMARY_EMAIL "primary_email" "primaryEmail" Form::FixedText { limit: 256 };
    59 PROFESSION "profession" "profession" Form::Text { limit: 64 };
    60 ROOM_NUMBER "room_number" "room_number" Form::Text { limit: 64 };
    61 SALES_VOLUME "sales_volume" "sales_volume" Form::Text { limit: 64 };
    62 SMTP_PORT "smtp_port" "smtpPort" Form::Number;
    63 SMTP_SERVER "smtp_server" "smtpServer" Form::FixedText { limit: 255 };
    64 SPOUSE_NAME "spouse_name" "spouse_name" Form::Text { limit: 64 };
    65 STATE_BUSINESS "state_business" "state_business" Form::Text { limit: 64 };
    66 STATE_HOME "state_home" "state_home" Form::Text { limit: 64 };
    67 STATE_OTHER "state_other" "state_other" Form::Text { limit: 64 };
    68 STREET_BUSINESS "street_business" "street_business" Form::Text { limit: 256 };
    69 STREET_HOME "street_home" "street_home" Form::Text { limit: 256 };
    70 STREET_OTHER "street_other" "street_other" Form::Text { limit: 256 };
    71 SUFFIX "suffix" "suffix" Form::Text { limit: 64 };
    72 SUR_NAME "sur_name" "sur_name" Form::Text { limit: 128 };
    73 TAX_ID "tax_id" "tax_id" Form::Text { limit: 128 };
    74 TELEPHONE_ASSISTANT "telephone_assistant" "telephone_assistant" Form::Text { limit: 64 };
    75 TELEPHONE_BUSINESS1 "telephone_business1" "telephone_business1" Form::Text { limit: 64 };
    76 TELEPHONE_BUSINESS2 "telephone_business2" "telephone_business2" Form::Text { limit: 128 };
    77 TELEPHONE_CALLBACK "telephone_callback" "telephone_callback" Form::Text { limit: 64 };
    78 TELEPHONE_CAR "telephone_car" "telephone_car" Form::Text { limit: 64 };
    79 TELEPHONE_COMPANY "telephone_company" "telephone_company" Form::Text { limit: 64 };
    80 TELEPHONE_HOME1 "telephone_home1" "telephone_home1" Form::Text { limit: 64 };
    81 TELEPHONE_HOME2 "telephone_home2" "telephone_home2" Form::Text { limit: 64 };
    82 TELEPHONE_IP "telephone_ip" "telephone_ip" Form::Text { limit: 64 };
    83 TELEPHONE_ISDN "telephone_isdn" "telephone_isdn" Form::Text { limit: 64 };
    84 TELEPHONE_OTHER "telephone_other" "telephone_other" Form::Text { limit: 64 };
    85 TELEPHONE_PAGER "telephone_pager" "telephone_pager" Form::Text { limit: 64 };
    86 TELEPHONE_PRIMARY "telephone_primary" "telephone_primary" Form::Text { limit: 64 };
    87 TELEPHONE_RADIO "telephone_radio" "telephone_radio" Form::Text { limit: 64 };
    88 TELEPHONE_TELEX "telephone_telex" "telephone_telex" Form::Text { limit: 64 };
    89 TELEPHONE_TTYTDD "telephone_ttytdd" "telephone_ttytdd" Form::Text { limit: 64 };
    90 TIMEZONE "timezone" "timezone" Form::FixedText { limit: 128 };
    91 TITLE "title" "title" Form::Text { limit: 64 };
    92 UPLOAD_FILE_SIZE_LIMIT "upload_file_size_limit" "uploadFileSizeLimit" Form::Number;
    93 UPLOAD_FILE_SIZE_LIMIT_PER_FILE "upload_file_size_limit_per_file" "uploadFileSizeLimitPerFile" Form::Number;
    94 URL "url" "url" Form::Text { limit: 128 };
    95 USERFIELD01 "userfield01" "userfield01" Form::Text { limit: 64 };
    96 USERFIELD02 "userfield02" "userfield02" Form::Text { limit: 64 };
    97 USERFIELD03 "userfield03" "userfield03" Form::Text { limit: 64 };
    98 USERFIELD04 "userfield04" "userfield04" Form::Text { limit: 64 };
    99 USERFIELD05 "userfield05" "userfield05" Form::Text { limit: 64 };
    100 USERFIELD06 "userfield06" "userfield06" Form::Text { limit: 64 };
    101 USERFIELD07 "userfield07" "userfield07" Form::Text { limit: 64 };
    102 USERFIELD08 "userfield08" "userfield08" Form::Text { limit: 64 };
    103 USERFIELD09 "userfield09" "userfield09" Form::Text { limit: 64 };
    104 USERFIELD10 "userfield10" "userfield10" Form::Text { limit: 64 };
    105 USERFIELD11 "userfield11" "userfield11" Form::Text { limit: 64 };
    106 USERFIELD12 "userfield12" "userfield12" Form::Text { limit: 64 };
    107 USERFIELD13 "userfield13" "userfield13" Form::Text { limit: 64 };
    108 USERFIELD14 "userfield14" "userfield14" Form::Text { limit: 64 };
    109 USERFIELD15 "userfield15" "userfield15" Form::Text { limit: 64 };
    110 USERFIELD16 "userfield16" "userfield16" Form::Text { limit: 64 };
    111 USERFIELD17 "userfield17" "userfield17" Form::Text { limit: 64 };
    112 USERFIELD18 "userfield18" "userfield18" Form::Text { limit: 64 };
    113 USERFIELD19 "userfield19" "userfield19" Form::Text { limit: 64 };
    114 USERFIELD20 "userfield20" "userfield20" Form::Text { limit: 64 };
    115 PRIMARY_ACCOUNT_NAME "primary_account_name" "primaryAccountName" Form::FixedText { limit: 255 };
    116 LOAD_REMOTE_MAIL_CONTENT_BY_DEFAULT "load_remote_mail_content_by_default" "load_remote_mail_content_by_default" Form::Flag;
    117 IMAGE1 "image1" "image1" Form::Picture;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for attribute in Attribute::all() {
            assert_eq!(attribute.name().parse(), Ok(attribute));
            assert_eq!(attribute.soap_name().parse(), Ok(attribute));
        }
        assert_eq!(Attribute::all().count(), TABLE.len());
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let error = "givenname".parse::<Attribute>().unwrap_err();
        assert_eq!(error.nearest, "given_name");
    }

    #[test]
    fn constants_point_at_their_row() {
        assert_eq!(Attribute::PRIMARY_EMAIL.soap_name(), "primaryEmail");
        assert_eq!(Attribute::IMAGE1.form(), Form::Picture);
        assert_eq!(Attribute::ALIASES.name(), "aliases");
    }
}
