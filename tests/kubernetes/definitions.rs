//! What the API server makes of our definitions.

use serde_json::{Value, json};

use crate::ground::Ground;

/// A connector that is right.
pub fn connector(name: &str) -> Value {
    json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxConnector", "metadata": {"name": name}, "spec": {
        "ox": {"url": "http://127.0.0.1:1", "credentialsRef": {"name": "ox-master"}},
        "source": {"spool": {"folder": "/nowhere"}},
        "defaults": {"domain": "test.example"},
    }})
}

fn context() -> Value {
    json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxContext", "metadata": {"name": "ten"},
        "spec": {"connectorRef": {"name": "main"}, "id": 10}})
}

fn operation() -> Value {
    json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxOperation", "metadata": {"name": "again"},
        "spec": {"connectorRef": {"name": "main"}, "action": "Retry"}})
}

fn mapping() -> Value {
    json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAttributeMapping", "metadata": {"name": "ours"},
        "spec": {"entries": [{"attribute": "given_name", "property": "firstname"}]}})
}

fn profile() -> Value {
    json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAccessProfile", "metadata": {"name": "full"},
        "spec": {"displayName": "Full"}})
}

/// An object with one field set to another value; `null` removes it.
fn with(mut object: Value, path: &str, value: Value) -> Value {
    let (parents, last) = path.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parents).unwrap_or_else(|| panic!("no {parents}"));
    match value {
        Value::Null => drop(parent.as_object_mut().unwrap().remove(last)),
        value => parent[last] = value,
    }
    object
}

/// Each rule with an object that breaks it and a part of the message.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let url = "must be a URL with http:// or https://";
    let imap = "must be a URL like imap://mail.example.org:143";
    let smtp = "must be a URL like smtp://mail.example.org:587";
    let duration = "must be a duration greater than zero like 500ms, 30s, 10m or 24h";
    let nubus = json!({"url": "http://nubus", "credentialsRef": {"name": "x"}});
    vec![
        ("a long name", connector(&"x".repeat(64)), "metadata.name must be at most 63 characters long"),
        ("no scheme", with(connector("x"), "/spec/ox/url", json!("ox.example.org")), url),
        ("another scheme", with(connector("x"), "/spec/ox/url", json!("ftp://ox.example.org")), url),
        ("UDM", with(connector("x"), "/spec/udm", json!({"url": "udm", "credentialsRef": {"name": "x"}})), url),
        (
            "Nubus",
            with(connector("x"), "/spec/source", json!({"nubus": {"url": "nubus", "credentialsRef": {"name": "x"}}})),
            url,
        ),
        ("IMAP without port", with(connector("x"), "/spec/defaults/imapServer", json!("imap://mail")), imap),
        ("SMTP for IMAP", with(connector("x"), "/spec/defaults/imapServer", json!("smtp://mail:25")), imap),
        ("SMTP without port", with(connector("x"), "/spec/defaults/smtpServer", json!("smtp://mail")), smtp),
        ("no time", with(connector("x"), "/spec/statusInterval", json!("0s")), duration),
        ("negative time", with(connector("x"), "/spec/policies", json!({"retention": "-1h"})), duration),
        (
            "two sources",
            with(connector("x"), "/spec/source/nubus", nubus),
            "exactly one of spool and nubus must be given",
        ),
        ("no source", with(connector("x"), "/spec/source", json!({})), "exactly one of spool and nubus must be given"),
        (
            "certificates that nobody looks at",
            with(
                connector("x"),
                "/spec/ox/tls",
                json!({"verification": "InsecureSkip", "caBundleRef": {"name": "x", "key": "y"}}),
            ),
            "caBundleRef has no effect without verification Full",
        ),
        (
            "a database without an address",
            with(connector("x"), "/spec/state", json!({"backend": "Postgres"})),
            "backend Postgres needs connectionRef",
        ),
        (
            "an address without a database",
            with(connector("x"), "/spec/state", json!({"connectionRef": {"name": "x", "key": "y"}})),
            "backend Postgres needs connectionRef",
        ),
        (
            "an approval of anything",
            with(operation(), "/spec/action", json!("ApproveDeletions")),
            "copy it from the condition DeletionsBlocked",
        ),
        (
            "a list that nobody approves",
            with(operation(), "/spec/deletionList", json!("abc")),
            "copy it from the condition DeletionsBlocked",
        ),
        ("context 0", with(context(), "/spec/id", json!(0)), "should be greater than or equal to 1"),
        ("a quota below none", with(context(), "/spec/quota", json!(-2)), "should be greater than or equal to -1"),
        ("an unknown attribute", with(mapping(), "/spec/entries/0/attribute", json!("given_nam")), "Unsupported value"),
        ("a right that OX has not", with(profile(), "/spec/rights", json!({"webmial": true})), "unknown field"),
        ("a profile without a name for people", with(profile(), "/spec/displayName", Value::Null), "Required value"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_refuses_its_bad_object_with_a_message_that_helps() {
    let ground = Ground::new("rules").await;
    for object in [connector("main"), context(), operation(), mapping(), profile()] {
        ground.apply(&[object]);
    }
    for (what, object, message) in refused() {
        let output = ground.kubectl(&["create", "--validate=strict", "-f", "-"], &object.to_string());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(message), "{what}: {errors}");
    }
    let all: Vec<_> = refused().into_iter().map(|(_, _, message)| message).collect();
    let rules = rules_of_definitions();
    let immutable = ["must not be changed", "an operation must not be changed"];
    for rule in &rules {
        let tried = all.iter().chain(&immutable).any(|message| rule.contains(message));
        assert!(tried, "no test breaks the rule with the message '{rule}'");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_identifies_an_object_cannot_be_changed() {
    let ground = Ground::new("immutable").await;
    ground.apply(&[connector("main"), context(), operation()]);
    let table = [
        (with(context(), "/spec/id", json!(11)), "must not be changed: delete the object and make a new one"),
        (with(context(), "/spec/connectorRef", json!({"name": "other"})), "must not be changed"),
        (with(connector("main"), "/spec/controllerClass", json!("other")), "must not be changed"),
        (with(connector("main"), "/spec/state", json!({"backend": "ConfigMap"})), "must not be changed"),
        (with(operation(), "/spec/action", json!("Drop")), "an operation must not be changed: make another one"),
        (with(operation(), "/spec/selector", json!({"objects": ["x"]})), "an operation must not be changed"),
    ];
    for (object, message) in table {
        let output = ground.kubectl(&["apply", "-f", "-"], &object.to_string());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(message), "{object}: {errors}");
    }
    // What is no identity can be changed.
    ground.apply(&[with(context(), "/spec/quota", json!(5000))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_kinds_have_short_names_one_category_and_columns() {
    let ground = Ground::new("columns").await;
    ground.apply(&[connector("main"), context(), operation(), mapping(), profile()]);
    for (short, columns) in [
        ("oxc", "NAME URL MODE PHASE READY REASON BACKLOG PARKED LAST SUCCESS AGE"),
        ("oxctx", "NAME ID CONNECTOR READY REASON USERS LAST SYNC AGE"),
        ("oxmap", "NAME BASE READY VALID REASON REVISION AGE"),
        ("oxap", "NAME DISPLAY NAME READY REASON USERS AGE"),
        ("oxop", "NAME ACTION CONNECTOR PHASE READY DONE TOTAL AGE"),
    ] {
        let table = ground.kubectl_ok(&["get", short], "");
        let head: Vec<_> = table.lines().next().unwrap_or_default().split_whitespace().collect();
        assert_eq!(head.join(" "), columns, "{short}");
    }
    let all = ground.kubectl_ok(&["get", "oxherd", "-o", "name"], "");
    assert_eq!(all.lines().count(), 5, "{all}");
    let found = ground.kubectl_ok(&["get", "oxctx", "--field-selector", "spec.id=10", "-o", "name"], "");
    assert_eq!(found.trim(), "oxcontext.oxherd.dev/ten");
    let none = ground.kubectl_ok(&["get", "oxctx", "--field-selector", "spec.connectorRef.name=x", "-o", "name"], "");
    assert_eq!(none, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_stand_in_the_object_and_status_is_a_part_of_its_own() {
    let ground = Ground::new("defaults").await;
    ground.apply(&[with(connector("main"), "/status", json!({"phase": "Idle"}))]);
    let found = ground.get("oxconnector", "main");
    assert_eq!(found["spec"]["ox"]["limits"]["concurrency"], 24);
    assert_eq!(found["spec"]["policies"]["deletionGuard"]["maxPercent"], 10);
    assert_eq!(found["spec"]["statusInterval"], "10s");
    assert_eq!(found["status"], Value::Null, "whoever writes the specification does not write the status");
    let typed: oxherd::api::OxConnector = serde_json::from_value(found.clone()).unwrap();
    let own: oxherd::api::OxConnector = serde_json::from_value(connector("main")).unwrap();
    assert_eq!(typed.spec, own.spec, "the defaults of the schema are those of the program");
}

/// The messages of all rules in our definitions.
fn rules_of_definitions() -> Vec<String> {
    fn gather(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for rule in fields.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
                    found.push(rule["message"].as_str().expect("each rule has a message").to_owned());
                }
                fields.values().for_each(|value| gather(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| gather(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for crd in oxherd::api::crds() {
        gather(&serde_json::to_value(crd).unwrap(), &mut found);
    }
    found.sort();
    found.dedup();
    found
}
