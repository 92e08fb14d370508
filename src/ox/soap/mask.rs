//! Makes unknown texts of the server fit for reports: what can be a value is left out.

const HOLE: &str = "…";

/// Masks quoted strings, mail addresses and what follows a colon.
///
/// A Java class name before a colon is dropped first, since the interesting text comes after it.
pub(super) fn mask(text: &str) -> String {
    let text = text.lines().next().unwrap_or_default().trim();
    let unquoted = mask_quotes(without_class(text));
    let open = match unquoted.split_once(": ") {
        Some((before, _)) => format!("{before}: {HOLE}"),
        None => unquoted,
    };
    let words = open.split(' ').map(|word| if word.contains('@') { HOLE } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn without_class(mut text: &str) -> &str {
    while let Some((class, rest)) = text.split_once(": ") {
        let is_class = class.contains('.') && class.chars().all(|c| c.is_ascii_alphanumeric() || "._$".contains(c));
        if !is_class {
            break;
        }
        text = rest;
    }
    text
}

fn mask_quotes(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '„', '“', '«', '`']) {
        let mut chars = rest[at..].chars();
        let open = chars.next().unwrap_or('"');
        let inside = chars.as_str();
        let close = match open {
            '„' => ['“', '”'],
            '“' => ['”', '"'],
            '«' => ['»', '»'],
            '`' => ['`', '\''],
            quote => [quote, quote],
        };
        masked.push_str(&rest[..at]);
        masked.push(open);
        masked.push_str(HOLE);
        // The last matching quote, since a value may hold quotes itself; an unclosed one hides all that follows.
        let Some(end) = inside.rfind(close) else {
            return masked;
        };
        masked.push(close[0]);
        rest = &inside[end..];
        rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_and_the_rest_stays() {
        let cases = [
            ("No image reader available", "No image reader available"),
            ("java.lang.Odd$One: Something odd", "Something odd"),
            ("Value \"Anna's \"x\"\" is odd", "Value \"…\" is odd"),
            ("Value 'Anna' and 'Bert' are odd", "Value '…' are odd"),
            ("Mail of anna@example.org is odd", "Mail of … is odd"),
            ("Odd thing: Anna Alster", "Odd thing: …"),
            ("Odd „Anna Alster", "Odd „…"),
            ("First line\nAnna Alster", "First line"),
        ];
        for (text, expected) in cases {
            assert_eq!(mask(text), expected);
        }
    }
}
