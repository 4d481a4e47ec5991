//! The two things about structure that a test keeps, because no codebase keeps them without one: imports point down,
//! and each outside crate stays in the layer that owns it. ARCHITECTURE.md explains the layers.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Module → what it may import. A longer path wins over a shorter one.
const LAYERS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("runtime", &["types"]),
    ("volume", &["types", "runtime"]),
    ("metadata", &["types", "runtime"]),
    ("node", &["types", "runtime"]),
    ("node/server", &["types", "runtime", "volume", "node"]),
    ("cluster", &["metadata", "node", "types", "runtime"]),
    ("identity", &["metadata", "types", "runtime"]),
    ("objects", &["metadata", "cluster", "identity", "types", "runtime"]),
    ("s3", &["objects", "identity", "types", "runtime"]),
    ("tasks", &["objects", "cluster", "metadata", "types", "runtime"]),
    ("admin", &["objects", "cluster", "identity", "tasks", "types", "runtime"]),
    (
        "config",
        &["volume", "metadata", "node", "cluster", "identity", "objects", "s3", "admin", "tasks", "types", "runtime"],
    ),
    (
        "app",
        &[
            "volume", "metadata", "node", "cluster", "identity", "objects", "s3", "admin", "tasks", "config", "types",
            "runtime",
        ],
    ),
    ("cli", &["app", "config", "admin", "types", "runtime"]),
    ("main", &["cli"]),
];

/// Outside crate → modules that may name it. Crates that are not listed are free (bytes, serde, thiserror, tracing, ...).
const FENCES: &[(&str, &[&str])] = &[
    ("sqlx", &["metadata"]),
    ("quick_cache", &["metadata"]),
    ("axum", &["admin"]),
    ("quick_xml", &["s3", "cli"]),
    ("aws_sigv4", &["s3", "cli"]),
    ("aws_credential_types", &["s3"]),
    ("hyper", &["s3", "node", "admin", "app", "cli"]),
    ("hyper_util", &["s3", "node", "admin", "app", "cli"]),
    ("socket2", &["node"]),
    ("tokio_rustls", &["s3", "cli"]),
    ("rustls", &["s3", "app", "cli"]),
    ("object_store", &["cli"]),
    ("comfy_table", &["cli"]),
    ("indicatif", &["cli"]),
    ("clap", &["cli", "config"]),
    ("toml", &["config"]),
    ("anyhow", &["cli", "app", "config", "main"]),
    ("prometheus_client", &["runtime", "admin"]),
    ("tracing_subscriber", &["runtime"]),
    ("tracing_appender", &["runtime"]),
    ("rustix", &["volume", "runtime", "app", "metadata", "node/server", "cli"]),
    ("md5", &["objects", "cli"]),
    ("multiversion", &["objects"]),
    ("tikv_jemallocator", &["main"]),
];

struct Source {
    /// Path below `src`, with `/`.
    path: String,
    lines: Vec<String>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 20, "the source tree was not found");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned()).collect();
            let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.push(Source { path, lines });
        }
    }
}

/// Whether the file lies in the module: `s3` holds `s3.rs`, `s3/mod.rs` and all below.
fn lies_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn layer_of(path: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    LAYERS.iter().filter(|(module, _)| lies_in(path, module)).max_by_key(|(module, _)| module.len())
}

/// The first path segment behind each `crate::` in the line; of `use crate::{a, b::c}` both.
fn crate_imports(line: &str) -> Vec<String> {
    let mut imports = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        if line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            imports.extend(top_level_names(group));
        } else {
            imports.push(identifier(rest));
        }
    }
    imports
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn top_level_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut current) = (0_i32, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(identifier(std::mem::take(&mut current).trim())),
            _ if depth == 0 => current.push(c),
            _ => {}
        }
    }
    names.push(identifier(current.trim()));
    names.retain(|name| !name.is_empty());
    names
}

/// Joins each `use ...;` that spans lines into one line, so that groups are seen whole.
fn statements(lines: &[String]) -> Vec<String> {
    let (mut joined, mut open) = (Vec::new(), String::new());
    for line in lines {
        let begins = line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ");
        if !open.is_empty() || (begins && !line.contains(';')) {
            open.push_str(line.trim());
            if line.contains(';') {
                joined.push(std::mem::take(&mut open));
            }
        } else {
            joined.push(line.clone());
        }
    }
    joined
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.path == "lib.rs" {
            continue;
        }
        let (module, allowed) = layer_of(&source.path).unwrap_or_else(|| panic!("{} lies in no layer", source.path));
        let own = module.split('/').next().unwrap();
        for line in statements(&source.lines) {
            for import in crate_imports(&line) {
                let known = LAYERS.iter().any(|(layer, _)| *layer == import);
                if known && import != own && !allowed.contains(&import.as_str()) {
                    wrong.push(format!("{} imports {import}: {}", source.path, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point up:\n{}", wrong.join("\n"));
}

#[test]
fn outside_crates_stay_in_the_layer_that_owns_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (outside, modules) in FENCES {
            if modules.iter().any(|module| lies_in(&source.path, module)) {
                continue;
            }
            let named = source.lines.iter().find(|line| names_crate(line, outside));
            if let Some(line) = named {
                wrong.push(format!("{} names {outside}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "crates outside their layer:\n{}", wrong.join("\n"));
}

fn names_crate(line: &str, outside: &str) -> bool {
    line.match_indices(outside).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + outside.len()..];
        let stands_alone = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '.' || c == '"');
        stands_alone && after.starts_with("::")
    })
}

#[test]
fn the_checks_see_what_they_look_for() {
    assert_eq!(crate_imports("use crate::{s3::error, types::{A, B}, cli};"), ["s3", "types", "cli"]);
    assert_eq!(crate_imports("    let x = crate::admin::client();"), ["admin"]);
    assert!(names_crate("use sqlx::Row;", "sqlx"));
    assert!(!names_crate("let x = my_sqlx::y();", "sqlx"));
    assert!(lies_in("node/server/http.rs", "node/server") && !lies_in("nodes.rs", "node"));
}
