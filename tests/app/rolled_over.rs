//! A backup that is restored after all hardware was replaced: what is said meanwhile, and the way out.

use crate::support::{cluster::Cluster, command::text};

/// From outside: the data was on nodes that were there, drains hung, and the operator was told to delete it.
#[test]
fn a_backup_from_before_all_nodes_were_replaced_leads_to_what_the_new_ones_hold() {
    let (mut cluster, file) =
        Cluster::start_with_an_object_and(&[("LARDER_REPLACE_AFTER", "6s"), ("LARDER_GROUPS_PER_NODE", "4")]);
    let backup = cluster.directory.path().join("backup");
    assert!(cluster.admin(&["metadata", "backup", text(&backup)]).status.success());
    let old: Vec<String> = cluster.nodes().iter().map(|node| node["name"].as_str().unwrap().to_owned()).collect();
    for number in 4..=6 {
        cluster.start_node(number);
    }
    cluster.await_nodes(|nodes| nodes.len() == 6);
    for name in &old {
        let drain = cluster.admin(&["node", "drain", name]);
        assert!(drain.status.success(), "{drain:?}");
        assert!(cluster.admin(&["node", "remove", name]).status.success());
    }
    cluster.assert_same(&file, "s3://pantry/before");
    cluster.nodes.drain(..3).for_each(|mut node| node.kill());
    let addresses = (cluster.s3.replace("http://", ""), cluster.admin.clone());
    cluster.gateway.kill();
    let (s3, admin) = (addresses.0.as_str(), addresses.1.as_str());
    cluster.gateway = cluster.start_gateway("restored", [s3, admin], &["--restore", text(&backup), "--take-over"]);
    cluster.gateway.greeted("Admin address");
    cluster.await_nodes(|nodes| nodes.iter().filter(|node| node["state"] == "healthy").count() == 3);

    let status = || String::from_utf8(cluster.admin(&["status"]).stdout).unwrap();
    assert!(status().contains("no group changes its members, before `larder admin metadata confirm`"), "{}", status());
    for name in &old {
        let remove = cluster.admin(&["node", "remove", name]);
        let said = String::from_utf8_lossy(&remove.stderr).into_owned();
        assert!(!remove.status.success() && said.contains("metadata confirm"), "{said}");
        let drain = cluster.admin(&["node", "drain", name, "--no-wait"]);
        assert!(drain.status.success(), "{drain:?}");
    }
    assert!(status().contains("waits: the metadata was restored from a backup"), "{}", status());
    assert!(cluster.admin(&["metadata", "confirm"]).status.success());
    let healthy = cluster.admin(&["status", "--wait-healthy", "180s"]);
    assert!(healthy.status.success(), "{healthy:?}");
    cluster.assert_same(&file, "s3://pantry/before");
}
