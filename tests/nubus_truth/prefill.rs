//! Messages of the prefill service: an object in the directory becomes the recorded message.

use serde_json::{Value, json};

use crate::exchange::{compare, judge, names, recording, simulator};

#[tokio::test]
async fn prefill_messages_are_as_recorded() {
    let mut differences = Vec::new();
    let names: Vec<String> = names("provisioning").into_iter().filter(|name| name.starts_with("prefill-")).collect();
    assert_eq!(names.len(), 8);
    for name in names {
        let simulator = simulator().await;
        let control = simulator.control();
        let exchange = recording("provisioning", &name);
        let expected = &exchange.response.body;
        let new = &expected["body"]["new"];
        for group in new["properties"]["groups"].as_array().into_iter().flatten().filter(|group| group.is_string()) {
            let file = json!({"udm_object_type": "groups/group", "dn": group, "object": {"users": [new["dn"]]}});
            control.seed(&file).unwrap();
        }
        let file = json!({"udm_object_type": new["objectType"], "dn": new["dn"], "entry_uuid": new["uuid"],
            "object": new["properties"]});
        control.seed(&file).unwrap();
        let topic = expected["topic"].as_str().unwrap();
        assert_eq!(control.subscribe("ox-prefill", "secret", &[topic], true), 201);
        let got = exchange.send(simulator.address()).await;
        let mut body: Value = serde_json::from_slice(&got.body).unwrap();
        body["ts"] = expected["ts"].clone();
        body["sequence_number"] = expected["sequence_number"].clone();
        // The address is that of the UDM which the prefill service asked.
        let path = |value: &Value| value.as_str().unwrap().split_once("/udm/").unwrap().1.to_owned();
        assert_eq!(path(&body["body"]["new"]["uri"]), path(&new["uri"]));
        body["body"]["new"]["uri"] = new["uri"].clone();
        let mut found = Vec::new();
        compare("", expected, &body, &mut found);
        differences.push((name, found));
    }
    judge(&differences, &[]);
}
