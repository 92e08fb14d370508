//! What the directory wants of a user, in terms of OX.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{ContextId, Planned, Rejection, Scope, deputy, handles};
use crate::ox::attribute::Attribute;
use crate::ox::mapping::{self, Clear, Servers};
use crate::ox::model::{DeputyPermission, FieldValue, UserFields, UserId};
use crate::ox::picture::SourcePicture;
use crate::ox::plan::{Lookups, ProfileFace};
use crate::ox::rights::Rights;
use crate::udm::Properties;

/// The longest name that OX takes for the From header.
const PERSONAL_LIMIT: usize = 64;

/// What the directory wants of a user.
pub(super) struct Wish {
    pub(super) context: ContextId,
    pub(super) name: String,
    /// All fields besides name, mail addresses and picture.
    pub(super) fields: UserFields,
    /// Fields that are sent at creation only.
    pub(super) on_create: UserFields,
    /// The attributes that follow the directory, and what happens to those without value.
    pub(super) followed: BTreeMap<Attribute, Clear>,
    pub(super) mail: Mail,
    pub(super) picture: Option<SourcePicture>,
    /// None if the access profile is not known.
    pub(super) rights: Option<Rights>,
    /// The name in the From header, if it has one of its own.
    pub(super) personal: Option<String>,
    /// None if deputies are not managed.
    pub(super) deputies: Option<BTreeMap<UserId, DeputyPermission>>,
    pub(super) warnings: Vec<String>,
}

/// The addresses of a user.
pub(super) struct Mail {
    pub(super) primary: String,
    /// All addresses, the primary one first; none if aliases are not mapped.
    pub(super) aliases: Option<Vec<String>>,
}

/// The name of the user in OX.
pub(super) fn name(scope: Scope<'_>, desired: &Properties) -> Planned<String> {
    let identifier = &scope.settings.identifiers.user;
    let name = identifier.name(scope.input.object, desired)?.ok_or_else(|| {
        Rejection::invalid(format!(
            "property '{identifier}' is empty, but it names the user in OX: set it in the directory"
        ))
    })?;
    mapping::check_length(Attribute::NAME, identifier.property(), &name, 128)?;
    Ok(name)
}

impl Wish {
    pub(super) fn new(scope: Scope<'_>, desired: &Properties, context: ContextId, name: String) -> Planned<Self> {
        let settings = scope.settings;
        let mut lookups = scope.lookups();
        let access = desired.text("oxAccess")?;
        let rights = access.as_deref().map_or(Some(Rights::NONE), |profile| rights_of(&mut lookups, profile));
        let mut warnings = Vec::new();
        let deputies = deputy::wanted(scope, desired, context, &mut lookups, &mut warnings)?;
        lookups.finish()?;

        let servers = Servers { imap: &settings.imap, smtp: &settings.smtp };
        let mapped = settings.mapping.apply(desired, servers)?;
        let (mut fields, mut on_create) = (mapped.fields, mapped.on_create);
        let mail = Mail::take(&mut fields, &on_create)?;
        let text = |value: &str| FieldValue::Text(value.to_owned());
        fields.entry(Attribute::DISPLAY_NAME).or_insert_with(|| text(&name));
        fields.entry(Attribute::GUI_SPAM_FILTER_ENABLED).or_insert(FieldValue::Flag(true));
        fields
            .entry(Attribute::MAIL_ENABLED)
            .or_insert_with(|| FieldValue::Flag(access.as_deref().is_some_and(|profile| profile != "none")));
        if let Entry::Vacant(login) = fields.entry(Attribute::IMAP_LOGIN)
            && let Some(text) = imap_login(scope, desired, &mail.primary)?
        {
            login.insert(FieldValue::Text(text));
        }
        for (attribute, default) in
            [(Attribute::LANGUAGE, &settings.language), (Attribute::TIMEZONE, &settings.timezone)]
        {
            if !fields.contains_key(&attribute) {
                on_create.entry(attribute).or_insert_with(|| text(default));
            }
        }

        if rights.is_none() {
            warnings.push(format!(
                "access profile '{}' is not known: rights are left as they are until it arrives",
                access.unwrap_or_default()
            ));
        }
        let personal = match desired.text("oxDisplayName")? {
            Some(personal) => Some(personal),
            None => desired.text("displayName")?,
        };
        let personal = personal.filter(|personal| {
            let fits = personal.chars().count() <= PERSONAL_LIMIT;
            if !fits {
                warnings.push(format!(
                    "the display name has more than {PERSONAL_LIMIT} characters: it is not used as sender name"
                ));
            }
            fits
        });
        let picture = mapped.picture;
        let followed = settings.mapping.followed(desired).collect();
        Ok(Self { context, name, fields, on_create, followed, mail, picture, rights, personal, deputies, warnings })
    }

    /// The name that OX uses in the From header as long as it was given no other.
    pub(super) fn natural_personal(&self) -> String {
        let text = |attribute| match self.fields.get(&attribute).or_else(|| self.on_create.get(&attribute)) {
            Some(FieldValue::Text(text)) => text.as_str(),
            _ => "",
        };
        format!("{} {}", text(Attribute::GIVEN_NAME), text(Attribute::SUR_NAME))
    }
}

impl Mail {
    /// Takes the addresses out of the mapped fields.
    fn take(fields: &mut UserFields, on_create: &UserFields) -> Planned<Self> {
        let primary = fields.remove(&Attribute::EMAIL1).or_else(|| on_create.get(&Attribute::EMAIL1).cloned());
        let Some(FieldValue::Text(primary)) = primary else {
            return Err(Rejection::invalid("the user has no primary mail address: set it in the directory").into());
        };
        let aliases = match fields.remove(&Attribute::ALIASES) {
            Some(FieldValue::Texts(others)) => {
                let mut aliases = vec![primary.clone()];
                // OX stumbles over doubles that differ only in case.
                let mut seen = vec![primary.to_lowercase()];
                for other in others {
                    let lower = other.to_lowercase();
                    if !seen.contains(&lower) {
                        seen.push(lower);
                        aliases.push(other);
                    }
                }
                Some(aliases)
            }
            _ => None,
        };
        Ok(Self { primary, aliases })
    }
}

/// The IMAP login; none if the template is empty, so that OX takes the mail address.
fn imap_login(scope: Scope<'_>, desired: &Properties, mail: &str) -> Planned<Option<String>> {
    let login = scope.settings.imap_login.fill(mail, scope.input.object, desired)?;
    if login.chars().count() > 256 {
        return Err(Rejection::invalid(
            "the IMAP login of this user has more than 256 characters, which OX does not store: change the login template",
        )
        .into());
    }
    Ok(Some(login).filter(|login| !login.is_empty()))
}

/// The rights of an access profile; none if it is not known. A profile `none` grants nothing even before it arrives.
fn rights_of(lookups: &mut Lookups<'_>, profile: &str) -> Option<Rights> {
    match lookups.face(handles::profile(profile)) {
        Some(found) => Some(ProfileFace::read(&found.face).rights),
        None if profile == "none" => Some(Rights::NONE),
        None => None,
    }
}
