//! `larder admin explain`: what it says, held against what is on the disks.

use crate::support::{
    Server,
    cluster::{Cluster, WITHOUT_LOG},
    command::{larder, text},
};
use aws_sdk_s3::{
    primitives::DateTime,
    types::{ObjectCannedAcl, ObjectLockLegalHoldStatus, ObjectLockMode},
};
use rustix::process::Signal;
use serde_json::Value;
use std::{fs, path::Path};

fn explain(cluster: &Cluster, object: &str) -> Value {
    let explained = cluster.admin(&["explain", object, "--json"]);
    assert!(explained.status.success(), "{explained:?}");
    serde_json::from_slice(&explained.stdout).unwrap()
}

/// What each node answered for the object's only extent, by name.
fn answers(report: &Value) -> Vec<(String, Vec<String>)> {
    let copies = report["versions"][0]["extents"][0]["copies"].as_array().unwrap();
    let answer = |run: &Value| run["answer"].as_str().unwrap().to_owned();
    let of_node = |copy: &Value| copy["answers"].as_array().unwrap().iter().map(answer).collect();
    copies.iter().map(|copy| (copy["node"].as_str().unwrap().to_owned(), of_node(copy))).collect()
}

/// Turns one bit in the payload of each record of this length that the directory's segments hold.
fn flip(segments: &Path) {
    let mut flipped = 0;
    for entry in fs::read_dir(segments).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        // The object is all sevens: so long a row of them is its payload.
        if let Some(at) = bytes.windows(100_000).position(|window| window.iter().all(|byte| *byte == 7)) {
            bytes[at + 50_000] ^= 1;
            fs::write(&path, bytes).unwrap();
            flipped += 1;
        }
    }
    assert!(flipped > 0, "no payload was found in {}", segments.display());
}

#[test]
fn explain_says_what_each_node_holds_and_what_is_wrong_there() {
    let (mut cluster, file) = Cluster::start_with_an_object();
    let report = explain(&cluster, "s3://pantry/before");
    let version = &report["versions"][0];
    assert_eq!((&version["size"], &version["is_latest"]), (&(5 << 20).into(), &true.into()), "{report:#}");
    assert_eq!((&version["covered"], &version["copies_min"]), (&(5 << 20).into(), &3.into()), "{report:#}");
    assert_eq!(report["groups"][0]["nodes"].as_array().unwrap().len(), 3, "{report:#}");
    assert!(answers(&report).iter().all(|(_, answers)| answers == &["whole"]), "{report:#}");

    cluster.nodes[0].kill();
    let silent = explain(&cluster, "s3://pantry/before");
    assert_eq!(silent["versions"][0]["copies_min"], 2, "{silent:#}");
    let of_dead: Vec<_> =
        answers(&silent).into_iter().filter(|(_, answers)| answers.iter().all(|a| a.starts_with("silent"))).collect();
    assert_eq!(of_dead.len(), 1, "{silent:#}");

    flip(&cluster.directory.path().join("node-1/node/volume/segments"));
    cluster.start_node(1);
    // Until the gateway has heard of it, it is asked nothing.
    cluster.await_status_and_log(3, |_, log| log.matches("registered with the gateway").count() == 2);
    cluster.await_health();
    let wrong = explain(&cluster, "s3://pantry/before");
    let corrupt = |(_, answers): &&(String, Vec<String>)| answers.iter().any(|answer| answer == "corrupt");
    let named: Vec<_> = answers(&wrong).iter().filter(corrupt).map(|(node, _)| node.clone()).collect();
    assert_eq!(named, [of_dead[0].0.clone()], "{wrong:#}");
    // What was found is mended.
    cluster.await_nodes(|_| answers(&explain(&cluster, "s3://pantry/before")).iter().all(|(_, all)| all == &["whole"]));
    cluster.assert_same(&file, "s3://pantry/before");
}

#[test]
fn explain_shows_parts_uploads_and_what_is_not_there() {
    let (cluster, file) = Cluster::start_with_an_object();
    let verified = |report: &Value| report["groups"][0]["nodes"][0]["last_verified"].as_str().map(str::to_owned);
    // A first pass, over nothing, may have ended already.
    let before = verified(&explain(&cluster, "s3://pantry/before"));
    assert!(cluster.admin(&["scrub", "start"]).status.success());
    cluster.await_nodes(|_| {
        let now = verified(&explain(&cluster, "s3://pantry/before"));
        now.is_some() && now != before
    });
    let missing = cluster.admin(&["explain", "s3://pantry/nothing"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no object s3://pantry/nothing"), "{missing:?}");
    let missing = cluster.admin(&["explain", "s3://cellar/nothing"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no bucket cellar"), "{missing:?}");
    assert_eq!(cluster.admin(&["explain", "pantry"]).status.code(), Some(2));

    let big = cluster.directory.path().join("big");
    fs::write(&big, fs::read(&file).unwrap().repeat(5)).unwrap();
    cluster.put(&big, "s3://pantry/big");
    let report = explain(&cluster, "s3://pantry/big");
    let version = &report["versions"][0];
    let parts = version["parts"].as_array().unwrap();
    let sizes: u64 = parts.iter().map(|part| part["size"].as_u64().unwrap()).sum();
    assert!(parts.len() > 1 && sizes == 25 << 20, "the client sends so much in parts: {report:#}");
    assert_eq!(version["part_count"], parts.len());
    assert_eq!((&version["covered"], &version["copies_min"]), (&(25 << 20).into(), &3.into()), "{report:#}");
    let shown = cluster.admin(&["explain", "s3://pantry/big"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for expected in
        ["the current one", "parts (bytes): 1 (", "member", "whole", "as far apart as there are zones", "LAST SCRUB"]
    {
        assert!(shown.contains(expected), "{expected} is not in\n{shown}");
    }
}

/// Each node said that it holds every chunk whole: its directory, read when it is off, has as many, and all are whole.
#[test]
fn explain_agrees_with_what_the_nodes_directories_hold() {
    let (mut cluster, _) = Cluster::start_with_an_object_and(&[WITHOUT_LOG]);
    let report = explain(&cluster, "s3://pantry/before");
    assert_eq!(report["versions"][0]["copies_min"], 3, "{report:#}");
    for mut node in cluster.nodes.drain(..) {
        node.signal(Signal::TERM);
        assert!(node.wait().success());
    }
    for number in 1..=3 {
        let directory = cluster.directory.path().join(format!("node-{number}/node"));
        let verified = larder().args(["volume", "verify", "--json", text(&directory)]).output().unwrap();
        assert!(verified.status.success(), "{verified:?}");
        let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert_eq!((&verified["chunks"], &verified["bytes"]), (&report["chunks"], &(5 << 20).into()), "{verified:#}");
    }
}

#[tokio::test]
async fn explain_shows_what_keeps_a_version_and_who_may_read_it() {
    let server = Server::start().await;
    let client = server.client();
    client.create_bucket().bucket("pantry").object_lock_enabled_for_bucket(true).send().await.unwrap();
    let put = || client.put_object().bucket("pantry").key("jam").body(b"plum".to_vec().into());
    put().acl(ObjectCannedAcl::PublicRead).send().await.unwrap();
    let until = DateTime::from_secs(2_208_988_800);
    let locked = put().object_lock_mode(ObjectLockMode::Compliance).object_lock_retain_until_date(until);
    locked.object_lock_legal_hold_status(ObjectLockLegalHoldStatus::On).send().await.unwrap();

    let report: Value =
        serde_json::from_slice(&server.admin(&["explain", "s3://pantry/jam", "--json"]).stdout).unwrap();
    let [locked, free] = [&report["versions"][0], &report["versions"][1]];
    assert_eq!((&locked["retention_mode"], &locked["legal_hold"]), (&"COMPLIANCE".into(), &true.into()));
    assert_eq!(locked["retain_until"], "2040-01-01T00:00:00.000Z");
    assert_eq!((&free["retention_mode"], &free["legal_hold"]), (&Value::Null, &false.into()));
    assert_eq!((&locked["grants"], &free["grants"]), (&serde_json::json!([]), &serde_json::json!(["AllUsers READ"])));
    let told = String::from_utf8(server.admin(&["explain", "s3://pantry/jam"]).stdout).unwrap();
    assert!(told.contains("retention COMPLIANCE until 2040-01-01T00:00:00.000Z\nlegal hold on\n"), "{told}");
}
