//! Results for people (tables with colour on a terminal) and for programs (JSON, YAML).

use std::io::{IsTerminal, Write};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use serde::Serialize;

use super::CliError;

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// Something that prints itself as a table for people and as data for programs.
pub trait Show: Serialize {
    /// The form for people.
    fn table(&self) -> String;
}

/// Prints a result to standard output.
pub fn show(result: &impl Show, format: Format) -> Result<(), CliError> {
    let text = match format {
        Format::Table => result.table(),
        Format::Json => serde_json::to_string_pretty(result).map_err(|error| CliError::internal(&error))?,
        Format::Yaml => serde_saphyr::to_string(result).map_err(|error| CliError::internal(&error))?,
    };
    say(&text);
    Ok(())
}

/// Prints a text to standard output. A reader that went away (`| head`) is no error.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
}

/// Whether colours and bars make sense on standard output.
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// A table with headings.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if !is_terminal() {
        table.force_no_tty();
        table.set_width(160);
    }
    table.set_header(headings.iter().map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// A cell with a plain value.
pub fn plain(value: impl ToString) -> Cell {
    Cell::new(value)
}

/// A cell that shows something good.
pub fn good(value: impl ToString) -> Cell {
    Cell::new(value).fg(Color::Green)
}

/// A cell that someone should look at.
pub fn bad(value: impl ToString) -> Cell {
    Cell::new(value).fg(Color::Red)
}

/// A cell that is of less interest.
pub fn faint(value: impl ToString) -> Cell {
    Cell::new(value).fg(Color::DarkGrey)
}

/// A time in milliseconds since 1970 as how long ago it was.
pub fn ago(at: i64, now: i64) -> String {
    let seconds = (now - at).max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_like_speech() {
        let now = 10_000_000_000;
        let ages = [5_000, 65_000, 7_300_000, 200_000_000].map(|age| ago(now - age, now));
        assert_eq!(ages, ["5 s ago", "1 min ago", "2 h ago", "2 d ago"]);
    }

    #[test]
    fn a_table_without_terminal_has_no_colour_codes() {
        let text = table(&["A", "B"], [vec![good("x"), bad("y")]]);
        assert!(!text.contains('\u{1b}') && text.contains('x'), "{text}");
    }
}
