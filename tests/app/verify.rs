//! `larder admin verify` over processes: every copy is compared with the metadata, from outside.

use crate::support::{
    cluster::Cluster,
    damage::{copy_directory, flip_bit_of, unique_content},
};
use serde_json::Value;
use std::{fs, path::PathBuf, process::Output};

fn put(cluster: &Cluster, number: u32) -> (String, PathBuf) {
    let key = format!("s3://pantry/{number}");
    let file = cluster.directory.path().join(format!("file-{number}"));
    fs::write(&file, unique_content(number, 5000)).unwrap();
    cluster.put(&file, &key);
    (key, file)
}

fn volume(cluster: &Cluster, node: u32) -> PathBuf {
    cluster.directory.path().join(format!("node-{node}/node/volume"))
}

fn report(asked: &Output) -> Value {
    serde_json::from_slice(&asked.stdout).unwrap_or_else(|_| panic!("{asked:?}"))
}

#[test]
fn bad_copies_are_repaired_and_what_is_lost_is_named() {
    let cluster = Cluster::start(3);
    cluster.await_health();
    assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
    let objects: Vec<_> = (1..=6).map(|number| put(&cluster, number)).collect();
    let none = cluster.admin(&["verify", "--last"]);
    assert_eq!(none.status.code(), Some(1), "{none:?}");

    flip_bit_of(&volume(&cluster, 2), &unique_content(1, 5000)[1000..1032]);
    let asked = cluster.admin(&["verify", "s3://pantry/1", "--json"]);
    let found = report(&asked);
    assert!(asked.status.success(), "{found:#}\n{}", cluster.gateway.log());
    assert_eq!((&found["objects"], &found["bad_copies"], &found["repaired_copies"]), (&1.into(), &1.into(), &1.into()));

    for node in 1..=3 {
        flip_bit_of(&volume(&cluster, node), &unique_content(2, 5000)[1000..1032]);
    }
    let asked = cluster.admin(&["verify", "--json"]);
    let found = report(&asked);
    assert_eq!(asked.status.code(), Some(1), "{found:#}");
    assert_eq!((&found["blobs"], &found["intact_copies"], &found["bad_copies"]), (&6.into(), &15.into(), &3.into()));
    assert_eq!(
        (&found["lost_blobs"], &found["lost_objects"], &found["named"][0]["key"]),
        (&1.into(), &1.into(), &"2".into())
    );
    assert_eq!(report(&cluster.admin(&["verify", "--last", "--json"])), found);
    let table = cluster.admin(&["verify", "--last"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("s3://pantry/2"), "{table:?}");
    for (key, file) in objects.iter().filter(|(key, _)| !key.ends_with("/2")) {
        cluster.assert_same(file, key);
    }
    // It is no repair under way, and is over when the object is put again.
    let status = || report(&cluster.admin(&["status", "--json"]));
    cluster.await_nodes(|_| status()["lost_blobs"] == 1);
    let told = status()["concerns"].to_string();
    assert!(told.contains("1 blobs are lost") && !told.contains("missing"), "{told}");
    put(&cluster, 2);
    cluster.await_health();
    assert_eq!(status()["lost_blobs"], 0);

    let unknown = cluster.admin(&["verify", "s3://nobody/"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no bucket"), "{unknown:?}");
}

/// It waited without a word.
#[test]
fn a_verification_says_that_it_waits_for_a_paused_job() {
    let cluster = Cluster::start(3);
    cluster.await_health();
    assert!(cluster.admin(&["jobs", "pause", "verify-copies"]).status.success());
    let begun = cluster.admin(&["verify", "--no-wait", "--json"]);
    assert_eq!(report(&begun)["paused"][0], "verify-copies", "{begun:?}");
    let last = cluster.admin(&["verify", "--last"]);
    assert!(String::from_utf8_lossy(&last.stdout).contains("jobs resume verify-copies"), "{last:?}");
    assert!(cluster.admin(&["jobs", "resume", "verify-copies"]).status.success());
    let ended = cluster.admin(&["verify", "--json"]);
    assert!(ended.status.success() && report(&ended)["paused"].as_array().unwrap().is_empty(), "{ended:?}");
}

#[test]
fn a_node_that_was_put_back_from_an_older_image_is_whole_again_after_a_verification() {
    let mut cluster = Cluster::start(3);
    cluster.await_health();
    assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
    let mut objects: Vec<_> = (1..=3).map(|number| put(&cluster, number)).collect();
    cluster.nodes[0].kill();
    let (data, image) = (cluster.directory.path().join("node-1"), cluster.directory.path().join("image"));
    copy_directory(&data, &image);
    cluster.start_node(1);
    cluster.await_health();
    objects.extend((4..=9).map(|number| put(&cluster, number)));
    cluster.nodes[3].kill();
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&image, &data).unwrap();
    cluster.start_node(1);
    cluster.await_nodes(|nodes| nodes.iter().all(|node| node["state"] == "healthy"));

    let asked = cluster.admin(&["verify", "--json"]);
    let found = report(&asked);
    assert!(asked.status.success(), "{found:#}\n{}", cluster.gateway.log());
    assert_eq!((&found["blobs"], &found["bad_copies_left"], &found["lost_blobs"]), (&9.into(), &0.into(), &0.into()));
    for other in [1, 2] {
        cluster.nodes[other].kill();
    }
    for (key, file) in &objects {
        cluster.assert_same(file, key);
    }
}
