//! The order of a Java hash set: answers of `create` list login mappings and aliases in it.

/// The items without doubles, as the `java.util.HashSet` of the server (made for a few items) gives them back.
pub fn hash_set_order(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut unique: Vec<String> = Vec::new();
    for item in items {
        if !unique.contains(&item) {
            unique.push(item);
        }
    }
    // The table doubles when it is three quarters full.
    let mut table = 8;
    while unique.len() * 4 > table * 3 {
        table *= 2;
    }
    let mask = u32::try_from(table - 1).unwrap_or(u32::MAX);
    unique.sort_by_key(|item| bucket(item) & mask);
    unique
}

fn bucket(item: &str) -> u32 {
    let hash = item.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_a_recorded_answer() {
        let items = ["golden-a.example", "20000", "golden-a"].map(str::to_owned);
        assert_eq!(hash_set_order(items), ["golden-a.example", "20000", "golden-a"]);
        let items = ["20002", "golden-users"].map(str::to_owned);
        assert_eq!(hash_set_order(items), ["golden-users", "20002"]);
        let items = ["golden-b", "20001"].map(str::to_owned);
        assert_eq!(hash_set_order(items), ["20001", "golden-b"]);
    }
}
