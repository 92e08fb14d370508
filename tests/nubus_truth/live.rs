//! Messages of the listener: each change is made in the directory, the message must be the recorded one.

use oxherd::simulator::nubus::{FaultAction, FaultRule, NubusControl, Place};
use serde_json::{Value, json};

use crate::exchange::{compare, judge, names, recording, simulator};

/// Puts the groups of a user in, so that it is a member of them.
fn seed_groups(control: &NubusControl, side: &Value, member: &Value) {
    for group in side["properties"]["groups"].as_array().into_iter().flatten() {
        let file = json!({"udm_object_type": "groups/group", "dn": group, "object": {"users": [member]}});
        // Both sides name the same groups.
        let _ = control.seed(&file);
    }
}

fn file(side: &Value) -> Value {
    json!({"udm_object_type": side["objectType"], "dn": side["dn"], "object": side["properties"]})
}

#[tokio::test]
async fn live_messages_are_as_recorded() {
    let mut differences = Vec::new();
    let names: Vec<String> = names("provisioning").into_iter().filter(|name| name.starts_with("live-")).collect();
    assert_eq!(names.len(), 30);
    for name in names {
        let simulator = simulator().await;
        let control = simulator.control();
        let exchange = recording("provisioning", &name);
        let expected = &exchange.response.body;
        let (old, new) = (&expected["body"]["old"], &expected["body"]["new"]);
        let topic = expected["topic"].as_str().unwrap();
        assert_eq!(control.subscribe("ox-consumer", "secret", &[topic], false), 201);
        let there = if old["dn"].is_null() { new } else { old };
        seed_groups(&control, there, &there["dn"]);
        if !old["dn"].is_null() {
            let mut before = file(old);
            if name == "live-old-equals-new" {
                before["object"]["lastname"] = json!("Final");
                control.add_fault(FaultRule::once(Place::Live, FaultAction::OldEqualsNew));
            }
            control.seed(&before).unwrap();
        }
        match (old["dn"].as_str(), new["dn"].as_str()) {
            (Some(old), None) => control.delete(old).unwrap(),
            (Some(old), _) if name == "live-user-password-changed" => control.touch(old).unwrap(),
            _ => {
                let mut after = file(new);
                // An object is found again by its identifier.
                after["id"] = new["properties"]["univentionObjectIdentifier"].clone();
                control.apply(&after).unwrap();
            }
        }
        let got = exchange.send(simulator.address()).await;
        let mut body: Value = serde_json::from_slice(&got.body).unwrap();
        body["ts"] = expected["ts"].clone();
        body["sequence_number"] = expected["sequence_number"].clone();
        let mut found = Vec::new();
        compare("", expected, &body, &mut found);
        differences.push((name, found));
    }
    judge(&differences, &[]);
}
