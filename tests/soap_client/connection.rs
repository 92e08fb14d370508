//! Connections that end, hang or lie.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use oxherd::engine::{FaultClass, TargetFault};
use oxherd::ox::model::{UserFields, UserId};
use oxherd::ox::soap::{Category, Client, Feature, Settings, Trust, user};

use super::samples::{CONTEXT, admin};
use super::wire::{Step, Wire, fault, http, returns, success};

const EXISTS: user::Exists<'static> = user::Exists { context: CONTEXT, user: user::Key::Id(UserId(3)) };

fn yes() -> Vec<u8> {
    returns("exists", "true")
}

#[tokio::test]
async fn requests_say_utf_8_and_share_a_connection() {
    let wire = Wire::start(|_| Step::Answer(yes())).await;
    let client = wire.client();
    for _ in 0..5 {
        assert!(client.call(&EXISTS, &admin()).await.unwrap());
    }
    let seen = wire.seen();
    assert!(seen.iter().all(|seen| seen.connection == 0));
    let head = seen[0].head.to_ascii_lowercase();
    assert!(head.starts_with("post /webservices/oxuserservice http/1.1"), "{head}");
    assert!(head.contains("content-type: text/xml; charset=utf-8"), "{head}");
    assert!(head.contains("soapaction: \"urn:exists\""), "{head}");
    assert!(!head.contains("ctx-secret") && !head.contains("authorization"));
}

#[tokio::test]
async fn a_fault_closes_the_connection_and_the_next_call_opens_another() {
    let wire = Wire::start(|seen| match seen.number {
        1 => fault("NoSuchUserException", "No such user 3 in context 10"),
        _ => Step::Answer(yes()),
    })
    .await;
    let client = wire.client();
    assert!(client.call(&EXISTS, &admin()).await.is_ok());
    assert_eq!(client.call(&EXISTS, &admin()).await.unwrap_err().category(), Category::UserGone);
    assert!(client.call(&EXISTS, &admin()).await.is_ok());
    let connections: Vec<usize> = wire.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_read_is_repeated_once_when_a_used_connection_was_closed() {
    let wire = Wire::start(|seen| if seen.number == 1 { Step::Close } else { Step::Answer(yes()) }).await;
    let client = wire.client();
    assert!(client.call(&EXISTS, &admin()).await.unwrap());
    assert!(client.call(&EXISTS, &admin()).await.unwrap());
    assert_eq!(wire.seen().len(), 3);
}

#[tokio::test]
async fn a_read_is_not_repeated_twice() {
    let wire = Wire::start(|_| Step::Close).await;
    let fault = wire.client().call(&EXISTS, &admin()).await.unwrap_err();
    assert_eq!((fault.class(), fault.category()), (FaultClass::World, Category::ConnectionLost));
    assert_eq!(wire.seen().len(), 2);
}

#[tokio::test]
async fn a_write_is_never_repeated() {
    let wire = Wire::start(|seen| if seen.number == 0 { Step::Answer(success("")) } else { Step::Close }).await;
    let client = wire.client();
    let delete = user::Delete { context: CONTEXT, user: UserId(3) };
    client.call(&delete, &admin()).await.unwrap();
    let fault = client.call(&delete, &admin()).await.unwrap_err();
    assert_eq!(fault.class(), FaultClass::World);
    assert_eq!(wire.seen().len(), 2);
}

#[tokio::test]
async fn the_server_may_close_after_257_requests() {
    let wire = Wire::start(|seen| match seen.number % 257 {
        256 => {
            let text = String::from_utf8(yes()).unwrap();
            Step::AnswerAndClose(text.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1).into_bytes())
        }
        _ => Step::Answer(yes()),
    })
    .await;
    let client = wire.client();
    for _ in 0..600 {
        assert!(client.call(&EXISTS, &admin()).await.unwrap());
    }
    assert_eq!(wire.seen().last().unwrap().connection, 2);
    assert_eq!(wire.seen().len(), 600);
}

#[tokio::test]
async fn silence_ends_in_a_timeout() {
    let wire = Wire::start(|_| Step::Silence).await;
    let started = Instant::now();
    let fault = wire.impatient_client().call(&EXISTS, &admin()).await.unwrap_err();
    assert_eq!((fault.class(), fault.category()), (FaultClass::World, Category::Timeout));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(wire.seen().len(), 1, "a timeout is not repeated");
}

#[tokio::test]
async fn nobody_there_is_world() {
    let client = Client::new(&Settings::new("http://127.0.0.1:1")).unwrap();
    let fault = client.call(&EXISTS, &admin()).await.unwrap_err();
    assert_eq!((fault.class(), fault.category()), (FaultClass::World, Category::Unreachable));
    assert!(!fault.to_string().contains("127.0.0.1"), "{fault}");
}

#[tokio::test]
async fn answers_that_are_no_soap() {
    let page = "<html><body>Service Unavailable for anna@example.org</body></html>";
    let cut = r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><a>"#;
    let other = r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><deleteResponse/></soap:Body></soap:Envelope>"#;
    let doctype = r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>"#;
    let xml = "text/xml; charset=UTF-8";
    let cases = [
        ("503 Service Unavailable", "text/html", page, FaultClass::World, Category::ServerError),
        ("502 Bad Gateway", "text/html", "", FaultClass::World, Category::ServerError),
        ("500 Internal Server Error", "text/html", page, FaultClass::World, Category::ServerError),
        ("429 Too Many Requests", "text/plain", "", FaultClass::World, Category::Rejected),
        ("301 Moved Permanently", "text/html", page, FaultClass::World, Category::Redirected),
        ("200 OK", "text/html", page, FaultClass::Protocol, Category::Unreadable),
        ("200 OK", xml, "", FaultClass::Protocol, Category::Unreadable),
        ("200 OK", xml, cut, FaultClass::Protocol, Category::Unreadable),
        ("200 OK", xml, other, FaultClass::Protocol, Category::Unreadable),
        ("200 OK", xml, doctype, FaultClass::Protocol, Category::Unreadable),
    ];
    for (status, media_type, body, class, category) in cases {
        let answer = http(status, media_type, "Location: http://127.0.0.1:1/\r\n", body);
        let wire = Wire::start(move |_| Step::Answer(answer.clone())).await;
        let fault = wire.client().call(&EXISTS, &admin()).await.unwrap_err();
        assert_eq!((fault.class(), fault.category()), (class, category), "{status} {body}");
        assert!(!format!("{fault} {fault:?}").contains("anna"));
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_a_lost_connection() {
    let short = String::from_utf8(yes()).unwrap().replace("</soap:Body></soap:Envelope>", "").into_bytes();
    let wire = Wire::start(move |_| Step::AnswerAndClose(short.clone())).await;
    let fault = wire.client().call(&EXISTS, &admin()).await.unwrap_err();
    assert_eq!((fault.class(), fault.category()), (FaultClass::World, Category::ConnectionLost));
}

#[tokio::test]
async fn chunked_answers_are_read() {
    let whole = String::from_utf8(yes()).unwrap();
    let (_, body) = whole.split_once("\r\n\r\n").unwrap();
    let mut chunked =
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    for part in body.as_bytes().chunks(7) {
        write!(chunked, "{:x}\r\n{}\r\n", part.len(), std::str::from_utf8(part).unwrap()).unwrap();
    }
    chunked += "0\r\n\r\n";
    let wire = Wire::start(move |_| Step::Answer(chunked.clone().into_bytes())).await;
    assert!(wire.client().call(&EXISTS, &admin()).await.unwrap());
}

#[tokio::test]
async fn what_xml_cannot_carry_is_never_sent() {
    let wire = Wire::start(|_| Step::Answer(success(""))).await;
    let fields = super::samples::texts(&[(oxherd::ox::attribute::Attribute::COMPANY, "Muster\u{1}mann")]);
    let change = user::Change { context: CONTEXT, user: UserId(3), fields: &fields, secret: None };
    let fault = wire.client().call(&change, &admin()).await.unwrap_err();
    assert_eq!((fault.class(), fault.category()), (FaultClass::Object, Category::Unsendable));
    assert_eq!(fault.attribute(), Some(oxherd::ox::attribute::Attribute::COMPANY));
    assert!(fault.to_string().contains("company") && !fault.to_string().contains("Muster"));
    assert!(wire.seen().is_empty());
}

#[tokio::test]
async fn a_generated_password_must_be_given() {
    let fields: UserFields =
        [(oxherd::ox::attribute::Attribute::PASSWORD, oxherd::ox::model::FieldValue::GeneratedSecret)].into();
    let change = user::Change { context: CONTEXT, user: UserId(3), fields: &fields, secret: None };
    let client = Client::new(&Settings::new("http://127.0.0.1:1")).unwrap();
    assert_eq!(client.call(&change, &admin()).await.unwrap_err().category(), Category::Unsendable);
}

#[tokio::test]
async fn only_404_means_that_a_feature_is_absent() {
    let wsdl = r#"<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"><xs:element name="convertguest"/></wsdl:definitions>"#;
    let describe = move |seen: &super::wire::Seen| match seen.service() {
        "OXDeputyPermissionsService?wsdl" => {
            Step::Answer(http("404 Not Found", "text/html", "", "No service was found."))
        }
        _ => Step::Answer(http("200 OK", "text/xml", "", wsdl)),
    };
    let features = Wire::start(describe).await.client().features().await.unwrap();
    assert_eq!(features.deputies, Feature::Absent);
    assert_eq!(features.shared_accounts, Feature::Present);
    assert_eq!(features.user_copy, Feature::Present);
    assert_eq!(features.convert_guest, Feature::Present);

    for (status, body) in [("503 Service Unavailable", ""), ("200 OK", "<html>login</html>"), ("403 Forbidden", "")] {
        let answer = http(status, "text/html", "", body);
        let wire = Wire::start(move |_| Step::Answer(answer.clone())).await;
        assert_eq!(wire.client().features().await.unwrap_err().class(), FaultClass::World, "{status}");
    }
}

#[test]
fn addresses_are_checked() {
    let client = |base: &str| Client::new(&Settings::new(base));
    for good in ["http://ox", "https://ox.example.org/", "https://ox.example.org:8443/path"] {
        assert!(client(good).is_ok(), "{good}");
    }
    for bad in
        ["ox.example.org", "ftp://ox", "https://user:secret@ox", "https://ox/webservices/", "https://ox/?a=b", ""]
    {
        let error = client(bad).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn trust_is_explicit() {
    let with = |trust| Client::new(&Settings { trust, ..Settings::new("https://ox") });
    assert!(with(Trust::Unverified).is_ok());
    assert!(with(Trust::SystemAnd(b"no certificate".to_vec())).is_err());
    assert!(
        with(Trust::SystemAnd(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec())).is_err()
    );
    assert_eq!(format!("{:?}", Trust::SystemAnd(vec![1])), "SystemAnd(…)");
}
