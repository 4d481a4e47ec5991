//! Starting and stopping a server, and what it leaves in its directory.

use crate::support::{
    Options, Server,
    command::{larder, text},
    process::Running,
};
use rustix::process::Signal;
use std::{fs, os::unix::fs::PermissionsExt, process::Output};

fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_server_is_healthy_and_fully_redundant_from_its_start() {
    let server = Server::start().await;
    assert_eq!(server.admin_status("/health/live"), Some(200));
    assert_eq!(server.admin_status("/metrics"), Some(200));
    let status = json(&server.admin(&["status", "--wait-healthy", "10s", "--json"]));
    assert_eq!(status["fully_redundant"], true);
    assert_eq!(status["nodes"]["healthy"], 3);
    let nodes = json(&server.admin(&["nodes", "--json"]));
    assert_eq!(nodes.as_array().unwrap().len(), 3);
    assert!(nodes[0]["capacity"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_stopped_server_starts_again_with_what_it_had() {
    let mut server = Server::start().await;
    let created = json(&server.admin(&["key", "create", "--name", "backup", "--json"]));
    assert_eq!(created["name"], "backup");
    assert!(server.stop().success());
    server.start_again().await;
    let keys = json(&server.admin(&["key", "list", "--json"]));
    let found = keys.as_array().unwrap().iter().find(|key| key["access_key"] == created["access_key"]);
    assert_eq!(found.expect("the key is kept")["enabled"], true);
}

#[tokio::test]
async fn a_killed_server_starts_again_on_the_same_directory() {
    let mut server = Server::start().await;
    let created = json(&server.admin(&["key", "create", "--json"]));
    server.kill();
    server.start_again().await;
    let keys = json(&server.admin(&["key", "list", "--json"]));
    assert!(keys.as_array().unwrap().iter().any(|key| key["access_key"] == created["access_key"]));
}

#[tokio::test]
async fn a_second_server_is_kept_out_of_the_directory() {
    let server = Server::start().await;
    let data = server.data();
    let second = larder()
        .args(["server", "--data", text(&data), "--address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8(second.stderr).unwrap().contains("in use by another process"));
}

#[tokio::test]
async fn keys_are_managed_and_wrong_credentials_are_refused() {
    let server = Server::start().await;
    let created = json(&server.admin(&["key", "create", "--name", "temporary", "--json"]));
    let access_key = created["access_key"].as_str().unwrap();
    assert!(server.admin(&["key", "disable", access_key]).status.success());
    let keys = json(&server.admin(&["key", "list", "--json"]));
    let key = keys.as_array().unwrap().iter().find(|key| key["access_key"] == access_key).unwrap().clone();
    assert_eq!(key["enabled"], false);
    assert!(server.admin(&["key", "delete", access_key]).status.success());
    assert_eq!(server.admin(&["key", "delete", access_key]).status.code(), Some(1));
    assert_eq!(server.admin(&["key", "delete", server.access_key()]).status.code(), Some(1), "the root key stays");
    let refused = larder()
        .args(["admin", "key", "list"])
        .args(server.admin_arguments())
        .envs([("LARDER_ACCESS_KEY", server.access_key()), ("LARDER_SECRET_KEY", "another-secret")])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("root credentials"));
}

#[tokio::test]
async fn a_backup_of_the_metadata_is_restored_and_waits_for_confirmation() {
    let server = Server::start().await;
    let created = json(&server.admin(&["key", "create", "--name", "kept", "--json"]));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metadata.backup");
    let backup = server.admin(&["metadata", "backup", text(&file)]);
    assert!(backup.status.success(), "{backup:?}");
    assert_eq!(server.admin(&["metadata", "backup", text(&file)]).status.code(), Some(1), "nothing is overwritten");
    assert_eq!(server.admin(&["metadata", "confirm"]).status.code(), Some(1), "there is nothing to confirm");

    let secret = fs::read_to_string(server.data().join("cluster-secret")).unwrap();
    let options = Options { arguments: vec!["--restore".into(), text(&file).into()], ..Options::default() };
    let restored = Server::start_with(options.with("LARDER_CLUSTER_SECRET", secret.trim()).without_records()).await;
    // The nodes that the backup names are elsewhere, so the cluster is not redundant.
    let needs_confirmation = || {
        let status = restored.admin(&["status", "--json"]);
        assert_eq!(status.status.code(), Some(1), "{status:?}");
        serde_json::from_slice::<serde_json::Value>(&status.stdout).unwrap()["needs_confirmation"].clone()
    };
    assert_eq!(needs_confirmation(), true);
    let told = String::from_utf8(restored.admin(&["status"]).stdout).unwrap();
    assert!(told.contains("larder admin metadata confirm"), "{told}");
    let keys = json(&restored.admin(&["key", "list", "--json"]));
    assert!(keys.as_array().unwrap().iter().any(|key| key["access_key"] == created["access_key"]));
    assert!(restored.admin(&["metadata", "confirm"]).status.success());
    assert_eq!(needs_confirmation(), false);
}

#[test]
fn the_first_start_makes_credentials_that_only_their_owner_reads_and_shows_them_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let start = || {
        let mut running = Running::start(&directory.path().join("log"), |command| {
            command.args([
                "server",
                "--data",
                text(&data),
                "--address",
                "127.0.0.1:0",
                "--admin-address",
                "127.0.0.1:0",
            ]);
        });
        running.greeted("Admin address");
        running.signal(Signal::TERM);
        assert!(running.wait().success());
        running.rest_of_greeting().join("\n")
    };
    let first = start();
    let kept = fs::read_to_string(data.join("credentials")).unwrap();
    let secret = kept.lines().find_map(|line| line.strip_prefix("aws_secret_access_key = ")).unwrap();
    assert!(first.contains(secret), "the first start shows it");
    assert!(!start().contains(secret), "later ones don't");
    assert!(!fs::read_to_string(directory.path().join("log")).unwrap().contains(secret), "no log has it");
    for file in ["credentials", "cluster-secret"] {
        let mode = fs::metadata(data.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn fewer_nodes_than_the_directory_holds_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let start = |nodes: &str| {
        Running::start(&directory.path().join("log"), |command| {
            let addresses = ["--address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
            command.args(["server", "--data", text(directory.path()), "--nodes", nodes]).args(addresses);
        })
    };
    let mut four = start("4");
    four.greeted("Admin address");
    four.signal(Signal::TERM);
    assert!(four.wait().success());
    let mut three = start("3");
    assert_eq!(three.wait().code(), Some(2));
    assert!(three.log().contains("may grow, not shrink"), "{}", three.log());
}

#[test]
fn the_log_is_json_where_that_is_asked_for_and_goes_to_files_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("logs");
    let mut running = Running::start(&directory.path().join("log"), |command| {
        command
            .args(["server", "--data", text(&directory.path().join("data"))])
            .args(["--address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"])
            .args(["--log-format", "json", "--log-dir", text(&logs)])
            .env("LARDER_ADRESS", "mistyped");
    });
    running.greeted("Admin address");
    running.signal(Signal::TERM);
    assert!(running.wait().success());
    let log = running.log();
    assert!(log.contains("LARDER_ADRESS is no setting"), "{log}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let app = fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().path());
    let app = app.into_iter().find(|path| text(path).contains("/app.")).expect("a file for the component");
    assert!(fs::read_to_string(app).unwrap().contains("stopping"));
}

#[tokio::test]
async fn a_background_task_rests_while_it_is_paused_also_after_a_restart() {
    let mut server = Server::start().await;
    let job = |server: &Server| {
        let jobs = json(&server.admin(&["jobs", "--json"]));
        jobs.as_array().unwrap().iter().find(|job| job["name"] == "send-missing").unwrap().clone()
    };
    let await_paused = |server: &Server, is_paused: bool| {
        // A step that is under way is finished first.
        while (job(server)["state"] == "paused") != is_paused {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    assert!(server.admin(&["jobs", "pause", "send-missing"]).status.success());
    await_paused(&server, true);
    server.stop();
    server.start_again().await;
    await_paused(&server, true);
    assert_eq!((&job(&server)["steps"], &job(&server)["remaining"]), (&0.into(), &0.into()), "it made no step");
    let told = |server: &Server| String::from_utf8(server.admin(&["status"]).stdout).unwrap();
    assert!(told(&server).contains("larder admin jobs resume send-missing"), "{}", told(&server));
    assert!(server.admin(&["jobs", "resume", "send-missing"]).status.success());
    await_paused(&server, false);
    assert!(!told(&server).contains("paused"), "{}", told(&server));
    let unknown = server.admin(&["jobs", "pause", "nothing"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no job nothing"), "{unknown:?}");
}
