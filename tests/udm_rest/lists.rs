//! Lists that are long, slow or cut off, and the questions that are asked for them.

use std::time::Duration;

use oxherd::udm::rest::{Category, Class, Fields, Filter, Query};
use oxherd::udm::{ObjectId, ObjectType};
use serde_json::{Value, json};

use super::wire::{Step, Wire, http, json as answer};

fn user(number: usize) -> Value {
    json!({
        "dn": format!("uid=u{number},dc=acme"), "objectType": "users/user", "uuid": format!("e-{number}"),
        "properties": {"username": format!("u{number}"), "univentionObjectIdentifier": format!("id-{number}")},
        "_links": {"self": [{"href": "http://elsewhere/"}]},
    })
}

fn list(users: usize) -> Value {
    let users: Vec<_> = (0..users).map(user).collect();
    json!({"_links": {}, "results": users.len(), "_embedded": {"udm:object": users}})
}

fn all() -> Query {
    Query::new(ObjectType::User, Filter::identified())
}

#[tokio::test]
async fn objects_come_while_the_list_arrives() {
    let bytes = answer(200, &list(3));
    let middle = bytes.windows(4).position(|four| four == b"id-1").unwrap() + 60;
    let (begin, end) = (bytes[..middle].to_vec(), bytes[middle..].to_vec());
    // The second half comes only after a second request, which is made between the objects.
    let wire = Wire::start(move |seen| {
        if seen.line.contains("entryUUID") {
            vec![Step::Send(answer(200, &list(0)))]
        } else {
            vec![Step::Send(begin.clone()), Step::Rest(Duration::from_millis(300)), Step::Send(end.clone())]
        }
    });
    let client = wire.client();
    let mut users = client.list(&all()).await.unwrap();
    assert_eq!(users.next().await.unwrap().unwrap().dn, "uid=u0,dc=acme");
    let id = ObjectId::new("id-0").unwrap();
    assert_eq!(client.having(ObjectType::User, &[id]).await.unwrap(), 0);
    assert_eq!(users.collect().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_no_complete_list() {
    let bytes = answer(200, &list(3));
    for cut in [bytes.len() - 1, bytes.len() - 40, bytes.len() / 2] {
        let part = bytes[..cut].to_vec();
        let wire = Wire::start(move |_| vec![Step::Send(part.clone()), Step::Close]);
        let error = wire.client().list(&all()).await.unwrap().collect().await.unwrap_err();
        assert_eq!((error.category(), error.class()), (Category::ConnectionLost, Class::World), "{error}");
    }
    // Without a length nobody notices the end but the reader of the JSON.
    let body = list(3).to_string();
    let whole = format!("HTTP/1.1 200 X\r\nConnection: close\r\n\r\n{}", &body[..body.len() - 30]);
    let wire = Wire::start(move |_| vec![Step::Send(whole.clone().into_bytes()), Step::Close]);
    let error = wire.client().list(&all()).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.category(), Category::ConnectionLost, "{error}");
}

#[tokio::test]
async fn a_slow_list_is_waited_for_and_a_silent_one_is_not() {
    let bytes = answer(200, &list(4));
    let slow = bytes.clone();
    let wire = Wire::start(move |_| {
        let parts = slow.chunks(slow.len() / 6 + 1).map(|part| Step::Send(part.to_vec()));
        parts.flat_map(|part| [part, Step::Rest(Duration::from_millis(200))]).collect()
    });
    assert_eq!(
        wire.client().list(&all()).await.unwrap().count().await.unwrap(),
        4,
        "1.2 s, but never silent for 0.7 s"
    );

    let half = bytes[..bytes.len() / 2].to_vec();
    let wire = Wire::start(move |_| vec![Step::Send(half.clone()), Step::Rest(Duration::from_secs(20))]);
    let error = wire.client().list(&all()).await.unwrap().collect().await.unwrap_err();
    assert_eq!((error.category(), error.class()), (Category::Timeout, Class::World), "{error}");
}

#[tokio::test]
async fn a_page_is_no_list() {
    let page = "<html><body>Please log in, Anna</body></html>";
    for (status, headers) in
        [(200, "Content-Type: text/html\r\n"), (200, "Content-Type: application/json\r\n"), (404, "")]
    {
        let wire = Wire::start(move |_| vec![Step::Send(http(status, headers, page))]);
        let error = async { wire.client().list(&all()).await?.collect().await }.await.unwrap_err();
        assert_eq!((error.category(), error.class()), (Category::NotUdm, Class::Settings), "{error}");
        assert!(error.to_string().contains("spec.udm.url") && !error.to_string().contains("Anna"), "{error}");
    }
    let wire = Wire::start(|_| vec![Step::Send(http(302, "Location: https://login.acme.example/\r\n", ""))]);
    assert_eq!(wire.client().list(&all()).await.unwrap_err().category(), Category::NotUdm);
}

#[tokio::test]
async fn questions_are_asked_as_udm_understands_them() {
    let wire = Wire::start(|_| vec![Step::Send(answer(200, &list(0)))]);
    let client = wire.client();
    let fields = Fields::Only(vec!["username".to_owned(), "e-mail".to_owned()]);
    let filter = Filter::Is("lastname", "Süß (a*)&=".to_owned());
    client.list(&Query { kind: ObjectType::User, filter, fields }).await.unwrap();
    let query = Query { fields: Fields::Names, ..all() };
    client.list(&query).await.unwrap();
    let seen = wire.seen();
    assert_eq!(
        seen[0].line,
        "GET /univention/udm/users/user/?filter=%28lastname%3DS%C3%BC%C3%9F+%5C28a%5C2a%5C29%26%3D%29&scope=sub\
         &properties=username&properties=e-mail&properties=univentionObjectIdentifier"
    );
    assert!(seen[1].line.ends_with("?filter=%28univentionObjectIdentifier%3D*%29&scope=sub&opened=0&properties=dn"));
    assert!(seen[0].headers.contains("accept: application/json\r\n"), "{}", seen[0].headers);
    assert!(seen[0].headers.contains("accept-language: en-us\r\n"), "{}", seen[0].headers);
    assert!(!seen[0].headers.contains("content-type"), "{}", seen[0].headers);
}

#[tokio::test]
async fn names_in_addresses_are_encoded() {
    let wire = Wire::start(|_| vec![Step::Send(answer(200, &user(1)))]);
    let client = wire.client();
    let dn = "uid=Süd/West\\, A\\+B %?#,ou=a//b,dc=acme";
    client.by_dn(ObjectType::User, dn, &Fields::All).await.unwrap().unwrap();
    assert_eq!(
        wire.seen()[0].line,
        "GET /univention/udm/users/user/uid=S%C3%BCd/West%5C,%20A%5C+B%20%25%3F%23,ou=a,=/=,b,dc=acme"
    );
}

#[tokio::test]
async fn the_properties_of_a_type_are_known_if_the_server_tells_them() {
    let wire = Wire::start(|seen| match seen.number {
        0 => vec![Step::Send(answer(
            200,
            &json!({"_links": {}, "properties": {"username": {"syntax": "uid"}, "oxAccess": {}}}),
        ))],
        _ => vec![Step::Send(answer(404, &json!({"error": {"code": 404, "message": "HTTP 404: Not Found"}})))],
    });
    let client = wire.client();
    let names = client.properties(ObjectType::User).await.unwrap().unwrap();
    assert_eq!(names, ["oxAccess", "username"]);
    assert_eq!(wire.seen()[0].line, "GET /univention/udm/users/user/properties");
    assert_eq!(client.properties(ObjectType::User).await.unwrap(), None);
}
