//! Where settings come from, as a user sees it.

use crate::support::command::{larder, run, text};
use std::{fs, path::PathBuf};

fn file(directory: &tempfile::TempDir, contents: &str) -> PathBuf {
    let path = directory.path().join("larder.toml");
    fs::write(&path, contents).unwrap();
    path
}

#[test]
fn check_names_file_line_and_nearest_key() {
    let directory = tempfile::tempdir().unwrap();
    let good = file(&directory, "chunk_size = \"8MiB\"\n");
    assert_eq!(run(&["config", "check", text(&good)]).code, 0);
    let silent = file(&directory, "heartbeat_interval = \"1m\"\nsuspect_after = \"30s\"\n");
    let ran = run(&["config", "check", text(&silent)]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.starts_with("heartbeat_interval (1m) must be shorter than suspect_after (30s)"),
        "{}",
        ran.stderr
    );
    let bad = file(&directory, "\nchunk_sise = \"8MiB\"\n");
    let ran = run(&["config", "check", text(&bad)]);
    assert_eq!(ran.code, 1);
    let expected = format!("{}:2: unknown key `chunk_sise`; did you mean `chunk_size`?", bad.display());
    assert_eq!(ran.stderr.trim(), expected);
}

#[test]
fn the_example_file_is_valid() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/example.toml");
    let ran = run(&["config", "check", example]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn show_tells_each_value_and_its_source_and_hides_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "replicas = 2\nchunk_size = \"8MiB\"\nheartbeat_interval = \"7s\"\n");
    let output = larder()
        .args(["config", "show", "--config", text(&path), "--heartbeat-interval", "9s"])
        .envs([
            ("LARDER_CHUNK_SIZE", "2MiB"),
            ("LARDER_HEARTBEAT_INTERVAL", "8s"),
            ("LARDER_CLUSTER_SECRET", "a secret that nobody may see"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    let row = |key: &str| {
        let mut rows = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.find(|row| row.first() == Some(&key)).unwrap_or_else(|| panic!("{key} is not in:\n{shown}"))
    };
    assert_eq!(row("replicas")[1..], ["2", &format!("{}:1", path.display())]);
    assert_eq!(row("chunk_size")[1..], ["\"2MiB\"", "LARDER_CHUNK_SIZE"]);
    assert_eq!(row("heartbeat_interval")[1..], ["\"9s\"", "--heartbeat-interval"]);
    assert_eq!(row("suspect_after")[1..], ["\"15s\"", "default"]);
    assert_eq!(row("cluster_secret")[1..], ["(redacted)", "LARDER_CLUSTER_SECRET"]);
    assert!(!shown.contains("nobody may see"));
}

#[test]
fn a_wrong_setting_stops_the_start_and_says_where_it_came_from() {
    let output = larder().args(["server", "--data", "/nonexistent"]).env("LARDER_CHUNK_SIZE", "5").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("chunk_size"), "{stderr}");
}
