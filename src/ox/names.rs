//! Where distinguished names last led to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::model::{ContextId, UserId};
use crate::udm::Dn;

/// A user in its context.
type User = (ContextId, UserId);

/// Where distinguished names last led to.
///
/// A user that is renamed or moved in the directory gets its new name before the groups that name it do. In between its old
/// name leads nowhere, which must not look like a removal. Holds fingerprints instead of names, and is stored as one text,
/// because groups can have tens of thousands of members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Sorted by fingerprint, each of which is there once.
    rows: Vec<(u64, User)>,
}

impl Names {
    /// The user that a name last led to.
    pub fn get(&self, name: &Dn) -> Option<User> {
        let position = self.position(fingerprint(name)).ok()?;
        self.rows.get(position).map(|(_, user)| *user)
    }

    /// Notes where a name leads to.
    pub fn insert(&mut self, name: &Dn, user: User) {
        let row = (fingerprint(name), user);
        match self.position(row.0) {
            Ok(position) => self.rows[position] = row,
            Err(position) => self.rows.insert(position, row),
        }
    }

    /// Forgets a name.
    pub fn remove(&mut self, name: &Dn) {
        if let Ok(position) = self.position(fingerprint(name)) {
            self.rows.remove(position);
        }
    }

    /// Whether any name leads to a user.
    pub fn leads_to(&self, user: User) -> bool {
        self.rows.iter().any(|(_, other)| *other == user)
    }

    /// Whether no name is noted.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn position(&self, fingerprint: u64) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&fingerprint, |(fingerprint, _)| *fingerprint)
    }
}

impl<'a> FromIterator<(&'a Dn, User)> for Names {
    fn from_iter<I: IntoIterator<Item = (&'a Dn, User)>>(names: I) -> Self {
        let mut rows: Vec<_> = names.into_iter().map(|(name, user)| (fingerprint(name), user)).collect();
        rows.sort_by_key(|(fingerprint, _)| *fingerprint);
        rows.dedup_by_key(|(fingerprint, _)| *fingerprint);
        Self { rows }
    }
}

/// FNV-1a: the same in each process and version, and a collision would only delay a removal.
fn fingerprint(name: &Dn) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.canonical().bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Bytes of a row: fingerprint, context and user, the first byte being the most significant one.
const ROW: usize = 16;

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.rows.len() * ROW);
        for (fingerprint, (context, user)) in &self.rows {
            bytes.extend(fingerprint.to_be_bytes());
            bytes.extend(context.0.to_be_bytes());
            bytes.extend(user.0.to_be_bytes());
        }
        serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD.decode(text.as_bytes()).map_err(|_| de::Error::custom("names are no base64"))?;
        let (rows, rest) = bytes.as_chunks::<ROW>();
        if !rest.is_empty() {
            return Err(de::Error::custom("names are cut off"));
        }
        let rows = rows.iter().map(|row| {
            let number = u128::from_be_bytes(*row);
            // Each part is masked to its size by the cast.
            #[allow(clippy::cast_possible_truncation, reason = "parts of a row")]
            let row = ((number >> 64) as u64, (ContextId((number >> 32) as u32), UserId(number as u32)));
            row
        });
        Ok(Self { rows: rows.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> Dn {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_found_changed_and_forgotten() {
        let (anna, bert) = (dn("uid=anna,dc=acme"), dn("uid=bert,dc=acme"));
        let at = |user| (ContextId(10), UserId(user));
        let mut names: Names = [(&anna, at(3)), (&bert, at(4))].into_iter().collect();
        assert_eq!((names.get(&anna), names.get(&dn("UID=Bert, dc=acme"))), (Some(at(3)), Some(at(4))));
        names.insert(&anna, at(5));
        assert!(names.get(&anna) == Some(at(5)) && names.leads_to(at(5)) && !names.leads_to(at(3)));
        names.remove(&bert);
        assert!(names.get(&bert).is_none() && !names.is_empty());
        names.remove(&anna);
        assert_eq!(names, Names::default());
    }

    #[test]
    fn they_read_back() {
        let name = |number: u32| dn(&format!("uid=user{number},dc=acme"));
        let mut names = Names::default();
        for number in 0..50 {
            names.insert(&name(number), (ContextId(u32::MAX - number), UserId(number)));
        }
        let text = serde_json::to_string(&names).unwrap();
        assert_eq!(serde_json::from_str::<Names>(&text).unwrap(), names);
        assert!(serde_json::from_str::<Names>("\"AAAA\"").is_err() && serde_json::from_str::<Names>("\"!\"").is_err());
    }
}
