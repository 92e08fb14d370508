//! `docs/parity.md` tells the truth: its tests exist, and tests that are named after a row stand on it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Column of the page and the folder of its tests.
const COLUMNS: [(usize, &str); 2] = [(2, "tests/planner"), (3, "tests/end_to_end")];

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Tests as `module::name`.
fn mentioned(column: usize) -> BTreeSet<String> {
    let page = fs::read_to_string(root("docs/parity.md")).unwrap();
    let cells = page.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(column));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn existing(folder: &str) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(root(folder)).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line == "#[test]" || line.starts_with("#[tokio::test") {
                let name = lines.by_ref().find_map(|line| line.split_once("fn ")).unwrap().1;
                tests.insert(format!("{module}::{}", name.split('(').next().unwrap()));
            }
        }
    }
    tests
}

#[test]
fn every_test_on_the_page_exists() {
    for (column, folder) in COLUMNS {
        let (mentioned, existing) = (mentioned(column), existing(folder));
        assert!(mentioned.len() > 80, "{} tests of {folder} found: is this still a table?", mentioned.len());
        let missing: Vec<_> = mentioned.difference(&existing).collect();
        assert!(missing.is_empty(), "not in {folder}: {missing:#?}");
    }
}

#[test]
fn every_test_that_is_named_after_a_row_stands_on_the_page() {
    let row = |test: &str| {
        let name = test.split("::").nth(1).unwrap();
        let rest = name.strip_prefix('i').or_else(|| name.strip_prefix('j'));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    for (column, folder) in COLUMNS {
        let mentioned = mentioned(column);
        let missing: Vec<_> =
            existing(folder).into_iter().filter(|test| row(test) && !mentioned.contains(test)).collect();
        assert!(missing.is_empty(), "tests of {folder} that docs/parity.md does not mention: {missing:#?}");
    }
}
