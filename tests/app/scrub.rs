//! Bytes of a node's files flip behind its back: a scrub finds every damaged chunk, and the others' copies replace them.

use crate::support::{
    cluster::Cluster,
    damage::{flip_bit_of, spoil_head_of, unique_content},
};
use serde_json::Value;
use std::{fs, path::PathBuf, time::Duration};

const SMALL: u32 = 12;

/// Objects by their keys, with the files that they were put from; the last has chunks that go to segments for big records.
fn fill(cluster: &Cluster) -> Vec<(String, PathBuf, Vec<u8>)> {
    assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
    let sizes = (1..=SMALL).map(|number| (number, 3000 * number as usize)).chain([(99, 9 << 20)]);
    sizes
        .map(|(number, length)| {
            let (key, bytes) = (format!("s3://pantry/{number}"), unique_content(number, length));
            let file = cluster.directory.path().join(format!("file-{number}"));
            fs::write(&file, &bytes).unwrap();
            cluster.put(&file, &key);
            (key, file, bytes)
        })
        .collect()
}

fn scrubs(cluster: &Cluster, verb: &str) -> Vec<Value> {
    let asked = cluster.admin(&["scrub", verb, "--json"]);
    assert!(asked.status.success(), "{asked:?}");
    serde_json::from_slice(&asked.stdout).unwrap()
}

fn await_scrubs(cluster: &Cluster, as_expected: impl Fn(&Value) -> bool) -> Vec<Value> {
    for _ in 0..1200 {
        let now = scrubs(cluster, "status");
        if now.iter().all(&as_expected) {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never as expected: {:#?}\n{}", scrubs(cluster, "status"), cluster.gateway.log());
}

#[test]
fn a_scrub_finds_every_flipped_chunk_and_the_copies_are_whole_again() {
    let mut cluster = Cluster::start(3);
    cluster.await_health();
    let objects = fill(&cluster);
    let before = scrubs(&cluster, "status");
    assert_eq!(before.len(), 3);

    let volume = cluster.directory.path().join("node-1/node/volume");
    for (_, _, bytes) in &objects[..5] {
        flip_bit_of(&volume, &bytes[1000..1032]);
    }
    // The node can't say whose these were.
    for (_, _, bytes) in &objects[5..9] {
        spoil_head_of(&volume, &bytes[..32]);
    }
    // One in the first, one in the last chunk of the big one.
    let (_, _, big) = objects.last().unwrap();
    flip_bit_of(&volume, &big[2_000_000..2_000_032]);
    flip_bit_of(&volume, &big[9_000_000..9_000_032]);

    let begun = scrubs(&cluster, "start");
    assert!(begun.iter().all(|scrub| scrub["began"].is_string()), "{begun:#?}");
    let ended = await_scrubs(&cluster, |scrub| scrub["state"] == "waiting");
    let found: Vec<u64> = ended.iter().map(|scrub| scrub["last_found"].as_u64().unwrap()).collect();
    assert_eq!(found.iter().sum::<u64>(), 11, "{ended:#?}");
    assert!(found.contains(&11), "they are all on one node: {ended:#?}");

    await_scrubs(&cluster, |scrub| scrub["quarantined"] == 0);
    cluster.await_health();
    scrubs(&cluster, "start");
    let again = await_scrubs(&cluster, |scrub| scrub["state"] == "waiting");
    assert!(again.iter().all(|scrub| scrub["last_found"] == 0), "{again:#?}");
    for other in [1, 2] {
        cluster.nodes[other].kill();
    }
    for (key, file, _) in &objects {
        cluster.assert_same(file, key);
    }

    let refused = cluster.admin(&["scrub", "start"]);
    assert_eq!(refused.status.code(), Some(1), "two nodes could not be asked: {refused:?}");
}
