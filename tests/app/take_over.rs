//! A second gateway of a cluster, with restored or copied metadata: it leaves the nodes to the one that is alive, unless it is
//! told to take them over.

use crate::support::{cluster::Cluster, command::text, damage::copy_directory, process::Running};
use std::path::PathBuf;

const ANY_PORTS: [&str; 2] = ["127.0.0.1:0", "127.0.0.1:0"];

/// A gateway that is busy with starting processes must not look as if it were gone.
const SETTINGS: [(&str, &str); 1] = [("LARDER_SUSPECT_AFTER", "5s")];

/// Three nodes, an object whose bytes are in the file, and a backup from when only that one was there.
fn start() -> (Cluster, PathBuf, PathBuf) {
    let cluster = Cluster::start_with(3, &SETTINGS);
    cluster.await_health();
    let (file, backup) = (cluster.directory.path().join("file"), cluster.directory.path().join("backup"));
    std::fs::write(&file, vec![7; 100_000]).unwrap();
    assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
    cluster.put(&file, "s3://pantry/before");
    assert!(cluster.admin(&["metadata", "backup", text(&backup)]).status.success());
    cluster.put(&file, "s3://pantry/since");
    (cluster, file, backup)
}

fn assert_refused(gateway: &mut Running, reason: &str) {
    assert_eq!(gateway.wait().code(), Some(1), "{}", gateway.log());
    assert!(gateway.log().contains(reason), "{}", gateway.log());
}

/// Whom clients and operators talk to from now on.
fn turn_to(cluster: &mut Cluster, gateway: Running) {
    cluster.s3 = gateway.greeted("S3 endpoint");
    cluster.admin = gateway.greeted("Admin address").replace("http://", "");
    cluster.gateway = gateway;
}

/// Somebody started a gateway from the backup to look at it: production stopped, and could not be started any more.
#[test]
fn restored_and_copied_gateways_do_not_begin_while_the_cluster_has_one_and_begin_when_it_is_gone() {
    let (mut cluster, file, backup) = start();
    let mut restored = cluster.start_gateway("restored", ANY_PORTS, &["--restore", text(&backup)]);
    assert_refused(&mut restored, "another gateway of this cluster is alive");
    cluster.await_health();
    cluster.put(&file, "s3://pantry/after");

    let directory = cluster.directory.path().to_owned();
    let (s3, admin) = (cluster.s3.replace("http://", ""), cluster.admin.clone());
    cluster.gateway.kill();
    copy_directory(&directory.join("gateway"), &directory.join("copy"));
    let again = cluster.start_gateway("gateway", [&s3, &admin], &[]);
    turn_to(&mut cluster, again);
    let mut copy = cluster.start_gateway("copy", ANY_PORTS, &[]);
    assert_refused(&mut copy, "another gateway of this cluster is alive");
    cluster.await_health();

    cluster.gateway.kill();
    // Production went on behind it. The refused ones have changed nothing: it could be started again now.
    let mut copy = cluster.start_gateway("copy", ANY_PORTS, &[]);
    assert_refused(&mut copy, "older than what the nodes have seen");
    copy_directory(&directory.join("gateway"), &directory.join("moved"));
    let moved = cluster.start_gateway("moved", ANY_PORTS, &[]);
    turn_to(&mut cluster, moved);
    for key in ["before", "since", "after"] {
        cluster.assert_same(&file, &format!("s3://pantry/{key}"));
    }
    let mut former = cluster.start_gateway("gateway", [&s3, &admin], &[]);
    assert_eq!(former.wait().code(), Some(1), "{}", former.log());
}

#[test]
fn a_gateway_takes_over_where_an_operator_says_so_and_the_former_one_takes_back() {
    let (mut cluster, file, backup) = start();
    let (s3, admin) = (cluster.s3.replace("http://", ""), cluster.admin.clone());
    let mut twin = cluster.start_gateway("twin", ANY_PORTS, &["--restore", text(&backup), "--take-over"]);
    twin.greeted("S3 endpoint");
    assert_refused(&mut cluster.gateway, "another gateway reigns");
    let mut again = cluster.start_gateway("gateway", [&s3, &admin], &[]);
    assert_refused(&mut again, "--take-over");

    let again = cluster.start_gateway("gateway", [&s3, &admin], &["--take-over"]);
    turn_to(&mut cluster, again);
    assert_refused(&mut twin, "another gateway reigns");
    cluster.await_health();
    cluster.assert_same(&file, "s3://pantry/since");
    cluster.put(&file, "s3://pantry/after");
}
