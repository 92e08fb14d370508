//! Lists in parts: a range of identifiers at a time, since the server collects a whole list in memory before it answers, and
//! since a run that is interrupted goes on with the part where it was.

use serde::{Deserialize, Serialize};

use crate::state::IdSpan;
use crate::udm::rest::Filter;
use crate::udm::{IDENTIFIER, ObjectType};

/// A part with more objects than these is followed by smaller ones.
const MOST: usize = 4_000;
/// The digits of an identifier; of these at most [`FINEST`] choose a part.
const DIGITS: usize = 32;
const FINEST: usize = 4;

/// The objects of a type whose identifiers begin with these hexadecimal digits; without any: all. Identifiers are random,
/// so that parts of the same length hold about the same number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slice(String);

impl Slice {
    /// The first part of a type. Only of users and groups there are many.
    pub fn first(kind: ObjectType) -> Self {
        match kind {
            ObjectType::User | ObjectType::Group => Self("0".to_owned()),
            _ => Self::whole(),
        }
    }

    /// All at once.
    pub fn whole() -> Self {
        Self::default()
    }

    /// Whether it is all at once.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// The part that follows one in which so many objects were found; none after the last one.
    pub fn next(&self, found: usize) -> Option<Self> {
        let digits = self.0.trim_end_matches('f');
        let last = digits.chars().last()?;
        let up = char::from_digit(last.to_digit(16)? + 1, 16)?;
        let mut next = format!("{}{up}", digits.get(..digits.len() - 1)?);
        // All digits behind the one that was counted up begin anew.
        next.extend(std::iter::repeat_n('0', self.0.len() - digits.len()));
        if found > MOST && next.len() < FINEST {
            next.push('0');
        }
        Some(Self(next))
    }

    /// What share of all identifiers lies before it.
    pub fn share_before(&self) -> f64 {
        let number = u32::from_str_radix(&self.0, 16).unwrap_or(0);
        f64::from(number) / 16_f64.powi(i32::try_from(self.0.len()).unwrap_or(0))
    }

    /// Chooses its objects. LDAP knows no beginnings of identifiers, but their order.
    pub fn filter(&self) -> Filter {
        if self.is_whole() {
            return Filter::identified();
        }
        let bound = |digit: char| {
            let mut text = self.0.clone();
            text.extend(std::iter::repeat_n(digit, DIGITS.saturating_sub(self.0.len())));
            for at in [8, 13, 18, 23] {
                text.insert(at, '-');
            }
            text
        };
        Filter::AtLeast(IDENTIFIER, bound('0')).and(Filter::AtMost(IDENTIFIER, bound('f')))
    }

    /// The same objects in the state.
    pub fn span(&self) -> IdSpan {
        // `~` comes after whatever an identifier may go on with.
        IdSpan { from: self.0.clone(), below: (!self.is_whole()).then(|| format!("{}~", self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut found: impl FnMut(&Slice) -> usize) -> Vec<Slice> {
        let mut slices = vec![Slice::first(ObjectType::User)];
        while let Some(next) = slices.last().and_then(|slice| slice.next(found(slice))) {
            slices.push(next);
        }
        slices
    }

    #[test]
    fn few_objects_need_sixteen_parts() {
        let slices = all(|_| 10);
        assert_eq!(slices.len(), 16);
        assert_eq!(slices.iter().map(|slice| slice.0.as_str()).collect::<String>(), "0123456789abcdef");
        assert_eq!(Slice::first(ObjectType::Context).next(100_000), None);
    }

    #[test]
    fn large_parts_are_followed_by_smaller_ones_and_nothing_is_left_out() {
        for big in [1, 3, 20, 100] {
            let mut asked = 0;
            let slices = all(|_| {
                asked += 1;
                if asked % big == 0 { 5_000 } else { 5 }
            });
            let mut covered = 0.0;
            for slice in &slices {
                assert!((slice.share_before() - covered).abs() < 1e-9, "{slices:?}");
                covered += 16_f64.powi(-i32::try_from(slice.0.len()).unwrap());
            }
            assert!((covered - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_part_is_a_range_in_ldap_and_in_the_state() {
        let slice = Slice("1f".to_owned());
        let filter = slice.filter().to_string();
        assert_eq!(
            filter,
            "(&(univentionObjectIdentifier>=1f000000-0000-0000-0000-000000000000)\
             (univentionObjectIdentifier<=1fffffff-ffff-ffff-ffff-ffffffffffff))"
        );
        let IdSpan { from, below } = slice.span();
        let inside = |id: &str| from.as_str() <= id && below.as_deref().is_none_or(|below| id < below);
        assert!(inside("1f") && inside("1f000000-0000") && inside("1fffffff-ffff-ffff-ffff-ffffffffffff"));
        assert!(!inside("20000000") && !inside("1effffff"));
        assert_eq!(Slice::whole().filter().to_string(), "(univentionObjectIdentifier=*)");
        assert_eq!(Slice::whole().span(), IdSpan::default());
    }
}
