//! What the text of a scalar element means (`ox-soap.md` 1.3).

use super::fault::Fault;
use super::record::Value;
use super::schema::Kind;

/// The value of a text; `None` if the server treats it as absent.
pub fn parse(kind: Kind, text: String) -> Result<Option<Value>, Fault> {
    let unreadable = |text: &str| Fault::client(format!("Unmarshalling Error: {text} "));
    Ok(Some(match kind {
        Kind::Int => Value::Number(int(&text)?),
        Kind::Long => {
            let digits = text.trim();
            let number = digits.strip_prefix('+').unwrap_or(digits).parse();
            Value::Number(number.map_err(|_| unreadable(&format!("For input string: \"{digits}\"")))?)
        }
        Kind::Flag => match text.trim() {
            "true" | "1" => Value::Flag(true),
            "false" | "0" => Value::Flag(false),
            _ => return Ok(None),
        },
        Kind::Date => Value::text(date(text.trim()).ok_or_else(|| unreadable(&text))?),
        Kind::Binary => Value::text(text.split_whitespace().collect::<String>()),
        Kind::Text | Kind::Object(_) => Value::text(text),
    }))
}

/// An empty number is 0, and a number that does not fit wraps around.
fn int(text: &str) -> Result<i64, Fault> {
    let mut number = 0_i32;
    let mut sign = 1_i32;
    for character in text.chars() {
        match character {
            '-' => sign = -1,
            '+' => {}
            _ if character.is_whitespace() => {}
            _ => match character.to_digit(10).and_then(|digit| i32::try_from(digit).ok()) {
                Some(digit) => number = number.wrapping_mul(10).wrapping_add(digit),
                None => return Err(Fault::client(format!("Unmarshalling Error: Not a number: {} ", text.trim()))),
            },
        }
    }
    Ok(i64::from(number.wrapping_mul(sign)))
}

/// Year, month and day of a date with or without zone or time.
fn date(text: &str) -> Option<&str> {
    let day = text.get(..10)?;
    let mut parts = day.split('-');
    let (year, month, day_of_month) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 {
        return None;
    }
    let (year, month, date): (u32, u32, u32) = (year.parse().ok()?, month.parse().ok()?, day_of_month.parse().ok()?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    let zone = &text[10..];
    let zone_fits = zone.is_empty() || zone == "Z" || zone.starts_with(['+', '-', 'T']);
    ((1..=days).contains(&date) && zone_fits).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_server_reads_them() {
        assert_eq!(int(""), Ok(0));
        assert_eq!(int(" \n42 "), Ok(42));
        assert_eq!(int("-7"), Ok(-7));
        assert!(int("drei").is_err());
        assert!(parse(Kind::Long, String::new()).is_err());
        assert_eq!(parse(Kind::Long, " +5 ".to_owned()), Ok(Some(Value::Number(5))));
        assert_eq!(parse(Kind::Flag, "vielleicht".to_owned()), Ok(None));
    }

    #[test]
    fn dates_lose_their_zone() {
        assert_eq!(date("2004-02-29+02:00"), Some("2004-02-29"));
        assert_eq!(date("1990-02-01Z"), Some("1990-02-01"));
        assert_eq!(date("2003-02-29"), None);
        assert_eq!(date("29.02.2004"), None);
        assert_eq!(date(""), None);
    }
}
