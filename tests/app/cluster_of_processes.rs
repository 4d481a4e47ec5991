//! A gateway and storage nodes as processes of their own.

use crate::support::{
    command::{larder, text},
    process::Running,
};
use rustix::process::Signal;
use std::{
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};
use tempfile::TempDir;

const ENVIRONMENT: [(&str, &str); 5] = [
    ("LARDER_ACCESS_KEY", "TESTROOTACCESSKEY"),
    ("LARDER_SECRET_KEY", "a-secret-for-tests-only"),
    ("LARDER_CLUSTER_SECRET", "a cluster secret for tests"),
    ("LARDER_HEARTBEAT_INTERVAL", "200ms"),
    ("LARDER_SUSPECT_AFTER", "2s"),
];

struct Cluster {
    directory: TempDir,
    gateway: Running,
    s3: String,
    admin: String,
    nodes: Vec<Running>,
}

impl Cluster {
    fn start(nodes: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let gateway = Running::start(&directory.path().join("gateway.log"), |command| {
            let data = directory.path().join("gateway");
            command.args([
                "gateway",
                "--data",
                text(&data),
                "--address",
                "127.0.0.1:0",
                "--admin-address",
                "127.0.0.1:0",
            ]);
            command.envs(ENVIRONMENT);
        });
        let s3 = gateway.greeted("S3 endpoint");
        let admin = gateway.greeted("Admin address").replace("http://", "");
        let mut cluster = Self { directory, gateway, s3, admin, nodes: Vec::new() };
        for number in 1..=nodes {
            cluster.start_node(number);
        }
        cluster
    }

    /// Three nodes that hold the object `s3://pantry/before`, whose bytes are in the file.
    fn start_with_an_object() -> (Self, PathBuf) {
        let cluster = Self::start(3);
        cluster.await_health();
        let file = cluster.directory.path().join("file");
        std::fs::write(&file, vec![7; 5 << 20]).unwrap();
        assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
        cluster.put(&file, "s3://pantry/before");
        (cluster, file)
    }

    /// Starts a node with the directory of this number; the address that it says it is reachable at.
    fn start_node(&mut self, number: u32) -> String {
        let data = self.directory.path().join(format!("node-{number}"));
        let running = Running::start(&data.with_extension("log"), |command| {
            let gateway = format!("http://{}", self.admin);
            command.args(["node", "--data", text(&data), "--address", "127.0.0.1:0", "--gateway", &gateway]);
            command.envs(ENVIRONMENT);
        });
        let greeting = running.greeted("Node ");
        self.nodes.push(running);
        greeting.rsplit_once("reachable at ").expect("a node says where it is").1.to_owned()
    }

    fn admin(&self, arguments: &[&str]) -> Output {
        larder().arg("admin").args(arguments).args(["--admin-address", &self.admin]).envs(ENVIRONMENT).output().unwrap()
    }

    fn await_health(&self) {
        let healthy = self.admin(&["status", "--wait-healthy", "30s"]);
        assert!(healthy.status.success(), "{healthy:?}\n{}", self.gateway.log());
    }

    fn nodes(&self) -> Vec<serde_json::Value> {
        serde_json::from_slice(&self.admin(&["nodes", "--json"]).stdout).unwrap()
    }

    /// Asks again until the answer is as it should be.
    fn await_nodes(&self, as_expected: impl Fn(&[serde_json::Value]) -> bool) -> Vec<serde_json::Value> {
        for _ in 0..600 {
            let nodes = self.nodes();
            if as_expected(&nodes) {
                return nodes;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never as expected: {:#?}\n{}", self.nodes(), self.gateway.log());
    }

    /// Runs the small client.
    fn client(&self, arguments: &[&str]) -> Output {
        let [(_, access_key), (_, secret_key), ..] = ENVIRONMENT;
        let mut command = larder();
        command.args(arguments).env("AWS_ENDPOINT_URL", &self.s3).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", access_key).env("AWS_SECRET_ACCESS_KEY", secret_key).output().unwrap()
    }

    fn put(&self, file: &Path, to: &str) {
        let put = self.client(&["put", text(file), to]);
        assert!(put.status.success(), "{put:?}");
    }

    fn assert_same(&self, file: &Path, from: &str) {
        let got = self.directory.path().join("got");
        let get = self.client(&["get", from, text(&got)]);
        assert!(get.status.success(), "{get:?}");
        assert!(std::fs::read(&got).unwrap() == std::fs::read(file).unwrap(), "{from} came back changed");
        std::fs::remove_file(got).unwrap();
    }
}

#[test]
fn objects_survive_the_loss_of_two_nodes_and_what_a_node_missed_is_sent_to_it() {
    let (mut cluster, file) = Cluster::start_with_an_object();
    cluster.nodes[0].kill();
    cluster.put(&file, "s3://pantry/meanwhile");
    assert_eq!(cluster.admin(&["status"]).status.code(), Some(1), "copies are missing");
    cluster.start_node(1);
    cluster.await_health();
    cluster.nodes[1].kill();
    cluster.nodes[2].kill();
    for key in ["before", "meanwhile"] {
        cluster.assert_same(&file, &format!("s3://pantry/{key}"));
    }
}

#[test]
fn a_node_whose_files_were_lost_has_its_copies_again_before_the_cluster_is_called_redundant() {
    let (mut cluster, file) = Cluster::start_with_an_object();
    cluster.nodes[0].kill();
    std::fs::remove_dir_all(cluster.directory.path().join("node-1/node/volume/segments")).unwrap();
    cluster.start_node(1);
    cluster.await_health();
    cluster.nodes[1].kill();
    cluster.nodes[2].kill();
    cluster.assert_same(&file, "s3://pantry/before");
}

#[test]
fn a_node_keeps_its_port_and_ends_in_order() {
    let mut cluster = Cluster::start(0);
    let first = cluster.start_node(1);
    let mut node = cluster.nodes.pop().unwrap();
    node.signal(Signal::TERM);
    assert!(node.wait().success(), "{}", node.log());
    assert_eq!(cluster.start_node(1), first);
}

#[test]
fn a_node_that_joins_gets_its_share_of_the_groups() {
    let mut cluster = Cluster::start(3);
    cluster.await_health();
    cluster.start_node(4);
    // A node is listed when it registered; its groups are made after that.
    let nodes =
        cluster.await_nodes(|nodes| nodes.len() == 4 && nodes.iter().all(|node| node["groups"].as_u64().unwrap() > 0));
    for node in &nodes {
        assert_eq!(node["state"], "healthy", "{node}");
    }
}

#[test]
fn a_node_with_another_secret_is_turned_away() {
    let cluster = Cluster::start(0);
    let data = cluster.directory.path().join("stranger");
    let mut stranger = Running::start(&data.with_extension("log"), |command| {
        let gateway = format!("http://{}", cluster.admin);
        command.args(["node", "--data", text(&data), "--address", "127.0.0.1:0", "--gateway", &gateway]);
        command.env("LARDER_CLUSTER_SECRET", "some other secret");
    });
    assert_eq!(stranger.wait().code(), Some(1));
    assert!(stranger.log().contains("does not prove this cluster's secret"), "{}", stranger.log());
    assert!(cluster.nodes().is_empty());
}
