//! A whole server in a directory of its own, on free ports.

use super::{address::free_address, command::larder, process::Running, replay::assert_replay_gives_the_same_rows};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use rustix::process::Signal;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{ExitStatus, Output},
    time::Duration,
};
use tempfile::TempDir;

/// How a server differs from the default one.
#[derive(Clone, Debug)]
pub struct Options {
    pub nodes: u32,
    /// `("LARDER_GRACE_PERIOD", "1s")`.
    pub variables: Vec<(&'static str, String)>,
    pub arguments: Vec<String>,
    /// Whether the commands are recorded and replayed at the end.
    pub recording: Recording,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    On,
    /// For a server that does not begin with an empty database.
    Off,
}

impl Default for Options {
    fn default() -> Self {
        Self { nodes: 3, variables: Vec::new(), arguments: Vec::new(), recording: Recording::On }
    }
}

impl Options {
    pub fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((variable, value.into()));
        self
    }

    pub fn without_records(mut self) -> Self {
        self.recording = Recording::Off;
        self
    }
}

/// A running server. When it is dropped it is stopped in order, and the commands that it carried out are replayed.
pub struct Server {
    process: Option<Running>,
    options: Options,
    directory: TempDir,
    endpoint: String,
    admin: String,
}

const ACCESS_KEY: &str = "TESTROOTACCESSKEY";
const SECRET_KEY: &str = "a-secret-for-tests-only";

/// Between two looks at `/health/ready`: a server is ready within milliseconds of its greeting.
const READY_PAUSE: Duration = Duration::from_millis(20);

impl Server {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the server");
        let (endpoint, admin) = (free_address().to_string(), free_address().to_string());
        let mut server = Self { process: None, options, directory, endpoint, admin };
        server.start_again().await;
        server
    }

    /// After `kill` or `stop`: the same data on the same ports.
    pub async fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        let (data, log) = (self.data(), self.directory.path().join("log"));
        let process = Running::start(&log, |command| {
            command
                .args(["server", "--data"])
                .arg(&data)
                .args(["--nodes", &self.options.nodes.to_string()])
                .args(["--address", &self.endpoint, "--admin-address", &self.admin])
                .args(&self.options.arguments)
                .env("LARDER_ACCESS_KEY", ACCESS_KEY)
                .env("LARDER_SECRET_KEY", SECRET_KEY)
                .envs(self.options.variables.iter().map(|(name, value)| (name, value)));
            if self.options.recording == Recording::On {
                command.env("LARDER_RECORD_COMMANDS", self.records());
            }
        });
        self.endpoint = authority(&process.greeted("S3 endpoint"));
        self.admin = authority(&process.greeted("Admin address"));
        self.process = Some(process);
        while self.admin_status("/health/ready") != Some(200) {
            tokio::time::sleep(READY_PAUSE).await;
        }
    }

    /// As `start_again`, with more arguments this once.
    pub async fn start_again_with(&mut self, arguments: &[&str]) {
        let usual = self.options.arguments.clone();
        self.options.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self.start_again().await;
        self.options.arguments = usual;
    }

    /// An SDK client with the SDK's defaults.
    pub fn client(&self) -> Client {
        self.client_as(ACCESS_KEY, SECRET_KEY)
    }

    pub fn client_as(&self, access_key: &str, secret_key: &str) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(format!("http://{}", self.endpoint))
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
            .force_path_style(true)
            .build();
        Client::from_conf(config)
    }

    /// `host:port` of the S3 address.
    pub fn authority(&self) -> String {
        self.endpoint.clone()
    }

    /// `host:port` of the admin address.
    pub fn admin_authority(&self) -> String {
        self.admin.clone()
    }

    pub fn access_key(&self) -> &str {
        ACCESS_KEY
    }

    pub fn secret_key(&self) -> &str {
        SECRET_KEY
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    pub fn log(&self) -> String {
        self.process().log()
    }

    pub fn signal(&self, signal: Signal) {
        self.process().signal(signal);
    }

    /// SIGKILL: nothing ends in order.
    pub fn kill(&mut self) {
        self.process.take().expect("the server runs").kill();
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("the server runs");
        process.signal(Signal::TERM);
        process.wait()
    }

    /// The status of a GET on the admin address; `None` when nobody answers.
    pub fn admin_status(&self, path: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(&self.admin).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// What `larder admin` says with the root credentials.
    pub fn admin(&self, arguments: &[&str]) -> Output {
        let credentials = [("LARDER_ACCESS_KEY", self.access_key()), ("LARDER_SECRET_KEY", self.secret_key())];
        larder().arg("admin").args(arguments).args(self.admin_arguments()).envs(credentials).output().unwrap()
    }

    /// Arguments with which `larder admin` finds this server.
    pub fn admin_arguments(&self) -> [String; 2] {
        ["--admin-address".into(), self.admin.clone()]
    }

    fn records(&self) -> PathBuf {
        self.directory.path().join("commands.jsonl")
    }

    /// What a later line of the greeting says behind the label.
    pub fn greeted(&self, label: &str) -> String {
        self.process().greeted(label)
    }

    fn process(&self) -> &Running {
        self.process.as_ref().expect("the server runs")
    }
}

fn authority(url: &str) -> String {
    url.split_once("://").expect("an address is shown as a URL").1.to_owned()
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(process) = &self.process {
                eprintln!("the server's log:\n{}", process.log());
            }
            return;
        }
        if self.process.is_none() {
            return;
        }
        assert!(self.stop().success(), "the server ends in order");
        if self.options.recording == Recording::Off {
            return;
        }
        let (records, metadata) = (self.records(), self.data().join("metadata"));
        // A thread of its own: the test's runtime may be what drops this.
        let replayed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(assert_replay_gives_the_same_rows(&records, &metadata));
        });
        if let Err(panic) = replayed.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
