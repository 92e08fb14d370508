//! UDM REST (`udm-rest.md`): what the recordings do not show by themselves.

use std::time::Duration;

use oxherd::simulator::nubus::{Pages, UdmAccount, UdmRights};
use serde_json::{Value, json};

use crate::client::{ANNA, BASE, Client, TEAM, basic, json_of, start, start_with_anna};

fn path(dn: &str) -> String {
    format!("/users/user/{dn}")
}

async fn get(client: &Client, path: &str) -> (u16, Value) {
    let response = client.udm("GET", path, &Value::Null).await;
    (response.status, json_of(&response))
}

async fn status(client: &Client, method: &str, path: &str, body: Value) -> u16 {
    client.udm(method, path, &body).await.status
}

/// The location of the first mistake of a 422.
fn location(body: &Value) -> &Value {
    &body["_embedded"]["udm:error"][0]["location"]
}

#[tokio::test]
async fn access_is_refused_in_four_ways() {
    let (_simulator, client) = start_with_anna().await;
    client.control.change_options(|options| {
        let outsider = UdmAccount { password: "x".to_owned(), rights: UdmRights::Outsider };
        let reader = UdmAccount { password: "x".to_owned(), rights: UdmRights::Reader };
        options.udm_accounts.extend([("out".to_owned(), outsider), ("reader".to_owned(), reader)]);
    });
    let table = [
        ("Administrator", "univention", 200),
        ("ADMINISTRATOR", "univention", 200),
        ("Administrator", "wrong", 401),
        ("nobody", "x", 401),
        ("Administrator", "", 400),
        ("out", "x", 403),
        ("reader", "x", 200),
    ];
    for (user, password, status) in table {
        let authorization = basic(user, password);
        let response = client.udm_with("GET", &path(ANNA), &[("Authorization", &authorization)], &Value::Null).await;
        assert_eq!(response.status, status, "{user} {password}");
        if status == 401 {
            assert!(response.body.is_empty());
            assert!(response.header("Www-Authenticate").is_some());
        }
    }
    let reader = basic("reader", "x");
    let write = |method: &'static str, body: Value| {
        let (client, reader) = (client.clone(), reader.clone());
        async move { client.udm_with(method, &path(ANNA), &[("Authorization", &reader)], &body).await.status }
    };
    assert_eq!(write("PATCH", json!({"properties": {"description": "x"}})).await, 403);
    assert_eq!(write("DELETE", Value::Null).await, 400, "an ACL answers differently to a deletion");
}

#[tokio::test]
async fn a_known_credential_gets_401_while_ldap_is_down() {
    let (_simulator, client) = start_with_anna().await;
    client.control.change_options(|options| {
        let other = UdmAccount { password: "x".to_owned(), rights: UdmRights::Administrator };
        options.udm_accounts.insert("other".to_owned(), other);
    });
    assert_eq!(get(&client, &path(ANNA)).await.0, 200);
    client.control.change_options(|options| options.ldap_down = true);
    assert_eq!(get(&client, &path(ANNA)).await.0, 401);
    let other = basic("other", "x");
    let response = client.udm_with("GET", &path(ANNA), &[("Authorization", &other)], &Value::Null).await;
    assert_eq!((response.status, response.header("Retry-After")), (503, Some("15")));
    client.control.change_options(|options| options.ldap_down = false);
    assert_eq!(get(&client, &path(ANNA)).await.0, 200);
}

#[tokio::test]
async fn only_json_is_answered() {
    let (_simulator, client) = start_with_anna().await;
    let table = [
        ("application/json", 200),
        ("application/hal+json", 200),
        ("application/*", 200),
        ("*/*", 406),
        ("text/html", 406),
        ("text/html, application/json;q=0.9", 406),
        ("text/html;q=0.5, application/json", 200),
    ];
    for (accept, expected) in table {
        let response = client.udm_with("GET", &path(ANNA), &[("Accept", accept)], &Value::Null).await;
        assert_eq!(response.status, expected, "{accept}");
        assert_eq!(response.status == 406, response.body.is_empty());
    }
}

#[tokio::test]
async fn languages_that_are_not_installed_are_german() {
    let (_simulator, client) = start_with_anna().await;
    for (wish, language) in [("en-US", "en-US"), ("de-DE", "de-DE"), ("fr-FR", "de-DE")] {
        let response = client.udm_with("GET", &path(ANNA), &[("Accept-Language", wish)], &Value::Null).await;
        assert_eq!(response.header("Content-Language"), Some(language));
    }
}

#[tokio::test]
async fn request_ids_are_cleaned_and_echoed() {
    let (_simulator, client) = start_with_anna().await;
    let long = format!("xyz-{}", "a1".repeat(30));
    let response = client.udm_with("GET", "/", &[("X-Request-Id", &long)], &Value::Null).await;
    let id = response.header("X-Request-Id").unwrap();
    assert_eq!((id.len(), &id[..5]), (36, "-a1a1"));
}

#[tokio::test]
async fn answers_can_have_hundreds_of_links() {
    let (_simulator, client) = start_with_anna().await;
    client.control.change_options(|options| options.extra_links = 300);
    let response = client.udm("GET", &path(ANNA), &Value::Null).await;
    assert!(response.headers.iter().filter(|(name, _)| name == "Link").count() > 300);
}

#[tokio::test]
async fn without_a_query_nothing_is_searched() {
    let (_simulator, client) = start_with_anna().await;
    let (_, form) = get(&client, "/users/user/").await;
    assert!(form.get("results").is_none());
    let (_, list) = get(&client, "/users/user/?whatever=x").await;
    assert_eq!(list["results"], 1);
    let (_, empty) = get(&client, "/users/user/?filter=uid=nobody").await;
    assert_eq!((&empty["results"], &empty["_embedded"]), (&json!(0), &json!({})));
    assert_eq!(client.control.counters().udm_searches, 2);
}

#[tokio::test]
async fn searches_find_by_filter_query_position_and_scope() {
    let (_simulator, client) = start_with_anna().await;
    let control = &client.control;
    control
        .create("users/user", "uid=bob,ou=berlin,dc=acme,dc=example", &json!({"lastname": "Klein", "oxContext": 20}))
        .unwrap();
    let anna = control.object(ANNA).unwrap();
    let identifier = anna["properties"]["univentionObjectIdentifier"].as_str().unwrap().to_owned();
    let uuid = anna["uuid"].as_str().unwrap().to_owned();
    let table = [
        (format!("filter=(univentionObjectIdentifier={identifier})"), vec!["anna"]),
        (format!("filter=(%7C(entryUUID={uuid})(uid=bob))"), vec!["anna", "bob"]),
        ("filter=(isOxUser=OK)".to_owned(), vec!["anna"]),
        ("filter=(isOxUser=true)".to_owned(), vec![]),
        ("filter=(%26(oxContext=20)(lastname=kl*))".to_owned(), vec!["bob"]),
        ("filter=(!(uid=bob))".to_owned(), vec!["anna"]),
        ("filter=(mailPrimaryAddress=*)".to_owned(), vec!["anna"]),
        ("filter=(nope=x)".to_owned(), vec![]),
        (format!("filter=(memberOf={TEAM})"), vec!["anna"]),
        (format!("filter=(entryDN={ANNA})"), vec!["anna"]),
        ("filter=(modifyTimestamp>=20200101000000Z)".to_owned(), vec!["anna", "bob"]),
        ("filter=(modifyTimestamp<=20200101000000Z)".to_owned(), vec![]),
        ("query[lastname]=We*".to_owned(), vec!["anna"]),
        ("query[lastname]=Weber&query[lastname]=Klein".to_owned(), vec!["anna"]),
        ("query[nope]=x".to_owned(), vec![]),
        ("query[description]=a(b)".to_owned(), vec![]),
        ("query[]=x".to_owned(), vec!["anna", "bob"]),
        ("property=lastname&propertyvalue=Klein".to_owned(), vec!["anna", "bob"]),
        (format!("position=ou=berlin,{BASE}"), vec!["bob"]),
        (format!("position={BASE}&scope=one"), vec![]),
        (format!("position=ou=berlin,{BASE}&scope=one"), vec!["bob"]),
        (format!("position={ANNA}&scope=base"), vec!["anna"]),
    ];
    for (query, expected) in table {
        assert_eq!(client.search("users/user", &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn searches_are_refused_with_the_place_of_the_mistake() {
    let (_simulator, client) = start().await;
    let table = [
        ("filter=(uid=x", json!(["query", "filter"])),
        ("scope=all", json!(["query", "scope"])),
        ("opened=maybe", json!(["query", "opened"])),
        ("scope=sub&scope=one", json!(["query", "scope"])),
        ("position=cn=nope,dc=acme,dc=example", json!(["query", "position"])),
        ("position=dc=elsewhere", json!(["query", "position"])),
        ("query[*]=x", json!(["query", "query[*]"])),
    ];
    for (query, expected) in table {
        let (code, body) = get(&client, &format!("/users/user/?{query}")).await;
        assert_eq!((code, location(&body)), (422, &expected), "{query}");
    }
}

#[tokio::test]
async fn entries_that_are_not_opened_have_no_properties() {
    let (_simulator, client) = start_with_anna().await;
    for query in
        ["opened=0", "properties=dn", "opened=0&properties=username", "scope=sub&hidden=true&opened=0&properties=dn"]
    {
        let (_, list) = get(&client, &format!("/users/user/?{query}")).await;
        let entry = &list["_embedded"]["udm:object"][0];
        let mut keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["_links", "dn", "id", "objectType", "position", "properties", "uri", "uuid"], "{query}");
        assert_eq!(entry["properties"], json!({}));
    }
}

#[tokio::test]
async fn named_properties_that_are_unset_are_missing() {
    let (_simulator, client) = start_with_anna().await;
    let query = "properties=username&properties=description&properties=phone&properties=oxAccess&properties=nope";
    let (_, user) = get(&client, &format!("{}?{query}", path(ANNA))).await;
    assert_eq!(user["properties"], json!({"username": "anna", "oxAccess": "premium"}), "defaults are shown");
    let (_, all) = get(&client, &path(ANNA)).await;
    assert_eq!((&all["properties"]["description"], &all["properties"]["phone"]), (&Value::Null, &json!([])));
    assert!(client.search("users/user", "filter=(oxAccess=premium)").await.is_empty(), "but they are not found");
}

#[tokio::test]
async fn pages_work_only_in_their_order() {
    let (_simulator, client) = start().await;
    client.control.seed_users(10, 5).unwrap();
    let page = |number: u32| {
        let client = client.clone();
        async move { client.search("users/user", &format!("limit=2&page={number}")).await }
    };
    assert_eq!(page(1).await, ["load000001", "load000002"]);
    assert_eq!(page(2).await, ["load000003", "load000004"]);
    assert_eq!(page(3).await, ["load000005"]);
    assert_eq!(page(9).await, ["load000005"], "behind the last page comes the last page");
    assert!(page(1).await.is_empty(), "the first one after a later one");
    client.control.change_options(|options| options.pages = Pages::TwoWorkers);
    assert_eq!(get(&client, "/users/user/?limit=2&page=2").await.0, 500);
}

#[tokio::test]
async fn too_many_hits_give_400() {
    let (_simulator, client) = start().await;
    client.control.seed_users(10, 11).unwrap();
    client.control.change_options(|options| options.size_limit = 10);
    let (code, body) = get(&client, "/users/user/?filter=uid=*").await;
    assert_eq!((code, &body["error"]["title"]), (400, &json!("Bad Request")));
    assert_eq!(client.search("users/user", "limit=5&filter=uid=*").await.len(), 5, "pages stay possible");
}

#[tokio::test]
async fn objects_are_found_by_uuid_and_dn() {
    let (_simulator, client) = start_with_anna().await;
    let uuid = client.control.object(ANNA).unwrap()["uuid"].as_str().unwrap().to_owned();
    for wanted in [uuid.as_str(), ANNA] {
        let response = client.udm("GET", &format!("/object/{wanted}"), &Value::Null).await;
        assert_eq!(response.status, 301);
        let location = response.header("Location").unwrap();
        assert!(location.ends_with("/users/user/uid%3Danna%2Ccn%3Dusers%2Cdc%3Dacme%2Cdc%3Dexample"), "{location}");
    }
    assert_eq!(get(&client, "/object/0a2f6a90-1f0b-4d3e-8c55-3d6f2f4f9b02").await.0, 404);
    assert_eq!(client.udm("GET", "/ldap/base/", &Value::Null).await.status, 301);
}

#[tokio::test]
async fn a_dn_is_shown_as_it_was_asked_for() {
    let (_simulator, client) = start_with_anna().await;
    let (code, user) = get(&client, &path("UID=Anna,cn=users,dc=acme,dc=example")).await;
    assert_eq!((code, &user["dn"]), (200, &json!("UID=Anna,cn=users,dc=acme,dc=example")));
    assert_eq!(
        get(&client, &path("uid=anna,cn=users,DC=acme,dc=example")).await.0,
        404,
        "but the base must be spelled exactly"
    );
    let odd = "cn=a/b\\, c,ou=Süd,dc=acme,dc=example";
    client.control.create("groups/group", odd, &json!({})).unwrap();
    for asked in [
        "cn%3Da%2Fb%5C%2C%20c%2Cou%3DS%C3%BCd%2Cdc%3Dacme%2Cdc%3Dexample",
        "cn=a/b%5C,%20c,ou=S%C3%BCd,dc=acme,dc=example",
    ] {
        assert_eq!(get(&client, &format!("/groups/group/{asked}")).await.0, 200, "{asked}");
    }
    assert_eq!(get(&client, &format!("/groups/group/{ANNA}")).await.0, 400, "another type");
}

#[tokio::test]
async fn an_object_without_identifier_shows_another_one_each_time() {
    let (_simulator, client) = start_with_anna().await;
    client.control.forget_identifier(ANNA).unwrap();
    let shown = || async { get(&client, &path(ANNA)).await.1["properties"]["univentionObjectIdentifier"].clone() };
    let first = shown().await;
    assert_ne!(first, shown().await);
    assert!(
        client
            .search("users/user", &format!("filter=(univentionObjectIdentifier={})", first.as_str().unwrap()))
            .await
            .is_empty()
    );
    assert_eq!(client.search("users/user", "filter=(!(univentionObjectIdentifier=*))").await, ["anna"]);
    client.control.change_options(|options| options.generate_identifiers = false);
    assert_eq!(shown().await, Value::Null);
}

#[tokio::test]
async fn tags_change_with_the_entry_not_with_memberships() {
    let (_simulator, client) = start_with_anna().await;
    let tag = |path: String| {
        let client = client.clone();
        async move { client.udm("GET", &path, &Value::Null).await.header("Etag").unwrap().to_owned() }
    };
    let (user, group) = (tag(path(ANNA)).await, tag(format!("/groups/group/{TEAM}")).await);
    client.control.modify(TEAM, &json!({"users": []})).unwrap();
    assert_eq!(user, tag(path(ANNA)).await);
    assert_ne!(group, tag(format!("/groups/group/{TEAM}")).await);
    let change = json!({"properties": {"description": "x"}});
    let table = [
        ("If-Match", "\"0000\"", 412),
        ("If-Match", user.as_str(), 204),
        ("If-Match", user.as_str(), 412),
        ("If-Match", "0000", 400),
        ("If-Match", "*", 204),
        ("If-None-Match", "*", 412),
    ];
    for (field, value, expected) in table {
        let response = client.udm_with("PATCH", &path(ANNA), &[(field, value)], &change).await;
        assert_eq!(response.status, expected, "{field} {value}");
    }
    let now = tag(path(ANNA)).await;
    let weak = format!("\"x\", W/{now}");
    assert_eq!(client.udm_with("GET", &path(ANNA), &[("If-None-Match", &weak)], &Value::Null).await.status, 304);
}

#[tokio::test]
async fn the_time_of_a_change_is_shown_after_a_second() {
    let (_simulator, client) = start_with_anna().await;
    let shown = || async { client.udm("GET", &path(ANNA), &Value::Null).await.header("Last-Modified").is_some() };
    assert!(!shown().await);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(shown().await);
}

#[tokio::test]
async fn creating_fills_in_and_checks() {
    let (_simulator, client) = start_with_anna().await;
    let create = |properties: Value| {
        let client = client.clone();
        async move {
            let body = json!({"position": "cn=users,dc=acme,dc=example", "properties": properties});
            let response = client.udm("POST", "/users/user/", &body).await;
            (response.status, json_of(&response))
        }
    };
    let user = |more: Value| {
        let mut all = json!({"username": "bob", "lastname": "Klein", "password": "Secret-123"});
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    };
    let property = |name: &str| json!(["body", "properties", name]);
    let refused = [
        (user(json!({"nope": 1})), property("nope")),
        (user(json!({"oxContext": "10"})), property("oxContext")),
        (user(json!({"oxUserQuota": 10})), property("oxUserQuota")),
        (user(json!({"isOxUser": "OK"})), property("isOxUser")),
        (user(json!({"phone": "1"})), property("phone")),
        (user(json!({"phone": null})), json!(["body", "phone"])),
        (json!({"username": "bob", "password": "x"}), property("lastname")),
        (user(json!({"username": "anna"})), json!(["body", "dn"])),
        (user(json!({"mailPrimaryAddress": "anna@acme.example"})), property("mailPrimaryAddress")),
        (
            user(json!({"univentionObjectIdentifier": "0A2F6A90-1F0B-4D3E-8C55-3D6F2F4F9B02"})),
            property("univentionObjectIdentifier"),
        ),
        (
            user(json!({"univentionObjectIdentifier": "0a2f6a90-1f0b-7d3e-8c55-3d6f2f4f9b02"})),
            property("univentionObjectIdentifier"),
        ),
    ];
    for (properties, expected) in refused {
        let (code, body) = create(properties.clone()).await;
        assert_eq!((code, location(&body)), (422, &expected), "{properties}");
    }
    assert_eq!(create(user(json!({"univentionObjectIdentifier": "x"}))).await.0, 500);
    let (code, body) = create(user(json!({"mailPrimaryAddress": "Bob@acme.example", "oxContext": 77}))).await;
    assert_eq!(code, 201, "the context is not checked");
    let made = client.control.object(body["dn"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&made["properties"]["mailPrimaryAddress"], &made["properties"]["isOxUser"]),
        (&json!("bob@acme.example"), &json!(true))
    );
    assert!(made["properties"]["univentionObjectIdentifier"].is_string());
    let (_, body) = create(json!({"username": "eve", "lastname": "E", "password": "x", "isOxUser": true})).await;
    let made = client.control.object(body["dn"].as_str().unwrap()).unwrap();
    assert_eq!(made["properties"]["isOxUser"], false, "without a mail address it is stored as false");
}

#[tokio::test]
async fn changing_is_strict_and_has_its_traps() {
    let (_simulator, client) = start_with_anna().await;
    let patch = |properties: Value| {
        let client = client.clone();
        async move { client.udm("PATCH", &path(ANNA), &json!({"properties": properties})).await }
    };
    let shown = |name: &'static str| client.control.object(ANNA).unwrap()["properties"][name].clone();
    client.control.modify(ANNA, &json!({"country": "DE", "phone": ["1"], "description": "x"})).unwrap();
    assert_eq!(patch(json!({"country": "XX"})).await.status, 204);
    assert_eq!(shown("country"), Value::Null, "a value that the select does not have clears it");
    assert_eq!(patch(json!({"phone": null})).await.status, 422);
    assert_eq!(patch(json!({"phone": [], "description": ""})).await.status, 204);
    assert_eq!((shown("phone"), shown("description")), (json!([]), Value::Null));
    assert_eq!(patch(json!({"lastname": null})).await.status, 422);
    assert_eq!(patch(json!({"univentionObjectIdentifier": "0a2f6a90-1f0b-4d3e-8c55-3d6f2f4f9b02"})).await.status, 422);
    let same = shown("univentionObjectIdentifier");
    let before = client.control.counters().udm_writes;
    assert_eq!(patch(json!({"univentionObjectIdentifier": same, "lastname": "Weber"})).await.status, 204);
    assert_eq!(client.control.counters().udm_writes, before, "nothing to change, nothing written");
    let unknown = patch(json!({"groups": ["cn=nope,cn=groups,dc=acme,dc=example"]})).await;
    assert_eq!(unknown.status, 400);
    assert_eq!(shown("groups"), json!([]), "but the other group was left by then");
    assert_eq!(patch(json!({"position": "dc=acme,dc=example"})).await.status, 422, "no property");
    assert_eq!(client.udm("PATCH", &path(ANNA), &json!({"position": BASE})).await.status, 204);
    assert!(client.control.object(ANNA).is_some(), "and nothing has moved");
}

#[tokio::test]
async fn json_patch_knows_elements_by_value() {
    let (_simulator, client) = start_with_anna().await;
    let patch = |operation: Value| {
        let client = client.clone();
        async move {
            let headers = [("Content-Type", "application/json-patch+json")];
            client.udm_with("PATCH", &path(ANNA), &headers, &json!([operation])).await.status
        }
    };
    let phone = "/properties/phone";
    let table = [
        (json!({"op": "add", "path": phone, "value": "1"}), 204),
        (json!({"op": "add", "path": phone, "value": "2"}), 204),
        (json!({"op": "add", "path": phone, "value": "1"}), 200),
        (json!({"op": "remove", "path": phone, "value": "1"}), 204),
        (json!({"op": "remove", "path": phone, "value": "1"}), 200),
        (json!({"op": "add", "path": "/properties/phone/-", "value": "3"}), 422),
        (json!({"op": "replace", "path": phone, "value": ["3"]}), 500),
        (json!({"op": "test", "path": phone, "value": ["3"]}), 500),
        (json!({"op": "replace", "path": "/position", "value": BASE}), 500),
        (json!({"op": "replace", "path": "/properties/title", "value": "Dr."}), 204),
        (json!({"op": "remove", "path": "/properties/title"}), 204),
        (json!({"op": "replace", "path": "/properties/nope", "value": "x"}), 200),
    ];
    for (operation, expected) in table {
        assert_eq!(patch(operation.clone()).await, expected, "{operation}");
    }
    assert_eq!(client.control.object(ANNA).unwrap()["properties"]["phone"], json!(["2"]));
}

#[tokio::test]
async fn leaves_move_at_once_and_containers_in_the_background() {
    let (_simulator, client) = start_with_anna().await;
    client.control.create("container/ou", "ou=berlin,dc=acme,dc=example", &json!({})).unwrap();
    client.control.create("container/ou", "ou=bonn,dc=acme,dc=example", &json!({})).unwrap();
    let put = |dn: String, kind: &'static str, position: &'static str| {
        let client = client.clone();
        async move { client.udm("PUT", &format!("/{kind}/{dn}"), &json!({"position": position, "properties": {}})).await }
    };
    let response = put(ANNA.to_owned(), "users/user", "ou=berlin,dc=acme,dc=example").await;
    assert_eq!((response.status, json_of(&response)["finished"].clone()), (201, json!(true)));
    let moved = "uid=anna,ou=berlin,dc=acme,dc=example";
    assert_eq!(get(&client, &path(moved)).await.0, 200);
    assert_eq!(put(moved.to_owned(), "users/user", "ou=nowhere,dc=acme,dc=example").await.status, 400);

    let response = put("ou=berlin,dc=acme,dc=example".to_owned(), "container/ou", "ou=bonn,dc=acme,dc=example").await;
    assert_eq!(response.status, 202);
    let progress = response.header("Location").unwrap().split("/univention/udm").nth(1).unwrap().to_owned();
    let follow = || async { client.udm("GET", &progress, &Value::Null).await.status };
    assert_eq!([follow().await, follow().await, follow().await], [301, 303, 404]);
    assert_eq!(get(&client, &path("uid=anna,ou=berlin,ou=bonn,dc=acme,dc=example")).await.0, 200);

    let failed =
        put("ou=bonn,dc=acme,dc=example".to_owned(), "container/ou", "ou=berlin,ou=bonn,dc=acme,dc=example").await;
    assert_eq!(failed.status, 202);
    let progress = failed.header("Location").unwrap().split("/univention/udm").nth(1).unwrap().to_owned();
    for errors in [false, true, true, true] {
        let response = client.udm("GET", &progress, &Value::Null).await;
        assert_eq!((response.status, json_of(&response)["errors"].clone()), (301, json!(errors)), "for ever");
    }
}

#[tokio::test]
async fn deleting_takes_everything_below_unless_told_otherwise() {
    let (_simulator, client) = start_with_anna().await;
    client.control.create("users/user", "uid=deep,ou=b,dc=acme,dc=example", &json!({"lastname": "D"})).unwrap();
    let unit = "/container/ou/ou=b,dc=acme,dc=example";
    assert_eq!(status(&client, "DELETE", &format!("{unit}?recursive=false"), Value::Null).await, 400);
    assert_eq!(status(&client, "DELETE", unit, Value::Null).await, 204);
    assert_eq!(status(&client, "DELETE", unit, Value::Null).await, 404);
    assert_eq!(get(&client, &path("uid=deep,ou=b,dc=acme,dc=example")).await.0, 404);
    assert_eq!(status(&client, "DELETE", &path(ANNA), json!({})).await, 400, "no body");
    client
        .control
        .create("oxmail/oxcontext", "cn=context10,cn=open-xchange,dc=acme,dc=example", &json!({"contextid": 10}))
        .unwrap();
    let context = "/oxmail/oxcontext/cn=context10,cn=open-xchange,dc=acme,dc=example";
    assert_eq!(status(&client, "DELETE", context, Value::Null).await, 400, "somebody is in it");
    assert_eq!(status(&client, "DELETE", &path(ANNA), Value::Null).await, 204);
    assert_eq!(status(&client, "DELETE", context, Value::Null).await, 204);
    assert_eq!(client.control.object(TEAM).unwrap()["properties"]["users"], json!([]));
}

#[tokio::test]
async fn one_bad_group_breaks_each_list_that_opens_it() {
    let (_simulator, client) = start_with_anna().await;
    client.control.create("groups/group", "cn=good,cn=groups,dc=acme,dc=example", &json!({})).unwrap();
    let account = "cn=info,cn=functional_accounts,cn=open-xchange,dc=acme,dc=example";
    client.control.create("oxmail/functional_account", account, &json!({})).unwrap();
    client.control.modify(TEAM, &json!({"users": [ANNA, account]})).unwrap();
    assert_eq!(get(&client, "/groups/group/?filter=cn=*").await.0, 500);
    assert_eq!(get(&client, &format!("/groups/group/{TEAM}")).await.0, 500);
    assert_eq!(client.search("groups/group", "opened=0").await.len(), 2);
    assert_eq!(client.search("groups/group", "filter=cn=good").await.len(), 1);
}

#[tokio::test]
async fn a_write_through_rest_becomes_a_message() {
    let (_simulator, client) = start_with_anna().await;
    client.control.subscribe("c", "secret", &["users/user"], false);
    let patch = json!({"properties": {"oxContext": 20}});
    assert_eq!(status(&client, "PATCH", &path(ANNA), patch).await, 204);
    assert_eq!(status(&client, "DELETE", &path(ANNA), Value::Null).await, 204);
    let messages = client.drain("c").await;
    assert_eq!(messages[0]["body"]["new"]["properties"]["oxContext"], 20);
    assert_eq!(messages[1]["body"]["new"], json!({}));
}

#[tokio::test]
async fn other_methods_types_and_bodies() {
    let (_simulator, client) = start_with_anna().await;
    assert_eq!(status(&client, "TRACE", &path(ANNA), Value::Null).await, 405);
    assert_eq!(status(&client, "POST", &path(ANNA), json!({})).await, 405);
    assert_eq!(status(&client, "GET", "/nope/nope/?x", Value::Null).await, 404);
    assert_eq!(status(&client, "POST", "/users/user/", json!([])).await, 422);
    let text = client.udm_with("POST", "/users/user/", &[("Content-Type", "text/plain")], &json!("x")).await;
    assert_eq!(text.status, 500);
    let template = get(&client, "/users/user/add").await.1;
    assert_eq!(template["properties"]["isOxUser"], true);
    assert!(template.get("dn").is_none() && template.get("uuid").is_none());
    let root = get(&client, "/").await.1;
    assert!(root["_links"]["udm:object-types"].as_array().unwrap().iter().any(|kind| kind["name"] == "users/user"));
}
