//! Fills a state with made-up users, as if they had been loaded.

use std::path::Path;

use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{Fingerprint, Footprint, Outcome, Record, Seq, Store, Verdict};
use oxherd::udm::{ObjectId, Properties};
use serde_json::Value;

use super::directory;

/// A loaded user as text, to be turned into others.
struct Template {
    record: Record,
    token: String,
    id: String,
    desired: String,
    state: Value,
    face: Value,
    footprint: String,
}

impl Template {
    async fn of(store: &SqliteStore, number: u32) -> Self {
        let object = ObjectId::new(&directory::user_id(number)).expect("an identifier");
        let record = store.record(&object).await.expect("a state").expect("a loaded user");
        Self {
            token: directory::token(number),
            id: format!("/user/{}\"", record.face["id"]),
            desired: serde_json::to_string(&record.desired).expect("a text"),
            state: record.state.clone(),
            face: record.face.clone(),
            footprint: serde_json::to_string(&record.footprint).expect("a text"),
            record,
        }
    }

    fn user(&self, number: u32) -> Outcome {
        let token = directory::token(number);
        let other = |text: &str| text.replace(&self.token, &token);
        // Above all numbers that the simulator gives.
        let id = 10_000_000 + number;
        let mut face = self.face.clone();
        face["id"] = id.into();
        let mut state: Value = serde_json::from_str(&other(&self.state.to_string())).expect("a state");
        state["user"]["id"] = id.into();
        let footprint = other(&self.footprint).replace(&self.id, &format!("/user/{id}\""));
        let desired: Properties = serde_json::from_str(&other(&self.desired)).expect("properties");
        let record = Record {
            object: ObjectId::new(&directory::user_id(number)).expect("an identifier"),
            kind: self.record.kind,
            dn: other(self.record.dn.as_str()).parse().expect("a name"),
            desired,
            state,
            face,
            footprint: serde_json::from_str::<Footprint>(&footprint).expect("a footprint"),
            revision: self.record.revision.clone(),
        };
        let settled = Fingerprint::of(record.kind, &record.dn, &record.desired, &record.revision);
        Outcome {
            seq: Seq(0),
            object: record.object.clone(),
            verdict: Verdict::Applied(Box::new(record)),
            partial: None,
            ripple: Vec::new(),
            settled: Some(settled),
            audit: None,
        }
    }
}

/// Adds users with these numbers to the state in a file, made of those that are loaded.
pub fn fill(path: &Path, numbers: std::ops::Range<u32>) {
    const BATCH: u32 = 2_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = SqliteStore::open(path).await.expect("a state");
        let mut templates = Vec::new();
        for number in 0..directory::REPEATS {
            templates.push(Template::of(&store, number).await);
        }
        let mut next = numbers.start;
        while next < numbers.end {
            let end = numbers.end.min(next + BATCH);
            let template = |number: u32| &templates[(number % directory::REPEATS) as usize];
            let users: Vec<_> = (next..end).map(|number| template(number).user(number)).collect();
            store.commit(&users).await.expect("a state that takes records");
            next = end;
        }
    });
}
