//! The command line is a contract: verbs, flags, exit codes.

use crate::support::command::{Ran, larder, run, text};

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
    for arguments in [&["admin", "node", "accept", "node-1"][..], &["admin", "audit"], &["mount"]] {
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

/// It was noticed when everything had been made, and said twice in one line.
#[test]
fn a_certificate_that_can_not_be_read_is_noticed_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let (data, cert) = (directory.path().join("data"), directory.path().join("no-cert.pem"));
    for verb in ["server", "gateway"] {
        let mut command = larder();
        command.args([verb, "--data", text(&data), "--address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"]);
        command.args(["--tls-cert", text(&cert), "--tls-key", text(&cert)]);
        let ran = Ran::from(command.env("LARDER_CLUSTER_SECRET", "0123456789abcdef0123456789abcdef").output().unwrap());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("no-cert.pem").count(), 1, "{}", ran.stderr);
        assert!(!data.exists(), "{verb} made its directory");
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
