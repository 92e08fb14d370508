//! Texts survive the way through a request and an answer.

use oxherd::ox::attribute::Attribute;
use oxherd::ox::model::{FieldValue, ObservedUser, UserFields, UserId};
use oxherd::ox::soap::{Problem, decode, encode, user};
use proptest::prelude::*;

use super::samples::{CONTEXT, admin, texts};

/// Writes the fields as a request and reads the same data object back as if it were an answer.
fn there_and_back(fields: &UserFields) -> ObservedUser {
    let change = user::Change { context: CONTEXT, user: UserId(3), fields, secret: None };
    let request = String::from_utf8(encode(&change, &admin()).unwrap()).unwrap();
    let (head, rest) = request.split_once("<s:change>").unwrap();
    let (_, rest) = rest.split_once("<s:usrdata>").unwrap();
    let (data, _) = rest.split_once("</s:usrdata>").unwrap();
    let answer = format!(
        "{head}<s:getDataResponse><s:return>{data}</s:return></s:getDataResponse></soapenv:Body></soapenv:Envelope>"
    );
    let get = user::GetData { context: CONTEXT, user: user::Key::Id(UserId(3)) };
    decode(&get, &admin(), 200, &answer).unwrap()
}

fn text_back(text: &str) -> String {
    let fields = texts(&[(Attribute::NOTE, text)]);
    match there_and_back(&fields).fields.remove(&Attribute::NOTE) {
        Some(FieldValue::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hostile_texts_survive() {
    for text in [
        "",
        " ",
        "  x ",
        "\r\n",
        "\r",
        "\t",
        "]]>",
        "<a b=\"c\">&amp;",
        "'\"",
        "&#13;",
        "🎓 Łódź 中文",
        "\u{85}\u{2028}",
    ] {
        assert_eq!(text_back(text), text);
    }
}

fn xml_char() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => any::<char>(),
        2 => prop::sample::select(vec!['<', '>', '&', '"', '\'', ']', '\r', '\n', '\t', ' ', ';', '#']),
    ]
    .prop_filter(
        "a character of XML 1.0",
        |c| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'),
    )
}

proptest! {
    #[test]
    fn each_text_survives(chars in prop::collection::vec(xml_char(), 0..60)) {
        let text: String = chars.into_iter().collect();
        prop_assert_eq!(text_back(&text), text);
    }

    #[test]
    fn forbidden_characters_are_refused_by_attribute(before in ".{0,8}", c in prop::sample::select(vec!['\0', '\u{1}', '\u{8}', '\u{b}', '\u{c}', '\u{e}', '\u{1f}', '\u{fffe}', '\u{ffff}'])) {
        let fields = texts(&[(Attribute::EMPLOYEE_TYPE, &format!("{before}{c}x"))]);
        let change = user::Change { context: CONTEXT, user: UserId(3), fields: &fields, secret: None };
        let refusal = encode(&change, &admin()).unwrap_err();
        prop_assert_eq!(refusal.field.as_str(), "employee_type");
        prop_assert_eq!(refusal.problem, Problem::Character);
        prop_assert!(refusal.to_string().starts_with("employee_type holds a control character"));
    }
}

#[test]
fn all_kinds_of_values_survive() {
    let mut fields = texts(&[(Attribute::NAME, "anna"), (Attribute::COMPANY, "")]);
    fields.insert(Attribute::ALIASES, FieldValue::Texts(vec!["a@x".to_owned(), "b@x".to_owned()]));
    fields.insert(Attribute::BIRTHDAY, FieldValue::Date("2008-02-29".to_owned()));
    fields.insert(Attribute::MAX_QUOTA, FieldValue::Number(-1));
    fields.insert(Attribute::MAIL_ENABLED, FieldValue::Flag(true));
    let user = there_and_back(&fields);
    assert_eq!(user.id, UserId(3));
    assert_eq!(user.name, "anna");
    assert_eq!(user.fields, fields);
}

#[test]
fn nil_absent_and_empty_are_three_things() {
    let answer = |data: &str| {
        format!(
            r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><getDataResponse xmlns="http://soap.admin.openexchange.com" xmlns:d="http://dataobjects.soap.admin.openexchange.com/xsd"><return><d:id>3</d:id>{data}</return></getDataResponse></soap:Body></soap:Envelope>"#
        )
    };
    let get = user::GetData { context: CONTEXT, user: user::Key::Id(UserId(3)) };
    let company = |data: &str| decode(&get, &admin(), 200, &answer(data)).unwrap().fields.remove(&Attribute::COMPANY);
    let xsi = r#"xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance""#;
    assert_eq!(company(""), None);
    assert_eq!(company(&format!(r#"<d:company {xsi} xsi:nil="true"/>"#)), None);
    assert_eq!(company(&format!(r#"<d:company {xsi} xsi:nil="true"></d:company>"#)), None);
    let uri = "http://www.w3.org/2001/XMLSchema-instance";
    assert_eq!(company(&format!(r#"<d:company i:nil='1' xmlns:i="{uri}"/>"#)), None, "in any spelling");
    let empty = Some(FieldValue::Text(String::new()));
    assert_eq!(company(r#"<d:company xmlns:xsi="urn:other" xsi:nil="true"/>"#), empty, "by namespace, not by prefix");
    let inherited = format!(r#"<d:name xmlns:d="urn:other" xmlns:xsi="{uri}">x</d:name><d:company/>"#);
    assert_eq!(company(&inherited), empty, "a declaration ends with its element");
    assert_eq!(company("<d:company/>"), empty);
    assert_eq!(company("<d:company></d:company>"), empty);
    assert_eq!(company(r#"<d:company nil="true"/>"#), empty, "only the nil of XML Schema counts");
    assert_eq!(company("<company>other namespace</company>"), None);
    assert_eq!(company("<d:default_group><d:id>7</d:id><d:company>inner</d:company></d:default_group>"), None);
    assert_eq!(
        company("<d:company>a<!-- b --><![CDATA[<c>]]>&#x64;</d:company>"),
        Some(FieldValue::Text("a<c>d".to_owned()))
    );
}

#[test]
fn mail_servers_are_taken_apart_as_the_server_does() {
    let request = |attribute, url: &str| {
        let mut fields = texts(&[(attribute, url)]);
        let port = if attribute == Attribute::IMAP_SERVER { Attribute::IMAP_PORT } else { Attribute::SMTP_PORT };
        fields.insert(port, FieldValue::Number(1));
        let change = user::Change { context: CONTEXT, user: UserId(3), fields: &fields, secret: None };
        let text = String::from_utf8(encode(&change, &admin()).unwrap()).unwrap();
        let start = text.find("<d:id>3</d:id>").unwrap() + "<d:id>3</d:id>".len();
        text[start..text.find("</s:usrdata>").unwrap()].to_owned()
    };
    let imap = |port: &str, host: &str| format!("<d:imapPort>{port}</d:imapPort><d:imapServer>{host}</d:imapServer>");
    let whole = |url: &str| format!("<d:imapServer>{url}</d:imapServer>");
    let server = Attribute::IMAP_SERVER;
    assert_eq!(request(server, "imap://host:143"), imap("143", "host"));
    assert_eq!(request(server, "imaps://host:993"), imap("993", "host"));
    assert_eq!(request(server, "imap://host:993"), whole("imap://host:993"));
    assert_eq!(request(server, "imaps://host:143"), whole("imaps://host:143"));
    assert_eq!(request(server, "imap://host"), whole("imap://host"));
    assert_eq!(request(server, "imap://[::1]:143"), whole("imap://[::1]:143"));
    assert_eq!(request(server, "host"), imap("1", "host"));
    let smtp = request(Attribute::SMTP_SERVER, "smtps://host:465");
    assert_eq!(smtp, "<d:smtpPort>465</d:smtpPort><d:smtpServer>host</d:smtpServer>");
    let smtp = request(Attribute::SMTP_SERVER, "smtps://host:587");
    assert_eq!(smtp, "<d:smtpServer>smtps://host:587</d:smtpServer>");
}
