//! The documentation of each key, as `config/example.toml` holds it. That file repeats the doc comments of the settings
//! structs and their defaults; the test below says so when it doesn't, and `LARDER_WRITE_EXAMPLE=1 cargo test --lib
//! config::reference` writes it anew.

use std::{collections::HashMap, sync::LazyLock};

const EXAMPLE: &str = include_str!("../../config/example.toml");

/// What the key means, in one paragraph. Empty for a key that is not in the example (the test forbids it).
pub fn documentation(key: &str) -> &'static str {
    static PARAGRAPHS: LazyLock<HashMap<String, String>> = LazyLock::new(|| paragraphs(EXAMPLE));
    PARAGRAPHS.get(key).map_or("", String::as_str)
}

/// Key → the comment lines right above it. `key = value` and `# key =` (no default) both name a key.
fn paragraphs(example: &str) -> HashMap<String, String> {
    let (mut found, mut comment) = (HashMap::new(), Vec::new());
    for line in example.lines() {
        if let Some(key) = key_of(line) {
            found.insert(key.to_owned(), std::mem::take(&mut comment).join(" "));
        } else if let Some(text) = line.strip_prefix("# ") {
            comment.push(text.trim());
        } else {
            comment.clear();
        }
    }
    found
}

fn key_of(line: &str) -> Option<&str> {
    let line = line.strip_prefix("#").unwrap_or(line);
    let (key, _) = line.split_once(" =")?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_key.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::{
        super::settings::{SECTIONS, Section, all_keys},
        *,
    };
    use std::{fmt::Write, fs, path::Path};
    use toml::Table;

    const HEAD: &str = "\
# Every setting of Larder with its default and its meaning.
#
# A value comes from the strongest source that gives it: a flag (--chunk-size 4MiB), else a variable
# (LARDER_CHUNK_SIZE=4MiB), else the file named by --config or LARDER_CONFIG, else the default. Copy this file and keep
# what you change; `larder config check FILE` says what is wrong with it, `larder config show` what is in force.
# Durations and sizes carry units: 500ms, 15s, 10m, 14d; 64KiB, 4MiB, 10GB. A key behind `#` without a space has no
# default.
";

    /// Doc comment of each field of the settings struct in a source file.
    fn doc_comments(source: &str) -> HashMap<String, Vec<String>> {
        let (mut found, mut comment) = (HashMap::new(), Vec::new());
        for line in source.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                comment.push(text.trim().to_owned());
            } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|rest| rest.split_once(": ")) {
                found.entry(name.to_owned()).or_insert(std::mem::take(&mut comment));
            } else if !line.starts_with("#[") {
                comment.clear();
            }
        }
        found
    }

    fn write_section(example: &mut String, section: &Section) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let comments = doc_comments(&fs::read_to_string(root.join(section.source)).unwrap());
        writeln!(example, "\n\n#### {} ####", section.title).unwrap();
        for key in section.keys {
            let comment = comments.get(*key).unwrap_or_else(|| panic!("{key} has no doc comment"));
            assert!(!comment.is_empty(), "{key} has no doc comment");
            example.push('\n');
            for line in comment {
                writeln!(example, "{}", format!("# {line}").trim_end()).unwrap();
            }
            match section.defaults.get(*key) {
                Some(value) => write!(example, "{}", Table::from_iter([((*key).to_owned(), value.clone())])).unwrap(),
                None => writeln!(example, "#{key} =").unwrap(),
            }
        }
    }

    #[test]
    fn the_example_file_holds_every_setting_with_its_documentation_and_default() {
        let mut expected = HEAD.to_owned();
        for section in SECTIONS.iter() {
            write_section(&mut expected, section);
        }
        if std::env::var_os("LARDER_WRITE_EXAMPLE").is_some() {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/example.toml"), &expected).unwrap();
            return;
        }
        let first_difference = EXAMPLE.lines().zip(expected.lines()).find(|(found, wanted)| found != wanted);
        assert_eq!(first_difference, None, "(in the file, by the settings structs)");
        assert_eq!(EXAMPLE, expected, "one of them is longer");
    }

    #[test]
    fn every_key_has_a_documentation_to_show_with_its_flag() {
        for key in all_keys() {
            assert!(!documentation(key).is_empty(), "{key}");
        }
    }

    #[test]
    fn the_example_file_is_a_valid_configuration_that_changes_nothing() {
        let table: Table = EXAMPLE.parse().unwrap();
        let settings = crate::config::Settings::from_table(&table).unwrap();
        assert_eq!(settings, crate::config::Settings::from_table(&Table::new()).unwrap());
    }
}
