//! `larder admin doctor`: nothing to find in a sound cluster, also while it is written to, and a secret that does not open.

use crate::support::{
    Options, Server,
    command::{larder, text},
};
use aws_sdk_s3::primitives::ByteStream;
use serde_json::Value;
use std::{fs, process::Output};

fn report(said: &Output) -> Value {
    serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[tokio::test]
async fn a_sound_cluster_that_is_written_to_has_no_findings() {
    let server = Server::start().await;
    let client = server.client();
    client.create_bucket().bucket("pantry").send().await.unwrap();
    let writing = async {
        for number in 0..150 {
            let body = ByteStream::from(vec![7; 1000]);
            client.put_object().bucket("pantry").key(format!("{}", number % 20)).body(body).send().await.unwrap();
            if number % 3 == 0 {
                client.delete_object().bucket("pantry").key(format!("{}", number % 10)).send().await.unwrap();
            }
        }
    };
    let examining = async {
        for _ in 0..4 {
            let arguments = server.admin_arguments();
            let (access_key, secret_key) = (server.access_key().to_owned(), server.secret_key().to_owned());
            // On a thread of its own, so that writing goes on meanwhile.
            let said = tokio::task::spawn_blocking(move || {
                let credentials = [("LARDER_ACCESS_KEY", access_key), ("LARDER_SECRET_KEY", secret_key)];
                let mut command = crate::support::command::larder();
                command.args(["admin", "doctor", "--json"]).args(arguments).envs(credentials).output().unwrap()
            });
            let said = said.await.unwrap();
            assert!(said.status.success(), "{said:?}");
            assert_eq!(report(&said)["findings"], Value::Array(Vec::new()), "{said:?}");
        }
    };
    futures_util::future::join(writing, examining).await;
    let said = server.admin(&["doctor"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("nothing is wrong with the metadata"), "{said:?}");
    let left = fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with("backup-")), "the copy is gone");
}

/// The metadata of another cluster's secret: its keys are there and nobody can use them.
#[tokio::test]
async fn a_key_that_was_sealed_under_another_secret_is_a_finding() {
    let secret = |text: &str| Options::default().without_records().with("LARDER_CLUSTER_SECRET", text);
    let mut server = Server::start_with(secret("the first secret of the cluster")).await;
    assert!(server.admin(&["key", "create", "--name", "backup"]).status.success());
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("backup");
    assert!(server.admin(&["metadata", "backup", text(&file)]).status.success());
    assert!(server.stop().success());

    let mut other = Server::start_with(secret("the second secret of the cluster")).await;
    assert!(other.stop().success());
    fs::remove_dir_all(other.data()).unwrap();
    other.start_again_with(&["--restore", text(&file)]).await;
    let said = other.admin(&["doctor", "--json"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let report = report(&said);
    assert_eq!(report["findings"][0]["check"], "access-key", "{report:#}");
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report:#}");
}

#[tokio::test]
async fn metadata_is_examined_without_a_gateway_and_not_under_one() {
    let mut server = Server::start().await;
    server.client().create_bucket().bucket("pantry").send().await.unwrap();
    let data = text(&server.data()).to_owned();
    let kept = tempfile::tempdir().unwrap();
    let backup = kept.path().join("backup");
    assert!(server.admin(&["metadata", "backup", text(&backup)]).status.success());
    let offline = |path: &str| larder().args(["admin", "doctor", "--json", "--offline", path]).output().unwrap();
    let refused = offline(&data);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use"), "{refused:?}");
    assert!(offline(text(&backup)).status.success());
    assert!(server.stop().success());
    let said = offline(&data);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(report(&said)["left_out"][0], "access-key", "{said:?}");
    assert!(report(&said)["checks"].as_u64() > Some(30), "{said:?}");
}

/// The gateway ended with an error that named neither the row nor what to do.
#[tokio::test]
async fn a_server_that_does_not_start_on_its_metadata_says_who_looks_into_it() {
    let mut server = Server::start_with(Options::default().without_records()).await;
    let kept = tempfile::tempdir().unwrap();
    let backup = kept.path().join("backup");
    assert!(server.admin(&["metadata", "backup", text(&backup)]).status.success());
    assert!(server.stop().success());
    let database = server.data().join("metadata/metadata.sqlite");
    // What the process left in the log would go before what is damaged in the file.
    let _ = fs::remove_file(server.data().join("metadata/metadata.sqlite-wal"));
    let mut bytes = fs::read(&backup).unwrap();
    let name = b"cluster_id";
    for at in 0..bytes.len() - name.len() {
        if bytes[at..].starts_with(name) {
            bytes[at..at + name.len()].copy_from_slice(b"cluster_xx");
        }
    }
    fs::write(&database, bytes).unwrap();
    let data = text(&server.data()).to_owned();
    let refused = larder().args(["server", "--data", &data, "--address", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let refused = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.contains("admin doctor --offline") && refused.contains("its cluster's id"), "{refused}");
    let said = larder().args(["admin", "doctor", "--offline", &data]).output().unwrap();
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stdout).contains("cluster's id"), "{said:?}");
}

/// A gateway that runs releases at once by a count that is too low: what deletes rests before it starts.
#[tokio::test]
async fn what_deletes_can_be_paused_before_the_gateway_starts() {
    let mut server = Server::start_with(Options::default().without_records()).await;
    let data = text(&server.data()).to_owned();
    let pause = |name: &str| larder().args(["admin", "jobs", "pause", name, "--offline", &data]).output().unwrap();
    let refused = pause("release-contents");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use"), "{refused:?}");
    assert!(server.stop().success());
    assert_eq!(pause("send-missing").status.code(), Some(1), "nobody would look for it");
    assert!(pause("release-contents").status.success() && pause("delete-blobs").status.success());
    server.start_again().await;
    let jobs: Value = report(&server.admin(&["jobs", "--json"]));
    let paused = jobs.as_array().unwrap().iter().filter(|job| job["state"] == "paused");
    let paused: Vec<&str> = paused.map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(paused, ["release-contents", "delete-blobs"]);
    assert!(server.admin(&["jobs", "resume", "release-contents"]).status.success());
}
