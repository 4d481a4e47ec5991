//! A gateway and storage nodes as processes of their own, with what a test asks of them.

use super::{
    address::free_address,
    command::{larder, text},
    process::Running,
};
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

/// Its processes end when it is dropped.
pub struct Cluster {
    pub directory: TempDir,
    pub gateway: Running,
    pub s3: String,
    pub admin: String,
    pub nodes: Vec<Running>,
    settings: Vec<(&'static str, &'static str)>,
}

/// For tests that count the chunks on nodes.
pub const WITHOUT_LOG: (&str, &str) = ("LARDER_METADATA_LOG_COPIES", "0");

impl Cluster {
    pub fn start(nodes: u32) -> Self {
        Self::start_with(nodes, &[])
    }

    /// `settings` are variables for all of its processes.
    pub fn start_with(nodes: u32, settings: &[(&'static str, &'static str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let gateway = Running::start(&directory.path().join("gateway.log"), |command| {
            let data = directory.path().join("gateway");
            command.args([
                "gateway",
                "--data",
                text(&data),
                "--address",
                &free_address().to_string(),
                "--admin-address",
                &free_address().to_string(),
            ]);
            command.envs(ENVIRONMENT).envs(settings.iter().copied());
        });
        let s3 = gateway.greeted("S3 endpoint");
        let admin = gateway.greeted("Admin address").replace("http://", "");
        let mut cluster = Self { directory, gateway, s3, admin, nodes: Vec::new(), settings: settings.to_vec() };
        for number in 1..=nodes {
            cluster.start_node(number);
        }
        cluster
    }

    /// Three nodes that hold the object `s3://pantry/before`, whose bytes are in the file.
    pub fn start_with_an_object() -> (Self, PathBuf) {
        Self::start_with_an_object_and(&[])
    }

    pub fn start_with_an_object_and(settings: &[(&'static str, &'static str)]) -> (Self, PathBuf) {
        let cluster = Self::start_with(3, settings);
        cluster.await_health();
        let file = cluster.directory.path().join("file");
        std::fs::write(&file, vec![7; 5 << 20]).unwrap();
        assert!(cluster.client(&["mb", "s3://pantry"]).status.success());
        cluster.put(&file, "s3://pantry/before");
        (cluster, file)
    }

    /// Starts a node with the directory of this number; the address that it says it is reachable at.
    pub fn start_node(&mut self, number: u32) -> String {
        self.start_node_at(number, "127.0.0.1:0")
    }

    pub fn start_node_at(&mut self, number: u32, address: &str) -> String {
        self.start_node_on(number, address, &[])
    }

    /// With volumes of these names, if there are any.
    pub fn start_node_on(&mut self, number: u32, address: &str, volumes: &[&str]) -> String {
        let data = self.directory.path().join(format!("node-{number}"));
        let running = Running::start(&data.with_extension("log"), |command| {
            let gateway = format!("http://{}", self.admin);
            command.args(["node", "--data", text(&data), "--address", address, "--gateway", &gateway]);
            for volume in volumes {
                command.args(["--volumes", text(&self.directory.path().join(format!("volume-{number}-{volume}")))]);
            }
            command.envs(ENVIRONMENT).envs(self.settings.iter().copied());
        });
        let greeting = running.greeted("Node ");
        self.nodes.push(running);
        greeting.rsplit_once("reachable at ").expect("a node says where it is").1.to_owned()
    }

    /// Another gateway, on a directory beside the others. `addresses`: of the S3 endpoint and of the operator's side.
    pub fn start_gateway(&self, name: &str, addresses: [&str; 2], arguments: &[&str]) -> Running {
        let data = self.directory.path().join(name);
        let [s3, admin] = addresses;
        let starts = self.directory.path().read_dir().unwrap().count();
        Running::start(&self.directory.path().join(format!("{name}-{starts}.log")), |command| {
            command.args(["gateway", "--data", text(&data), "--address", s3, "--admin-address", admin]);
            command.args(arguments).envs(ENVIRONMENT).envs(self.settings.iter().copied());
        })
    }

    pub fn admin(&self, arguments: &[&str]) -> Output {
        larder().arg("admin").args(arguments).args(["--admin-address", &self.admin]).envs(ENVIRONMENT).output().unwrap()
    }

    pub fn await_health(&self) {
        let healthy = self.admin(&["status", "--wait-healthy", "30s"]);
        assert!(healthy.status.success(), "{healthy:?}\n{}", self.gateway.log());
    }

    pub fn nodes(&self) -> Vec<serde_json::Value> {
        serde_json::from_slice(&self.admin(&["nodes", "--json"]).stdout).unwrap()
    }

    /// Asks again until the answer is as it should be.
    pub fn await_nodes(&self, as_expected: impl Fn(&[serde_json::Value]) -> bool) -> Vec<serde_json::Value> {
        for _ in 0..600 {
            let nodes = self.nodes();
            if as_expected(&nodes) {
                return nodes;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never as expected: {:#?}\n{}", self.nodes(), self.gateway.log());
    }

    /// Asks again until the text of `status` and of the node's log are as they should be.
    pub fn await_status_and_log(&self, node: usize, as_expected: impl Fn(&str, &str) -> bool) {
        let told = || (String::from_utf8(self.admin(&["status"]).stdout).unwrap(), self.nodes[node].log());
        for _ in 0..600 {
            let (status, log) = told();
            if as_expected(&status, &log) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never as expected: {:#?}\n{}", told(), self.gateway.log());
    }

    /// Runs the small client.
    pub fn client(&self, arguments: &[&str]) -> Output {
        let [(_, access_key), (_, secret_key), ..] = ENVIRONMENT;
        let mut command = larder();
        command.args(arguments).env("AWS_ENDPOINT_URL", &self.s3).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", access_key).env("AWS_SECRET_ACCESS_KEY", secret_key).output().unwrap()
    }

    pub fn put(&self, file: &Path, to: &str) {
        let put = self.client(&["put", text(file), to]);
        assert!(put.status.success(), "{put:?}");
    }

    pub fn assert_same(&self, file: &Path, from: &str) {
        let got = self.directory.path().join("got");
        let get = self.client(&["get", from, text(&got)]);
        assert!(get.status.success(), "{get:?}");
        assert!(std::fs::read(&got).unwrap() == std::fs::read(file).unwrap(), "{from} came back changed");
        std::fs::remove_file(got).unwrap();
    }
}
