//! Servers that are down, are others than they should be, or do not let us in.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use oxherd::transport::{Credentials, Trust};
use oxherd::udm::rest::{Category, Class, Condition, Fields, NewObject, Settings, SettingsError, UdmClient, UdmError};
use oxherd::udm::{ObjectId, ObjectType};
use serde_json::{Map, Value, json};

use super::wire::{Step, Wire, fixture, http, json as answer};

const USER: ObjectType = ObjectType::User;

fn anna() -> Value {
    json!({"dn": "uid=anna,dc=acme", "objectType": "users/user", "uuid": "e", "properties": {"username": "anna"}})
}

async fn read(client: &UdmClient) -> Result<bool, UdmError> {
    Ok(client.by_dn(USER, "uid=anna,dc=acme", &Fields::All).await?.is_some())
}

fn refused() -> Vec<Step> {
    vec![Step::Send(http(401, "WWW-Authenticate: Basic realm=\"Univention Directory Manager\"\r\n", ""))]
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once_and_shows_nothing() {
    let wire = Wire::start(|_| refused());
    let error = read(&wire.client()).await.unwrap_err();
    assert_eq!((error.category(), error.class()), (Category::Credentials, Class::Settings));
    assert!(error.to_string().contains("spec.udm.credentialsRef"), "{error}");
    assert_eq!(wire.seen().len(), 1, "whoever tries again locks the account");
    assert!(!format!("{error:?} {:?}", wire.client()).contains("geheim"));
}

#[tokio::test]
async fn credentials_that_worked_before_are_not_wrong() {
    let wire = Wire::start(|seen| match seen.number {
        0 => vec![Step::Send(answer(200, &anna()))],
        _ => refused(),
    });
    let client = wire.client();
    assert!(read(&client).await.unwrap());
    let error = read(&client).await.unwrap_err();
    assert_eq!((error.category(), error.class()), (Category::Unavailable, Class::World));
    assert_eq!(wire.seen().len(), 4, "it is tried three times");
    client.replace_credentials(Credentials::new("Administrator", "wrong"));
    assert_eq!(read(&client).await.unwrap_err().category(), Category::Credentials, "others have not worked yet");
}

#[tokio::test]
async fn a_server_that_starts_is_waited_for() {
    let starting = || vec![Step::Send(http(503, "Retry-After: 15\r\nContent-Type: text/html\r\n", "\"busy\""))];
    let wire =
        Wire::start(move |seen| if seen.number < 2 { starting() } else { vec![Step::Send(answer(200, &anna()))] });
    let begun = Instant::now();
    assert!(read(&wire.client()).await.unwrap());
    assert!(begun.elapsed() < Duration::from_secs(5), "the pause has a limit of our own");

    let wire = Wire::start(move |_| starting());
    let error = read(&wire.client()).await.unwrap_err();
    assert_eq!((error.category(), error.class(), wire.seen().len()), (Category::Unavailable, Class::World, 3));
}

#[tokio::test]
async fn nobody_there() {
    let client = UdmClient::new(
        &Settings { pause: Duration::from_millis(10), ..Settings::new("http://127.0.0.1:1/univention/udm/") },
        Credentials::new("a", "b"),
    );
    let error = read(&client.unwrap()).await.unwrap_err();
    assert_eq!((error.category(), error.class()), (Category::Unreachable, Class::World));
}

#[tokio::test]
async fn resets_are_tried_again() {
    let wire = Wire::start(|seen| match seen.number {
        0 | 1 => vec![Step::Close],
        _ => vec![Step::Send(answer(200, &anna()))],
    });
    assert!(read(&wire.client()).await.unwrap());
}

#[tokio::test]
async fn certificates_are_verified() {
    let yes = |_: &super::wire::Seen| vec![Step::Send(answer(200, &anna()))];
    let authority = Trust::SystemAnd(std::fs::read(fixture("tls/ca.pem")).unwrap());

    let wire = Wire::with_tls("server.pem", yes);
    assert!(read(&wire.client_with(authority.clone())).await.unwrap());
    assert!(read(&wire.client_with(Trust::Unverified)).await.unwrap());
    let error = read(&wire.client()).await.unwrap_err();
    assert_eq!((error.category(), error.class()), (Category::Certificate, Class::Settings));
    assert!(error.to_string().contains("UnknownIssuer") && error.to_string().contains("caBundleRef"), "{error}");

    let wire = Wire::with_tls("expired.pem", yes);
    let error = read(&wire.client_with(authority)).await.unwrap_err();
    assert_eq!(error.category(), Category::Certificate, "{error}");
    assert!(error.to_string().contains("expired"), "{error}");
}

#[tokio::test]
async fn a_wrong_address_is_said() {
    for wrong in ["", "udm", "ftp://a/", "https://anna:secret@a/udm/", "https://a/udm/?x=1"] {
        let client = UdmClient::new(&Settings::new(wrong), Credentials::new("a", "b"));
        assert!(matches!(client, Err(SettingsError::Address)), "{wrong}");
    }
    // A server of another kind.
    let wire = Wire::start(|_| vec![Step::Send(http(404, "Content-Type: text/plain\r\n", "not found"))]);
    let error = wire.client().types().await.unwrap_err();
    assert_eq!((error.category(), error.status_code()), (Category::NotFound, Some(404)));
    assert!(error.to_string().contains("spec.udm.url"), "{error}");
}

#[tokio::test]
async fn an_object_that_was_deleted_meanwhile_is_none() {
    let gone = json!({"error": {"code": 404, "title": "", "message": "HTTP 404: Not Found", "error": {}}});
    let wire = Wire::start(move |seen| {
        let found = seen.line.contains("filter");
        let reply = if found { answer(200, &json!({"results": 0, "_embedded": {}})) } else { answer(404, &gone) };
        vec![Step::Send(reply)]
    });
    let client = wire.client();
    assert!(!read(&client).await.unwrap());
    assert!(!client.delete(USER, "uid=anna,dc=acme", &Condition::Always).await.unwrap());
    assert_eq!(client.by_uuid("e", &Fields::All).await.unwrap(), None);
    let id = ObjectId::new("1deb7acc-238e-4753-bddf-d4c4982415b8").unwrap();
    assert_eq!(client.by_identifier(USER, &id, &Fields::All).await.unwrap(), None);
}

#[tokio::test]
async fn many_and_long_headers_are_taken() {
    let mut headers = String::from("Content-Type: application/json\r\n");
    for number in 0..1_000 {
        let _ = write!(
            headers,
            "Link: <http://udm.acme.example/udm/relation/{number}>; rel=\"udm:object-modules\"; title=\"T\"\r\n"
        );
    }
    let wire = Wire::start(move |_| vec![Step::Send(http(200, &headers, &anna().to_string()))]);
    assert!(read(&wire.client()).await.unwrap());
}

#[tokio::test]
async fn writes_are_made_once() {
    let wire = Wire::start(|_| vec![Step::Close]);
    let client = wire.client();
    let new = NewObject { kind: USER, position: "cn=users,dc=acme".to_owned(), properties: Map::new() };
    assert_eq!(client.create(&new).await.unwrap_err().category(), Category::ConnectionLost);
    assert_eq!(wire.seen().len(), 1, "nobody knows whether it was made");
    let place = "cn=x,dc=acme".parse().unwrap();
    assert!(client.relocate(USER, "uid=anna,dc=acme", &place, &Condition::Always).await.is_err());
    assert_eq!(wire.seen().len(), 2);
    let properties: Map<String, Value> = [("title".to_owned(), json!(null))].into_iter().collect();
    let unchanged = Condition::Unchanged("\"62a2\"".to_owned());
    assert!(client.modify(USER, "uid=anna,dc=acme", &properties, &unchanged).await.is_err());
    let seen = wire.seen();
    assert_eq!(seen.len(), 5, "the same values again do no harm");
    assert_eq!(seen[4].line, "PATCH /univention/udm/users/user/uid=anna,dc=acme");
    assert_eq!(seen[4].body, r#"{"properties":{"title":null}}"#);
    assert!(seen[4].headers.contains("if-match: \"62a2\"\r\n"), "{}", seen[4].headers);
    assert!(seen[4].headers.contains("content-type: application/json\r\n"));
    assert!(client.delete(USER, "uid=anna,dc=acme", &Condition::Always).await.is_err());
    assert!(wire.seen()[5].line.ends_with("?recursive=false"));
}
