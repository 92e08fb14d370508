//! Calendar dates as Univention directories spell them.

/// Brings `YYYY-MM-DD` or `DD.MM.YYYY` to `YYYY-MM-DD`; none if it is no day of the calendar.
pub fn iso(text: &str) -> Option<String> {
    let text = text.trim();
    let (year, month, day) = match text.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => (year, month, day),
        _ => match text.split('.').collect::<Vec<_>>()[..] {
            [day, month, year] => (year, month, day),
            _ => return None,
        },
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let valid = year > 0 && (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
    valid.then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn number(digits: &str, length: usize) -> Option<u32> {
    let valid = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().ok()).flatten()
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A time in milliseconds since 1970 as `YYYY-MM-DD HH:MM UTC`.
pub fn day_and_time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| "the end of time".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::{day_and_time, iso};

    #[test]
    fn times_are_readable() {
        assert_eq!(day_and_time(1_790_000_000_000), "2026-09-21 14:13 UTC");
        assert_eq!(day_and_time(i64::MAX), "the end of time");
    }

    #[test]
    fn both_spellings_give_iso() {
        assert_eq!(iso("1984-02-29").as_deref(), Some("1984-02-29"));
        assert_eq!(iso("31.12.1999").as_deref(), Some("1999-12-31"));
        assert_eq!(iso(" 2000-02-29 ").as_deref(), Some("2000-02-29"));
    }

    #[test]
    fn what_is_no_day_of_the_calendar_is_refused() {
        for text in ["", "tomorrow", "1900-02-29", "2023-13-01", "2023-00-10", "31.04.2023", "1.2.2023", "0000-01-01"] {
            assert_eq!(iso(text), None, "{text}");
        }
        assert_eq!(iso("２０２３-01-01"), None, "digits of other scripts");
    }
}
