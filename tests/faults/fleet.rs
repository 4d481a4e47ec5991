//! The processes under test: a gateway with nodes as processes of their own, behind a wire with weather, or one `larder
//! server` with its nodes inside. Each keeps its addresses and its directory; only what was started here is ended.

use crate::{
    clocks::Clocks,
    disk::SmallDisk,
    party::Party,
    shims,
    support::{
        address::{free_address, is_ready},
        command::{larder, text},
        process::Running,
        sdk::Keys,
        short_intervals::SHORT_INTERVALS,
    },
    syncs::Syncs,
    wire::Wire,
};
use rustix::process::Signal;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub const KEYS: Keys = Keys { access: "fault-access-key", secret: "fault-secret-key-of-some-length" };

/// Beside short times: small pieces, so that much happens within seconds.
const SETTINGS: [(&str, &str); 8] = [
    ("LARDER_ACCESS_KEY", KEYS.access),
    ("LARDER_SECRET_KEY", KEYS.secret),
    ("LARDER_CLUSTER_SECRET", "0123456789abcdef0123456789abcdef"),
    ("LARDER_CHUNK_SIZE", "256KiB"),
    ("LARDER_SEGMENT_SIZE_MIN", "2MiB"),
    ("LARDER_SEGMENT_SIZE_MAX", "8MiB"),
    ("LARDER_DISK_RESERVE", "8MiB"),
    ("LARDER_LOG_LEVEL", "info"),
];
/// A start that takes longer is a hang.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Repair of everything that a fault damaged, on a machine with other work.
const HEALING_LIMIT: &str = "120s";
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One process with so many nodes inside.
    Server(u32),
    /// A gateway and so many node processes.
    Processes(u32),
}

impl Topology {
    pub fn nodes(self) -> u32 {
        match self {
            Self::Server(nodes) | Self::Processes(nodes) => nodes,
        }
    }
}

/// What the processes keep their data on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Directories of the machine's disk.
    Directories,
    /// A small disk for each process, which fills up and loses power.
    SmallDisks,
}

struct Member {
    arguments: Vec<String>,
    log: PathBuf,
    process: Option<Running>,
}

/// Its processes end before its disks are taken away, and these before the directory.
pub struct Fleet {
    disks: BTreeMap<Party, SmallDisk>,
    directory: TempDir,
    topology: Topology,
    address: SocketAddr,
    admin: SocketAddr,
    wire: Wire,
    clocks: Clocks,
    syncs: Syncs,
    members: BTreeMap<Party, Member>,
    /// Where nodes that are processes are reached.
    advertised: Vec<String>,
}

impl Fleet {
    /// Not before everything is ready.
    pub async fn start(topology: Topology, ground: Ground) -> Self {
        let directory = TempDir::with_prefix("larder-faults-").expect("a directory for the test");
        let (address, admin, wire) = (free_address(), free_address(), Wire::default());
        let (disks, members) = (BTreeMap::new(), BTreeMap::new());
        let (clocks, syncs) = (Clocks::new(directory.path()), Syncs::new(directory.path()));
        let mut fleet =
            Self { disks, directory, topology, address, admin, wire, clocks, syncs, members, advertised: Vec::new() };
        fleet.enrol().await;
        if ground == Ground::SmallDisks {
            fleet.mount_disks();
        }
        fleet.start_all();
        fleet.wait_until_ready().await;
        fleet
    }

    async fn enrol(&mut self) {
        let (verb, nodes) = match self.topology {
            Topology::Server(nodes) => ("server", Some(nodes)),
            Topology::Processes(_) => ("gateway", None),
        };
        let mut front = vec![verb.to_owned()];
        front.extend(["--address".to_owned(), self.address.to_string()]);
        front.extend(["--admin-address".to_owned(), self.admin.to_string()]);
        front.extend(nodes.iter().flat_map(|nodes| ["--nodes".to_owned(), nodes.to_string()]));
        self.add(Party::Front, front);
        if let Topology::Processes(nodes) = self.topology {
            let gateway = self.wire.door(Party::Front, self.admin).await;
            for number in 1..=nodes {
                let address = free_address();
                let advertised = self.wire.door(Party::Node(number), address).await;
                self.advertised.push(advertised.to_string());
                let arguments = ["node", "--address", &address.to_string(), "--advertise", &advertised.to_string()]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(["--gateway".to_owned(), format!("http://{gateway}")]);
                self.add(Party::Node(number), arguments.collect());
            }
        }
    }

    fn mount_disks(&mut self) {
        for party in self.parties() {
            let data = self.data_of(party);
            let disk =
                SmallDisk::mount(&data.with_extension("image"), &data).expect("it could be mounted a moment ago");
            self.disks.insert(party, disk);
        }
    }

    fn add(&mut self, party: Party, mut arguments: Vec<String>) {
        let data = self.data_of(party);
        arguments.extend(["--data".to_owned(), text(&data).to_owned()]);
        self.members.insert(party, Member { arguments, log: data.with_extension("log"), process: None });
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn topology(&self) -> Topology {
        self.topology
    }

    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    pub fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    pub fn syncs(&self) -> &Syncs {
        &self.syncs
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The data directory of a process.
    pub fn data_of(&self, party: Party) -> PathBuf {
        match party {
            Party::Front => self.directory.path().join("front"),
            Party::Node(number) => self.directory.path().join(format!("node-{number}")),
        }
    }

    pub fn metadata_directory(&self) -> PathBuf {
        self.data_of(Party::Front).join("metadata")
    }

    /// Where a node keeps its identity and its volume.
    pub fn node_directory(&self, number: u32) -> PathBuf {
        match self.topology {
            Topology::Server(_) => self.data_of(Party::Front).join("nodes").join(number.to_string()),
            Topology::Processes(_) => self.data_of(Party::Node(number)).join("node"),
        }
    }

    /// The process that a node lives in.
    pub fn host_of(&self, number: u32) -> Party {
        match self.topology {
            Topology::Server(_) => Party::Front,
            Topology::Processes(_) => Party::Node(number),
        }
    }

    /// The front first.
    pub fn parties(&self) -> Vec<Party> {
        self.members.keys().copied().collect()
    }

    pub fn disk_of(&self, party: Party) -> &SmallDisk {
        self.own_disk_of(party).expect("the fleet stands on small disks")
    }

    /// Where the fleet stands on such.
    pub fn own_disk_of(&self, party: Party) -> Option<&SmallDisk> {
        self.disks.get(&party)
    }

    pub fn start_all(&mut self) {
        self.parties().into_iter().for_each(|party| self.start_party(party));
    }

    pub fn kill_all(&mut self) {
        self.parties().into_iter().for_each(|party| self.kill(party));
    }

    pub fn start_party(&mut self, party: Party) {
        self.start_with(party, &[]);
    }

    /// Once: the front has lost its metadata, and makes them anew.
    pub fn start_front_to_recover(&mut self) {
        let mut arguments = vec!["--recover".to_owned()];
        if self.topology != Topology::Server(self.topology.nodes()) {
            arguments.extend(["--recover-from".to_owned(), self.advertised.join(",")]);
        }
        self.start_with(Party::Front, &arguments);
    }

    /// What the front said, if it ended instead of serving.
    pub fn refusal_of_front(&mut self) -> Option<String> {
        let member = self.members.get_mut(&Party::Front)?;
        let process = member.process.take_if(|process| !process.serves())?;
        Some(process.log())
    }

    fn start_with(&mut self, party: Party, more: &[String]) {
        let member = self.members.get_mut(&party).expect("the party takes part");
        if member.process.is_some() {
            return;
        }
        let process = Running::start(&member.log, |command| {
            command.args(&member.arguments).args(more).envs(SHORT_INTERVALS).envs(SETTINGS);
            let shims = [self.clocks.equip(party, command), self.syncs.equip(party, command)];
            shims::preload(shims.into_iter().flatten(), command);
        });
        self.wire.runs(party, process.pid());
        member.process = Some(process);
    }

    /// SIGKILL, also of what is stopped.
    pub fn kill(&mut self, party: Party) {
        if let Some(mut process) = self.members.get_mut(&party).and_then(|member| member.process.take()) {
            process.kill();
        }
    }

    pub fn pause(&self, party: Party) {
        self.signal(party, Signal::STOP);
    }

    /// After `pause`: none of its threads runs or waits for the kernel any more.
    pub fn wait_until_stopped(&self, party: Party) {
        let began = Instant::now();
        while self.members[&party].process.as_ref().is_some_and(|process| !process.is_stopped()) {
            assert!(began.elapsed() < START_LIMIT, "{party:?} does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn resume(&self, party: Party) {
        self.signal(party, Signal::CONT);
    }

    fn signal(&self, party: Party, signal: Signal) {
        if let Some(process) = &self.members[&party].process {
            process.signal(signal);
        }
    }

    /// Ready: writes are served. A process that ended by itself is a failure.
    pub async fn wait_until_ready(&mut self) -> Duration {
        let began = Instant::now();
        while !tokio::task::block_in_place(|| is_ready(self.admin)) {
            self.assert_all_live();
            assert!(began.elapsed() < START_LIMIT, "not ready within {START_LIMIT:?}: {}", self.status());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.assert_all_live();
        began.elapsed()
    }

    fn assert_all_live(&mut self) {
        for (party, member) in &mut self.members {
            if let Some(process) = &mut member.process
                && let Some(status) = process.ended()
            {
                panic!("{party:?} ended by itself: {status}; its log:\n{}", process.log());
            }
        }
    }

    /// The process took its own life: it goes on no more until it is started again. How long that took.
    pub async fn wait_until_ended(&mut self, party: Party) -> Duration {
        let began = Instant::now();
        let member = self.members.get_mut(&party).expect("the party takes part");
        let process = member.process.as_mut().expect("the party runs");
        while process.ended().is_none() {
            assert!(began.elapsed() < START_LIMIT, "{party:?} goes on; its log:\n{}", process.log());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        began.elapsed()
    }

    /// So many nodes take no more data, and the gateway has heard so. How long that took.
    pub async fn wait_until_frozen(&self, nodes: usize) -> Duration {
        let began = Instant::now();
        let is_frozen = |node: &serde_json::Value| {
            let volumes = node["volumes"].as_array().map(Vec::as_slice).unwrap_or_default();
            volumes.iter().any(|volume| volume.as_str().is_some_and(|state| state.starts_with("frozen")))
        };
        while self.nodes().iter().filter(|node| is_frozen(node)).count() < nodes {
            assert!(began.elapsed() < START_LIMIT, "{nodes} nodes should be frozen: {}", self.status());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        began.elapsed()
    }

    /// Every object has all its copies; how long that took.
    pub fn wait_until_healthy(&self) -> Duration {
        let began = Instant::now();
        let output = self.admin(&["status", "--wait-healthy", HEALING_LIMIT]);
        assert!(output.status.success(), "not healthy within {HEALING_LIMIT}: {output:?}\n{}", self.status());
        began.elapsed()
    }

    /// `larder admin` with the root credentials.
    pub fn admin(&self, arguments: &[&str]) -> Output {
        tokio::task::block_in_place(|| {
            let mut command = larder();
            command.arg("admin").args(arguments).args(["--admin-address", &self.admin.to_string()]);
            command.envs(SHORT_INTERVALS).envs(SETTINGS).output().expect("larder admin runs")
        })
    }

    /// What each node says of itself.
    pub fn nodes(&self) -> Vec<serde_json::Value> {
        serde_json::from_slice(&self.admin(&["nodes", "--json"]).stdout).expect("nodes are told as JSON")
    }

    /// What the cluster says of itself.
    pub fn told_status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.admin(&["status", "--json"]).stdout).expect("the status is told as JSON")
    }

    /// For the message of a failure.
    fn status(&self) -> String {
        let said = |arguments: &[&str]| String::from_utf8_lossy(&self.admin(arguments).stdout).into_owned();
        format!("{}{}{}", said(&["status"]), said(&["nodes"]), said(&["jobs"]))
    }
}

impl Drop for Fleet {
    /// Nothing outlives the test; what failed can be looked at.
    fn drop(&mut self) {
        self.kill_all();
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            println!("data and logs stay in {}", self.directory.path().display());
        }
    }
}
