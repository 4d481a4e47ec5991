//! The command line is a contract: verbs, flags, exit codes.

use crate::support::command::{larder, run, text};

#[test]
fn what_is_used_wrongly_exits_with_2() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["server", "--frobnicate"],
        &["server"],
        &["server", "--data", "/nonexistent", "--nodes", "many"],
        &["gateway", "--data", "/nonexistent", "--nodes", "3"],
        &["node", "--data", "/nonexistent", "--address", "127.0.0.1:0"],
        &["config", "check"],
        &["admin"],
        &["admin", "status", "--wait-healthy", "soon"],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty() || !ran.stdout.is_empty(), "{arguments:?} says why");
    }
}

#[test]
fn verbs_of_later_versions_do_not_exist() {
    for arguments in [
        &["admin", "node", "accept", "node-1"][..],
        &["admin", "scrub", "start"],
        &["admin", "verify"],
        &["admin", "explain", "s3://bucket/key"],
        &["mount"],
    ] {
        assert_eq!(run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn gateway_and_node_refuse_to_start_without_a_cluster_secret() {
    let data = tempfile::tempdir().unwrap();
    let data = text(data.path());
    for arguments in [
        &["gateway", "--data", data, "--address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"][..],
        &["node", "--data", data, "--address", "127.0.0.1:0", "--gateway", "http://127.0.0.1:1"],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("LARDER_CLUSTER_SECRET"), "{}", ran.stderr);
    }
}

#[test]
fn admin_without_credentials_says_which_it_needs() {
    let ran = run(&["admin", "status"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("LARDER_ACCESS_KEY") && ran.stderr.contains("--data"), "{}", ran.stderr);
}

#[test]
fn admin_says_when_there_is_no_gateway() {
    let output = larder()
        .args(["admin", "nodes", "--admin-address", "127.0.0.1:1", "--json"])
        .envs([("LARDER_ACCESS_KEY", "ROOT"), ("LARDER_SECRET_KEY", "0123456789abcdef")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot reach the gateway at 127.0.0.1:1"), "{stderr}");
}

#[test]
fn help_is_no_failure_and_names_every_verb() {
    let ran = run(&["--help"]);
    assert_eq!(ran.code, 0);
    for verb in
        ["server", "gateway", "node", "admin", "put", "get", "ls", "rm", "mb", "rb", "bench", "volume", "config"]
    {
        assert!(ran.stdout.lines().any(|line| line.trim_start().starts_with(&format!("{verb} "))), "{verb}");
    }
}
