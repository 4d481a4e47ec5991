//! The processes under test: one `larder server`, or a gateway with three nodes. Started, killed with SIGKILL, started
//! again on the same addresses and directories. Only processes that were started here are killed.

use crate::support::{
    address::{free_address, is_ready},
    command::larder,
    process::Running,
    scrub::all_is_checked,
    sdk::Keys,
    short_intervals::SHORT_INTERVALS,
};
use larder::runtime::{Random, SeededRandom};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub const KEYS: Keys = Keys { access: "crash-access-key", secret: "crash-secret-key-of-some-length" };
const CLUSTER_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NODES: usize = 3;
/// A start that takes longer than this is a hang.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Repair of everything that the members missed.
const REPAIR_LIMIT: &str = "600s";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    OneServer,
    GatewayAndNodes,
    /// With short times until a node counts as gone.
    GatewayAndQuickNodes,
}

/// Who dies in a round: a bit for each process, the front first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Victims(u64);

impl std::fmt::Debug for Victims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = ["front", "node 1", "node 2", "node 3"];
        let killed: Vec<&str> = (0..names.len()).filter(|index| self.has(*index)).map(|index| names[index]).collect();
        write!(f, "killing {}", killed.join(", "))
    }
}

impl Victims {
    pub const FRONT: Self = Self(1);
    pub const ALL: Self = Self(u64::MAX);

    /// From 1 on.
    pub fn node(number: u64) -> Self {
        Self(1 << number)
    }

    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }
}

pub struct Processes {
    directory: TempDir,
    endpoint: String,
    admin: SocketAddr,
    /// The server or gateway, then the nodes.
    commands: Vec<Vec<String>>,
    settings: &'static [(&'static str, &'static str)],
    children: Vec<Option<Running>>,
}

impl Processes {
    pub fn start(topology: Topology) -> Self {
        let directory = TempDir::with_prefix("larder-crash-").expect("a directory for the test");
        let (address, admin) = (free_address(), free_address());
        let data = |name: &str| directory.path().join(name).to_str().expect("the path is text").to_owned();
        let front = |verb: &str| {
            [verb, "--data", &data("front"), "--address", &address.to_string(), "--admin-address", &admin.to_string()]
                .map(str::to_owned)
                .to_vec()
        };
        let mut commands = Vec::new();
        match topology {
            Topology::OneServer => commands.push(front("server")),
            Topology::GatewayAndNodes | Topology::GatewayAndQuickNodes => {
                commands.push(front("gateway"));
                for number in 1..=NODES {
                    let (data, address) = (data(&format!("node{number}")), free_address().to_string());
                    let gateway = format!("http://{admin}");
                    let arguments = ["node", "--data", &data, "--address", &address, "--gateway", &gateway];
                    commands.push(arguments.map(str::to_owned).to_vec());
                }
            }
        }
        let children = commands.iter().map(|_| None).collect();
        let settings: &[_] = if topology == Topology::GatewayAndQuickNodes { &SHORT_INTERVALS } else { &[] };
        let endpoint = format!("http://{address}");
        let mut started = Self { directory, endpoint, admin, commands, settings, children };
        started.restart_killed();
        started.block_until_ready();
        started
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Everything in one round of four; else any one or two of the processes.
    pub fn choose_victims(&self, random: &SeededRandom) -> Victims {
        let count = self.commands.len() as u64;
        if random.below(4) == 0 {
            return Victims((1 << count) - 1);
        }
        Victims(1 << random.below(count) | 1 << random.below(count))
    }

    pub fn kill(&mut self, victims: Victims) {
        for (index, child) in self.children.iter_mut().enumerate() {
            if victims.has(index)
                && let Some(mut child) = child.take()
            {
                child.kill();
            }
        }
    }

    pub fn restart_killed(&mut self) {
        for (command, child) in self.commands.iter().zip(&mut self.children) {
            if child.is_none() {
                *child = Some(spawn(command, self.settings));
            }
        }
    }

    pub fn node_directory(&self, number: u64) -> PathBuf {
        self.directory.path().join(format!("node{number}"))
    }

    /// The node, which is dead, has lost its disk.
    pub fn empty_node(&self, number: u64) {
        std::fs::remove_dir_all(self.node_directory(number)).expect("the node had a directory");
    }

    pub fn any_node(random: &SeededRandom) -> u64 {
        1 + random.below(NODES as u64)
    }

    pub async fn wait_until_ready(&mut self) {
        tokio::task::block_in_place(|| self.block_until_ready());
    }

    /// Ready: writes are served. A process that ended by itself is a failure.
    fn block_until_ready(&mut self) {
        let began = Instant::now();
        loop {
            for (command, child) in self.commands.iter().zip(&mut self.children) {
                let child = child.as_mut().expect("all processes were started");
                if let Some(status) = child.ended() {
                    panic!("larder {} ended by itself: {status}; its log:\n{}", command.join(" "), child.log());
                }
            }
            if is_ready(self.admin) {
                return;
            }
            assert!(began.elapsed() < START_LIMIT, "not ready within {START_LIMIT:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Every object has all its copies.
    pub fn wait_until_fully_redundant(&self) {
        let status = admin_command(self.admin).args(["status", "--wait-healthy", REPAIR_LIMIT]).output();
        let output = status.expect("larder admin runs");
        assert!(output.status.success(), "not fully redundant within {REPAIR_LIMIT}: {output:?}");
    }

    /// Every node has read all that it holds, and what was damaged is whole again. How many damaged records were found.
    pub async fn scrub(&self) -> u64 {
        all_is_checked(NODES, |arguments| {
            tokio::task::block_in_place(|| {
                admin_command(self.admin).args(arguments).output().expect("larder admin runs")
            })
        })
        .await
    }

    /// Two of three nodes die and stay dead. With one server, whose nodes live in it, nothing happens.
    pub fn kill_all_but_one_node(&mut self, random: &SeededRandom) {
        if self.commands.len() > NODES {
            let survivor = Self::any_node(random);
            self.kill(Victims(0b1110 & !(1 << survivor)));
        }
    }
}

impl Drop for Processes {
    /// Nothing outlives the test; what failed can be looked at.
    fn drop(&mut self) {
        self.kill(Victims::ALL);
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            println!("data and logs stay in {}", self.directory.path().display());
        }
    }
}

/// The log lies beside the data directory; each start goes on where the last one was killed.
fn spawn(arguments: &[String], settings: &[(&str, &str)]) -> Running {
    let log = Path::new(&arguments[2]).with_extension("log");
    Running::start(&log, |command| {
        command
            .args(arguments)
            .env("LARDER_ACCESS_KEY", KEYS.access)
            .env("LARDER_SECRET_KEY", KEYS.secret)
            .env("LARDER_CLUSTER_SECRET", CLUSTER_SECRET)
            // Objects of several chunks without long bodies.
            .env("LARDER_CHUNK_SIZE", "1MiB")
            .envs(settings.iter().copied());
    })
}

fn admin_command(admin: SocketAddr) -> Command {
    let mut command = larder();
    command.args(["admin", "--admin-address", &admin.to_string()]);
    command.env("LARDER_ACCESS_KEY", KEYS.access).env("LARDER_SECRET_KEY", KEYS.secret);
    command
}
