//! The data object `User`: its fields in requests and answers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::envelope::{Envelope, Ns, Problem};
use super::reader::{Element, Reader, Unreadable};
use crate::ox::attribute::{Attribute, Form};
use crate::ox::model::{FieldValue, MailServer, ObservedUser, Picture, UserFields, UserId};
use crate::ox::rights::{Flag, Rights};

/// Writes the fields of a user in schema order, `id` included where it belongs.
///
/// What OX refuses when it is empty is left out (`ox-soap.md` 5.1, 6.5 rule 4); what does not fit into its column is refused
/// here, since OX names only an internal column (rule 5).
pub(super) fn write_user(
    out: &mut Envelope<'_>,
    id: Option<UserId>,
    fields: &UserFields,
    secret: Option<&SecretString>,
) {
    let mut id = id;
    let fields = canonical_mail(fields);
    for (attribute, value) in fields.iter() {
        // `id` stands between gui_spam_filter_enabled and imapLogin.
        if *attribute >= Attribute::IMAP_LOGIN
            && let Some(id) = id.take()
        {
            out.plain(Ns::Data, "id", id);
        }
        write_field(out, &fields, *attribute, value, secret);
    }
    if let Some(id) = id {
        out.plain(Ns::Data, "id", id);
    }
}

fn write_field(
    out: &mut Envelope<'_>,
    fields: &UserFields,
    attribute: Attribute,
    value: &FieldValue,
    secret: Option<&SecretString>,
) {
    let name = attribute.soap_name();
    match (attribute.form(), value) {
        (Form::FixedText { .. }, FieldValue::GeneratedSecret) => match secret {
            Some(secret) => out.labelled(Ns::Data, name, attribute.name(), secret.expose_secret()),
            None => out.refuse(attribute.name(), Problem::WithoutData),
        },
        (Form::FixedText { .. }, FieldValue::Text(text)) if text.is_empty() => {}
        (Form::FixedText { limit }, FieldValue::Text(text)) if is_server(attribute) => {
            check_length(out, attribute, text, limit);
            write_server(out, attribute, text);
        }
        (Form::Text { limit } | Form::FixedText { limit }, FieldValue::Text(text)) => {
            check_length(out, attribute, text, limit);
            out.labelled(Ns::Data, name, attribute.name(), text);
        }
        // One empty element is the empty set; none at all would leave the stored one.
        (Form::Texts { .. }, FieldValue::Texts(texts)) if texts.is_empty() => out.text(Ns::Data, name, ""),
        (Form::Texts { limit }, FieldValue::Texts(texts)) => {
            for text in texts {
                check_length(out, attribute, text, limit);
                out.labelled(Ns::Data, name, attribute.name(), text);
            }
        }
        (Form::Date, FieldValue::Date(date)) if date.is_empty() => {}
        (Form::Date, FieldValue::Date(date)) if is_date(date) => out.plain(Ns::Data, name, date),
        (Form::Date, FieldValue::Date(_)) => out.refuse(attribute.name(), Problem::NoDate),
        (Form::Number, FieldValue::Number(number)) => {
            // The quota is a long, all others are ints.
            let fits = attribute == Attribute::MAX_QUOTA || i32::try_from(*number).is_ok();
            if !fits {
                out.refuse(attribute.name(), Problem::NumberTooBig);
            } else if !is_part_of_server(fields, attribute) {
                out.plain(Ns::Data, name, number);
            }
        }
        (Form::Flag, FieldValue::Flag(flag)) => out.plain(Ns::Data, name, flag),
        (Form::Picture, FieldValue::Picture(picture)) => match &picture.base64 {
            Some(data) => {
                out.labelled(Ns::Data, name, attribute.name(), data);
                out.labelled(Ns::Data, "image1ContentType", attribute.name(), &picture.media_type);
            }
            None => out.refuse(attribute.name(), Problem::WithoutData),
        },
        _ => out.refuse(attribute.name(), Problem::WrongKind),
    }
}

/// Lengths are in characters, as the columns of the database count.
fn check_length(out: &mut Envelope<'_>, attribute: Attribute, text: &str, limit: usize) {
    // Bytes are an upper bound for characters, and cheaper.
    if text.len() > limit && text.chars().count() > limit {
        out.refuse(attribute.name(), Problem::TooLong(limit));
    }
}

fn is_date(text: &str) -> bool {
    let pattern = |(at, byte): (usize, &u8)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() };
    text.len() == 10 && text.as_bytes().iter().enumerate().all(pattern)
}

/// Brings the mail addresses into a form that `create` accepts (`ox-soap.md` 6.5 rule 2): no aliases that differ only in
/// case, and the default sender in the spelling of the alias list. The primary address decides about its spelling, since OX
/// adds it to the aliases by itself.
fn canonical_mail(fields: &UserFields) -> Cow<'_, UserFields> {
    let Some(FieldValue::Texts(aliases)) = fields.get(&Attribute::ALIASES) else {
        return Cow::Borrowed(fields);
    };
    let text = |attribute| match fields.get(&attribute) {
        Some(FieldValue::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let same = |a: &str, b: &str| a == b || a.to_lowercase() == b.to_lowercase();
    let primary = text(Attribute::PRIMARY_EMAIL);
    let mut unique: Vec<&String> = Vec::with_capacity(aliases.len());
    for alias in aliases {
        let alias = primary.filter(|primary| same(primary, alias)).unwrap_or(alias);
        if !unique.iter().any(|known| same(known, alias)) {
            unique.push(alias);
        }
    }
    let sender = text(Attribute::DEFAULT_SENDER_ADDRESS);
    let spelled = sender.and_then(|sender| unique.iter().copied().chain(primary).find(|alias| same(alias, sender)));
    if unique.iter().copied().eq(aliases) && spelled == sender {
        return Cow::Borrowed(fields);
    }
    let mut canonical = fields.clone();
    canonical.insert(Attribute::ALIASES, FieldValue::Texts(unique.into_iter().cloned().collect()));
    if let Some(spelled) = spelled {
        canonical.insert(Attribute::DEFAULT_SENDER_ADDRESS, FieldValue::Text(spelled.clone()));
    }
    Cow::Owned(canonical)
}

fn is_server(attribute: Attribute) -> bool {
    attribute == Attribute::IMAP_SERVER || attribute == Attribute::SMTP_SERVER
}

/// Whether a port is not to be written by itself, because the server is given as a URL that decides about it.
fn is_part_of_server(fields: &UserFields, attribute: Attribute) -> bool {
    let server = match attribute {
        Attribute::IMAP_PORT => Attribute::IMAP_SERVER,
        Attribute::SMTP_PORT => Attribute::SMTP_SERVER,
        _ => return false,
    };
    matches!(fields.get(&server), Some(FieldValue::Text(url)) if url.contains("://"))
}

/// A mail server. With a port OX chooses the scheme by itself; where that gives another one, the URL is sent as a whole,
/// which OX stores as it is (`ox-soap.md` 3.1 rows 40 to 43).
fn write_server(out: &mut Envelope<'_>, attribute: Attribute, url: &str) {
    let (port_name, plain, secure) = match attribute {
        Attribute::IMAP_SERVER => ("imapPort", "imap", ("imaps", 993)),
        _ => ("smtpPort", "smtp", ("smtps", 465)),
    };
    let name = attribute.soap_name();
    match parse_server(url) {
        Some(server) if server.scheme == (if server.port == secure.1 { secure.0 } else { plain }) => {
            out.plain(Ns::Data, port_name, server.port);
            out.labelled(Ns::Data, name, attribute.name(), &server.host);
        }
        _ => out.labelled(Ns::Data, name, attribute.name(), url),
    }
}

/// Takes `scheme://host:port` apart; none if it has another form.
pub(super) fn parse_server(url: &str) -> Option<MailServer> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, port) = rest.rsplit_once(':')?;
    let port = port.parse().ok()?;
    // How OX takes the bracketed form of an IPv6 address as a host is unknown.
    let simple = !host.is_empty() && !host.contains(['[', ':', '/', '@']);
    simple.then(|| MailServer { scheme: scheme.to_owned(), host: host.to_owned(), port })
}

/// Writes all 26 flags: one that is missing would take its default, mostly true (`ox-soap.md` 3.7).
///
/// `publicFolderEditable` is for context administrators only, who are none of our users (6.5 rule 6).
pub(super) fn write_rights(out: &mut Envelope<'_>, name: &str, rights: Rights) {
    out.node(Ns::Operation, name, |out| {
        for flag in Flag::all() {
            out.plain(Ns::Data, flag.soap_name(), rights.has(flag) && flag != Flag::PublicFolderEditable);
        }
    });
}

/// Reads the flags of a data object `UserModuleAccess`.
pub(super) fn read_rights<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<Rights, Unreadable> {
    let mut rights = Rights::NONE;
    reader.children(object, |reader, child| {
        if let Some(flag) = Flag::all().find(|flag| flag.soap_name() == child.field())
            && reader.flag(child)?
        {
            rights = rights.with(flag);
        }
        Ok(())
    })?;
    Ok(rights)
}

static ATTRIBUTES: LazyLock<HashMap<&'static str, Attribute>> =
    LazyLock::new(|| Attribute::all().map(|attribute| (attribute.soap_name(), attribute)).collect());

/// Reads a user. What is nil or unknown is left out; what is empty is an empty text.
pub(super) fn read_user<'x>(reader: &mut Reader<'x>, object: &Element<'x>) -> Result<ObservedUser, Unreadable> {
    let mut id = None;
    let mut fields = UserFields::new();
    let mut media_type = String::new();
    reader.children(object, |reader, child| {
        let field = child.field();
        match field {
            "" | "password" => {}
            "id" => id = Some(UserId(reader.number(child)?)),
            // The host alone says nothing of scheme and port; the URL comes after it.
            "imapServerString" => {
                fields.insert(Attribute::IMAP_SERVER, FieldValue::Text(reader.text(child)?.into_owned()));
            }
            "smtpServerString" => {
                fields.insert(Attribute::SMTP_SERVER, FieldValue::Text(reader.text(child)?.into_owned()));
            }
            "image1ContentType" => media_type = reader.text(child)?.into_owned(),
            _ => {
                if let Some(attribute) = ATTRIBUTES.get(field) {
                    read_field(reader, child, *attribute, &mut fields)?;
                }
            }
        }
        Ok(())
    })?;
    if let Some(FieldValue::Picture(picture)) = fields.get_mut(&Attribute::IMAGE1) {
        picture.media_type = media_type;
    }
    let id = id.ok_or_else(|| Unreadable::new("a user has no id"))?;
    let name = match fields.get(&Attribute::NAME) {
        Some(FieldValue::Text(name)) => name.clone(),
        _ => String::new(),
    };
    Ok(ObservedUser { id, name, fields })
}

fn read_field<'x>(
    reader: &mut Reader<'x>,
    element: &Element<'x>,
    attribute: Attribute,
    fields: &mut UserFields,
) -> Result<(), Unreadable> {
    let value = match attribute.form() {
        Form::Text { .. } | Form::FixedText { .. } => FieldValue::Text(reader.text(element)?.into_owned()),
        Form::Texts { .. } => {
            let text = reader.text(element)?.into_owned();
            match fields.entry(attribute) {
                Entry::Occupied(mut known) => {
                    if let FieldValue::Texts(texts) = known.get_mut() {
                        texts.push(text);
                    }
                }
                Entry::Vacant(vacant) => {
                    vacant.insert(FieldValue::Texts(vec![text]));
                }
            }
            return Ok(());
        }
        // Dates carry the zone of the server, which means nothing.
        Form::Date => FieldValue::Date(reader.text(element)?.trim().chars().take(10).collect()),
        Form::Number => FieldValue::Number(reader.number(element)?),
        Form::Flag => FieldValue::Flag(reader.flag(element)?),
        Form::Picture => {
            let encoded = reader.text(element)?;
            let packed: String = encoded.split_ascii_whitespace().collect();
            let data = STANDARD.decode(packed).map_err(|_| Unreadable::new("image1 is not in base64"))?;
            if data.is_empty() {
                return Ok(());
            }
            let fingerprint = fingerprint(&data);
            FieldValue::Picture(Picture { media_type: String::new(), fingerprint, sent: None, base64: None })
        }
    };
    fields.insert(attribute, value);
    Ok(())
}

/// SHA-256 in hexadecimal.
fn fingerprint(data: &[u8]) -> String {
    Sha256::digest(data).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
