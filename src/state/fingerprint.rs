//! Fingerprints of what tasks want.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

use crate::udm::{Dn, ObjectType, Properties};

/// A fingerprint of all that a task wants of its object: 128 bits of SHA-256, so that two different wishes never have the
/// same by accident.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of these properties under this name, planned with the mapping and settings of this revision.
    pub fn of(kind: ObjectType, dn: &Dn, desired: &Properties, revision: &str) -> Self {
        let mut digest = Sha256::new();
        for text in [kind.as_str(), dn.as_str(), revision] {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
        // Maps with text keys and plain values: this cannot fail.
        digest.update(serde_json::to_vec(desired).unwrap_or_default());
        let digest = digest.finalize();
        Self(STANDARD_NO_PAD.encode(digest.split_at(16).0))
    }

    /// As text, without line breaks or quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whatever_matters_makes_another_fingerprint() {
        let properties = |value| serde_json::from_value::<Properties>(value).unwrap();
        let dn = |text: &str| text.parse::<Dn>().unwrap();
        let of = |kind, name: &str, value, revision| Fingerprint::of(kind, &dn(name), &properties(value), revision);
        let one = of(ObjectType::User, "uid=a,dc=b", json!({"a": 1, "b": [null]}), "r1");
        assert_eq!(one, of(ObjectType::User, "uid=a,dc=b", json!({"b": [null], "a": 1}), "r1"));
        for other in [
            of(ObjectType::Group, "uid=a,dc=b", json!({"a": 1, "b": [null]}), "r1"),
            of(ObjectType::User, "uid=A,dc=b", json!({"a": 1, "b": [null]}), "r1"),
            of(ObjectType::User, "uid=a,dc=b", json!({"a": "1", "b": [null]}), "r1"),
            of(ObjectType::User, "uid=a,dc=b", json!({"a": 1}), "r1"),
            of(ObjectType::User, "uid=a,dc=b", json!({"a": 1, "b": [null]}), "r2"),
        ] {
            assert_ne!(one, other);
        }
    }
}
