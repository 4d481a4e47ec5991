//! `larder admin what-if` and `node remove`: what they foretell, held against what is there when the nodes are gone.

use crate::support::cluster::Cluster;
use serde_json::Value;
use std::{collections::BTreeSet, fs};

const OBJECTS: u32 = 30;

/// Four nodes with objects; the addresses of the nodes in the order of their directories.
fn filled() -> (Cluster, Vec<String>) {
    let mut cluster = Cluster::start(0);
    let addresses: Vec<String> = (1..=4).map(|number| cluster.start_node(number)).collect();
    cluster.await_nodes(|nodes| nodes.len() == 4 && nodes.iter().all(|node| node["groups"].as_u64() > Some(0)));
    let file = cluster.directory.path().join("file");
    fs::write(&file, vec![7; 100_000]).unwrap();
    assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
    for number in 0..OBJECTS {
        cluster.put(&file, &format!("s3://pantry/{number}"));
    }
    cluster.await_health();
    (cluster, addresses)
}

fn name_at(cluster: &Cluster, address: &str) -> String {
    let nodes = cluster.nodes();
    let node = nodes.iter().find(|node| node["address"] == address).unwrap();
    node["name"].as_str().unwrap().to_owned()
}

fn what_if(cluster: &Cluster, arguments: &[&str]) -> Value {
    let said = cluster.admin(&[&["what-if", "--json"], arguments].concat());
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).unwrap()
}

fn keys(objects: &Value) -> BTreeSet<String> {
    objects.as_array().unwrap().iter().map(|object| object["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_if_names_just_the_objects_that_are_gone_with_the_nodes() {
    let (mut cluster, addresses) = filled();
    let names: Vec<String> = addresses.iter().map(|address| name_at(&cluster, address)).collect();
    let two = what_if(&cluster, &["--down", &names[..2].join(","), "--list", "100"]);
    assert_eq!(two["then"]["unavailable"]["objects"], 0, "{two:#}");
    let three = what_if(&cluster, &["--down", &names[..3].join(","), "--list", "100"]);
    let lost = keys(&three["unavailable"]);
    assert!(!lost.is_empty() && lost.len() < OBJECTS as usize, "{three:#}");
    assert_eq!(three["then"]["unavailable"]["objects"], lost.len(), "{three:#}");
    assert_eq!(three["then"]["unavailable"]["object_bytes"], lost.len() * 100_000, "{three:#}");
    assert_eq!(
        three["then"]["one_copy"]["objects"],
        OBJECTS as usize - lost.len(),
        "all others have one on the fourth"
    );
    assert_eq!(three["now"]["one_copy"]["objects"], 0, "{three:#}");
    assert_eq!((&three["writes"]["go_on"], &three["writes"]["would_be_replaced"]), (&false.into(), &false.into()));

    for node in &mut cluster.nodes[..3] {
        node.kill();
    }
    cluster.await_nodes(|nodes| nodes.iter().filter(|node| node["state"] == "suspect").count() == 3);
    let now = what_if(&cluster, &["--down", &names[0], "--list", "100"]);
    assert_eq!((keys(&now["unavailable"]), now["away"].as_array().unwrap().len()), (lost.clone(), 2), "{now:#}");
    let file = cluster.directory.path().join("file");
    for number in 0..OBJECTS {
        let object = format!("s3://pantry/{number}");
        if lost.contains(&number.to_string()) {
            let explained = cluster.admin(&["explain", &object, "--json"]);
            let report: Value = serde_json::from_slice(&explained.stdout).unwrap();
            assert_eq!(report["versions"][0]["copies_min"], 0, "{report:#}");
        } else {
            cluster.assert_same(&file, &object);
        }
    }
}

#[test]
fn what_if_knows_zones_and_says_which_name_was_probably_meant() {
    let (cluster, addresses) = filled();
    let name = name_at(&cluster, &addresses[0]);
    let zone = cluster.nodes()[0]["zone"].as_str().unwrap().to_owned();
    let in_zone = cluster.nodes().iter().filter(|node| node["zone"] == *zone).count();
    assert_eq!(what_if(&cluster, &["--zone", &zone])["down"].as_array().unwrap().len(), in_zone);
    let unknown = cluster.admin(&["what-if", "--down", &format!("{name}x")]);
    assert_eq!(unknown.status.code(), Some(1));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("there is no node") && said.contains("did you mean"), "{said}");
    assert_eq!(cluster.admin(&["what-if", "--zone", "elsewhere"]).status.code(), Some(1));
    assert_eq!(cluster.admin(&["what-if"]).status.code(), Some(2), "nothing was asked");
    let shown = cluster.admin(&["what-if", "--down", &name]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for expected in ["unavailable then", "one copy then", "writes would go on"] {
        assert!(shown.contains(expected), "{expected} is not in\n{shown}");
    }
}

/// Two of three copies were lost with their disks: the node that has the third is named with its objects.
#[test]
fn remove_names_the_objects_of_which_the_node_has_the_last_copy() {
    let (mut cluster, _) = filled();
    for number in [1, 2, 3] {
        let node = &mut cluster.nodes[number - 1];
        node.kill();
        fs::remove_dir_all(cluster.directory.path().join(format!("node-{number}/node/volume/segments"))).unwrap();
    }
    let survivor = cluster
        .await_nodes(|nodes| nodes.iter().filter(|node| node["state"] == "suspect").count() == 3)
        .into_iter()
        .find(|node| node["state"] != "suspect")
        .unwrap();
    let name = survivor["name"].as_str().unwrap();
    let refused = cluster.admin(&["node", "remove", name]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("has the last copy of") && said.contains("s3://pantry/"), "{said}");
}
