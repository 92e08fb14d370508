//! Times in the forms of the simulated services.

use jiff::Timestamp;

/// `2026-01-02T03:04:05.678901`: naive, as listener and prefill write it.
pub fn naive(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// `Fri, 02 Jan 2026 03:04:05 GMT`, as in HTTP.
pub fn http(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `20260102030405Z`, as in LDAP.
pub fn ldap(time: Timestamp) -> String {
    time.strftime("%Y%m%d%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_forms() {
        let time = Timestamp::from_microsecond(1_767_323_045_678_901).unwrap_or_default();
        assert_eq!(naive(time), "2026-01-02T03:04:05.678901");
        assert_eq!(http(time), "Fri, 02 Jan 2026 03:04:05 GMT");
        assert_eq!(ldap(time), "20260102030405Z");
    }
}
