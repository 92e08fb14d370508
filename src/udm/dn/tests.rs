use proptest::prelude::*;

use super::*;

fn dn(text: &str) -> Dn {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_is_written_differently_but_the_same_compares_equal() {
    let table = [
        ("uid=anna,cn=users,dc=acme", "UID=Anna , CN = Users,DC=ACME", "uid=anna,cn=users,dc=acme"),
        (r"cn=a\,b,dc=x", r"cn=a\2Cb,dc=x", r"cn=a\2cb,dc=x"),
        (r#"cn="a,b",dc=x"#, r"CN=A\,B,DC=X", r"cn=a\2cb,dc=x"),
        (r"cn=a\+b,dc=x", r"cn=a\2bb,dc=x", r"cn=a\2bb,dc=x"),
        ("ou=b+cn=a,dc=x", "CN=A+OU=B,dc=x", "cn=a+ou=b,dc=x"),
        ("cn=Müller,dc=x", r"cn=m\c3\bcller,dc=x", "cn=müller,dc=x"),
        ("cn=MÜLLER,dc=x", r"cn=m\C3\9Cller,dc=x", "cn=müller,dc=x"),
        (r"cn=\20a\20,dc=x", r"cn=\ a\ ,dc=x", r"cn=\20a\20,dc=x"),
        ("cn=a b  ,dc=x", "cn=  a b,dc=x", "cn=a b,dc=x"),
        (r"cn=\#1,dc=x", r"cn=\231,dc=x", r"cn=\231,dc=x"),
        ("cn=#0C0141,dc=x", "cn = #0c0141 , dc=x", "cn=#0c0141,dc=x"),
        ("cn=a;dc=x", "cn=a,dc=x", "cn=a,dc=x"),
        ("cn=a=b,dc=x", r"cn=a\=b,dc=x", r"cn=a\3db,dc=x"),
        (r"cn=a\\b,dc=x", r"cn=a\5Cb,dc=x", r"cn=a\5cb,dc=x"),
        (r#"cn=\"a\",dc=x"#, r#"cn="\"a\"",dc=x"#, r"cn=\22a\22,dc=x"),
        ("OID.2.5.4.3=a,dc=x", "2.5.4.3=a,dc=x", "2.5.4.3=a,dc=x"),
        ("cn=,dc=x", "cn= ,dc=x", "cn=,dc=x"),
    ];
    for (one, other, canonical) in table {
        assert_eq!(dn(one), dn(other), "{one} and {other}");
        assert_eq!(dn(one).canonical(), canonical);
        assert_eq!(dn(one).to_string(), one, "the written form is kept");
    }
}

#[test]
fn different_names_stay_different() {
    for (one, other) in [
        ("cn=a,dc=x", "cn=b,dc=x"),
        ("cn=a,dc=x", "cn=a"),
        (r"cn=\#0c0141,dc=x", "cn=#0c0141,dc=x"),
        (r"cn=a\,dc\=x", "cn=a,dc=x"),
        (r"cn=a\20,dc=x", "cn=a,dc=x"),
        ("cn=straße,dc=x", "cn=strasse,dc=x"),
    ] {
        assert_ne!(dn(one), dn(other));
    }
}

#[test]
fn errors_say_what_and_where_but_never_the_name() {
    let table = [
        ("", "an attribute name is missing", 1),
        ("anna", "an equals sign is missing", 5),
        ("uid=änna,", "an attribute name is missing", 10),
        ("=anna", "an attribute name is missing", 1),
        ("cn=a,,dc=x", "an attribute name is missing", 6),
        ("cn=a<b", "a special character is not escaped", 5),
        (r"cn=a\", "a backslash must be followed by a special character or two hexadecimal digits", 6),
        (r"cn=a\zz", "a backslash must be followed by a special character or two hexadecimal digits", 6),
        (r"cn=a\ff,dc=x", "the value is no UTF-8 text", 4),
        (r#"cn="a"#, "a closing quote is missing", 6),
        (r#"cn="a"b"#, "a separator is missing", 7),
        ("cn=#0c0", "hexadecimal digits must come in pairs", 8),
        ("cn=#0c zz", "a separator is missing", 8),
    ];
    for (text, reason, position) in table {
        assert_eq!(text.parse::<Dn>(), Err(DnError { reason, position }), "{text}");
    }
}

#[test]
fn steps_values_and_parents_are_as_written() {
    let name = dn(r"CN=Smith\, J.+uid=S , ou=R\26D,dc=Acme");
    assert_eq!(name.rdn_value(), "Smith, J.");
    assert_eq!(name.rdns().len(), 3);
    assert_eq!(name.rdns()[0].attributes().last(), Some(("uid", "S".to_owned())));
    assert_eq!(dn("cn=#0C01,dc=x").rdn_value(), "#0c01");
    let parent = name.parent().unwrap();
    assert_eq!(parent.rdn_value(), "R&D");
    assert_eq!(parent.parent().unwrap().canonical(), "dc=acme");
    assert_eq!(parent.parent().unwrap().parent(), None);
}

#[test]
fn serializes_as_it_was_written() {
    let json = r#""UID=Anna, dc=x""#;
    let name: Dn = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), json);
    assert!(serde_json::from_str::<Dn>(r#""anna""#).is_err());
}

/// Escapes like [`escape`], but each character as the test wishes: plainly, with a backslash or as hex pairs.
fn written(value: &str, hex: bool) -> String {
    let mut out = String::new();
    for c in value.chars() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '=' | '\\' | '#' | ' ' if !hex => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_alphanumeric() => out.push(c),
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| write!(out, "\\{byte:02X}").unwrap()),
        }
    }
    out
}

proptest! {
    #[test]
    fn canonical_is_idempotent(values in prop::collection::vec("[^\u{fdd0}]{0,12}", 1..4)) {
        let text = values.iter().map(|value| format!("cn={}", written(value, true))).collect::<Vec<_>>().join(",");
        let once = dn(&text);
        let twice = dn(once.canonical());
        prop_assert_eq!(once.canonical(), twice.canonical());
    }

    #[test]
    fn escaping_round_trips(value in "[^\u{fdd0}]{0,12}", hex: bool) {
        let name = dn(&format!("cn={},dc=x", written(&value, hex)));
        prop_assert_eq!(name.rdn_value(), value.clone());
        let lowered = dn(name.canonical());
        prop_assert_eq!(lowered.rdn_value(), lower(&value));
    }

    #[test]
    fn case_variants_are_equal(value in "[a-zäöüéñ ,+#]{1,12}") {
        let small = dn(&format!("cn={},dc=x", written(&value, true)));
        let large = dn(&format!("CN={},DC=X", written(&value.to_uppercase(), false)));
        prop_assert_eq!(small, large);
    }

    #[test]
    fn plain_names_take_a_short_way_to_the_same_form(
        steps in prop::collection::vec("[A-Za-z0-9_.-]{1,4}=[A-Za-z0-9_.@:/ +;#=-]{0,6}", 1..4)
    ) {
        let text = steps.join(",");
        prop_assert_eq!(text.parse::<Dn>().map(|name| name.canonical), canonical(&text));
    }

    #[test]
    fn no_text_makes_it_stumble(text in "\\PC{0,40}") {
        if let Ok(name) = text.parse::<Dn>() {
            prop_assert_eq!(dn(name.canonical()), name);
        }
    }
}

#[test]
fn the_canonical_form_is_a_name_and_its_own_canonical_form() {
    // Found by fuzzing.
    for text in ["oid.=x", "oid.oid.1=x", "oid.2=a+1=b", "OID.2.5.4.3=Anna,dc=x"] {
        let canonical = text.parse::<Dn>().unwrap().canonical().to_owned();
        assert_eq!(canonical.parse::<Dn>().unwrap().canonical(), canonical, "{text}");
    }
    assert_eq!("OID.2.5.4.3=Anna".parse::<Dn>().unwrap().canonical(), "2.5.4.3=anna");
}
