//! Every room of the house imports only from rooms below it, and nothing that its purpose forbids (design, section 3).

#![allow(clippy::unwrap_used, reason = "in tests a panic is the right answer")]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms from the ground up. A room may import from lower floors and from the rooms named beside it.
const FLOORS: &[&[(&str, &[&str])]] = &[
    &[("failure_points", &[]), ("transport", &[])],
    &[("udm", &[]), ("telemetry", &[]), ("simulator", &[])],
    &[("state", &[]), ("source", &["state"])],
    &[("engine", &[])],
    &[("ox", &[])],
    &[("api", &[])],
    &[("controller", &[])],
    &[("cli", &[])],
];

/// What the purpose of a part forbids, beyond its floor: path below `src/`, exceptions, forbidden crates and rooms.
const FORBIDDEN: &[(&str, &[&str], &[&str])] = &[
    ("udm/", &["udm/rest"], &["reqwest", "hyper"]),
    ("udm/", &[], &["sqlx", "kube"]),
    ("state/", &[], &["reqwest", "hyper", "kube", "quick_xml"]),
    ("source/", &[], &["crate::ox", "crate::engine", "kube", "sqlx", "quick_xml"]),
    ("engine/", &[], &["kube", "k8s_openapi", "quick_xml", "sqlx", "reqwest", "crate::ox"]),
    ("ox/", &[], &["kube", "k8s_openapi", "sqlx"]),
    ("ox/", &["ox/soap", "ox/execute", "ox/target"], &["tokio", "tokio_util", "reqwest", "hyper", "quick_xml"]),
    // A bug of a client must not be mirrored by a simulator that shares its code.
    (
        "simulator/",
        &[],
        &["crate::ox", "crate::engine", "crate::state", "crate::source", "crate::udm", "reqwest", "sqlx"],
    ),
    ("api/", &[], &["reqwest", "hyper", "sqlx", "quick_xml", "tokio", "crate::ox::soap", "crate::ox::target"]),
    ("controller/", &[], &["crate::ox::plan", "crate::ox::mapping", "quick_xml"]),
    ("cli/", &[], &["sqlx", "quick_xml"]),
    ("main.rs", &[], &["sqlx", "quick_xml"]),
];

#[test]
fn rooms_import_only_what_they_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 10, "the house is not empty");
    let mut violations = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        violations.extend(check(&name, &fs::read_to_string(&file).unwrap()));
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn violations_are_found() {
    let table = [
        ("udm/dn.rs", "use crate::ox::model::Call;", "crate::ox::model::Call"),
        ("state/mod.rs", "use crate::source::Sink;", "crate::source::Sink"),
        ("engine/mod.rs", "use crate::{state::Seq, ox};", "crate::ox"),
        ("engine/mod.rs", "fn f() -> crate::ox::model::Call {}", "crate::ox::model::Call"),
        ("engine/mod.rs", "use crate::api::OxContext;", "crate::api::OxContext"),
        ("engine/mod.rs", "use\n    kube::{Api, Client};", "kube::Api"),
        ("engine/a/b.rs", "use super::super::super::ox::model;", "crate::ox::model"),
        ("source/spool.rs", "use super::super::ox;", "crate::ox"),
        ("ox/mapping.rs", "let x = tokio::time::sleep(d);", "tokio::time::sleep"),
        ("ox/plan/user.rs", "use { std::fmt, reqwest::Client };", "reqwest::Client"),
        ("ox/soap/client.rs", "use sqlx::query;", "sqlx::query"),
        ("simulator/ox.rs", "use crate::ox::attribute::Attribute as A;", "crate::ox::attribute::Attribute"),
        ("api/mod.rs", "pub(crate) use crate::ox::soap::Client;", "crate::ox::soap::Client"),
        ("udm/object.rs", "type X = ::sqlx::Pool;", "sqlx::Pool"),
        ("brand_new/mod.rs", "", "no room"),
    ];
    for (file, text, found) in table {
        let violations = check(file, text);
        assert!(violations.iter().any(|violation| violation.contains(found)), "{file}: {text}: {violations:?}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let table = [
        ("source/spool.rs", "use crate::udm::Event; use crate::state::Task; use super::Sink; use tokio::fs;"),
        ("engine/mod.rs", "use crate::state::Seq; // use crate::ox::model\n/* kube::Api */ let s = \"sqlx::query\";"),
        ("ox/soap/client.rs", "use reqwest::Client; use quick_xml::Reader; use super::fault;"),
        ("ox/target.rs", "use tokio::sync::Mutex; use crate::engine::Target;"),
        ("ox/mapping.rs", "/// Like `tokio::time`.\nuse crate::udm::Properties;"),
        ("ox/mapping.rs", "const X: char = '\"'; use std::fmt; fn f<'a>(x: &'a str) {} // tokio::x"),
        ("api/mod.rs", "use crate::ox::attribute::Attribute; use kube::CustomResource;"),
        ("lib.rs", "pub mod udm;"),
        ("main.rs", "use oxherd::cli;"),
    ];
    for (file, text) in table {
        assert_eq!(check(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What is wrong with a file of this name below `src/`.
fn check(file: &str, text: &str) -> Vec<String> {
    let room = file.split_once('/').map(|(room, _)| room).or_else(|| Some(file.strip_suffix(".rs").unwrap_or(file)));
    let room = room.filter(|room| !["lib", "main"].contains(room));
    let floor = |room: &str| FLOORS.iter().position(|floor| floor.iter().any(|(name, _)| *name == room));
    if let Some(room) = room
        && floor(room).is_none()
    {
        return vec![format!("src/{file}: no room '{room}' in the layout: give it a floor in tests/layout.rs")];
    }
    let mut violations = Vec::new();
    for path in paths(&tokens(text), file) {
        let target = path.strip_prefix("crate::").and_then(|rest| rest.split("::").next());
        if let (Some(room), Some(target)) = (room, target)
            && let (Some(here), Some(there)) = (floor(room), floor(target))
            && room != target
        {
            let beside = FLOORS[here].iter().any(|(name, beside)| *name == room && beside.contains(&target));
            if there >= here && !beside {
                violations.push(format!("src/{file}: {path}: '{room}' must not know '{target}'"));
            }
        }
        for (part, exceptions, forbidden) in FORBIDDEN {
            if file.starts_with(part) && !exceptions.iter().any(|exception| is_below(file, exception)) {
                for what in forbidden.iter().filter(|what| path == **what || path.starts_with(&format!("{what}::"))) {
                    violations.push(format!("src/{file}: {path}: '{part}' must not know {what}"));
                }
            }
        }
    }
    violations
}

/// Whether a file is the module of this path or below it.
fn is_below(file: &str, module: &str) -> bool {
    file.strip_prefix(module).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

/// Splits source text into names and single signs, without comments, texts and character literals.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or_default();
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match chars[i] {
            '/' if at(i + 1) == '/' => i += chars[i..].iter().take_while(|c| **c != '\n').count(),
            '/' if at(i + 1) == '*' => {
                let mut depth = 1;
                i += 2;
                while i < chars.len() && depth > 0 {
                    match (chars[i], at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                }
            }
            'r' if raw_text(&chars, i).is_some() => i = raw_text(&chars, i).unwrap(),
            '"' => {
                i += 1;
                while i < chars.len() && chars[i] != '"' {
                    i += if chars[i] == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < chars.len() && chars[i] != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            c if c.is_alphanumeric() || c == '_' => {
                let name: String = chars[i..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                i += name.chars().count();
                tokens.push(name);
            }
            ':' if at(i + 1) == ':' => {
                tokens.push("::".to_owned());
                i += 2;
            }
            c if c.is_whitespace() => i += 1,
            c => {
                tokens.push(c.to_string());
                i += 1;
            }
        }
    }
    tokens
}

/// The end of a raw text such as `r#"…"#` that begins here.
fn raw_text(chars: &[char], start: usize) -> Option<usize> {
    let before = start.checked_sub(1).and_then(|index| chars.get(index));
    if before.is_some_and(|c| c.is_alphanumeric() && *c != 'b') {
        return None;
    }
    let signs = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let mut i = start + 1 + signs;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    loop {
        i += 1;
        match chars.get(i) {
            None => return Some(chars.len()),
            Some('"') if chars[i + 1..].iter().take(signs).filter(|c| **c == '#').count() == signs => {
                return Some(i + 1 + signs);
            }
            Some(_) => {}
        }
    }
}

/// All paths in a text, absolute: `crate::…` or the name of a crate. Groups in braces are taken apart.
fn paths(tokens: &[String], file: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if tokens[i] == "use" {
            i += 1;
            i = tree(tokens, i, &[], &mut paths);
        } else if is_name(&tokens[i]) && tokens.get(i + 1).is_some_and(|next| next == "::") {
            // A path in code; what follows `<` or `{` in it says nothing about rooms.
            let mut path = vec![tokens[i].clone()];
            while tokens.get(i + 1).is_some_and(|next| next == "::") && tokens.get(i + 2).is_some_and(|t| is_name(t)) {
                path.push(tokens[i + 2].clone());
                i += 2;
            }
            paths.push(path);
            i += 1;
        } else {
            i += 1;
        }
    }
    paths.into_iter().map(|path| absolute(path, file)).collect()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads one import tree that begins here; returns where it ends.
fn tree(tokens: &[String], mut i: usize, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(i) {
        match token.as_str() {
            "::" => i += 1,
            "{" => {
                i += 1;
                while tokens.get(i).is_some_and(|token| token != "}") {
                    i = tree(tokens, i, &path, paths);
                    i += usize::from(tokens.get(i).is_some_and(|token| token == ","));
                }
                return i + 1;
            }
            "as" => i += 2,
            "," | "}" | ";" => break,
            _ => {
                path.push(token.clone());
                i += 1;
            }
        }
    }
    paths.push(path);
    i
}

/// Resolves `self` and `super` by the place of the file.
fn absolute(mut path: Vec<String>, file: &str) -> String {
    let mut module: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if ["mod", "lib", "main"].contains(module.last().unwrap()) {
        module.pop();
    }
    let mut relative = false;
    while let Some(first) = path.first() {
        match first.as_str() {
            "self" => relative = true,
            "super" => {
                relative = true;
                module.pop();
            }
            _ => break,
        }
        path.remove(0);
    }
    if relative {
        let module = std::iter::once("crate").chain(module).map(str::to_owned);
        path = module.chain(path).collect();
    }
    path.join("::")
}
