//! The gateway's disk is lost, or its database is: what the nodes keep of the command log brings everything back that was
//! acknowledged, and nothing that was deleted.

use crate::support::{Options, Server, cluster::Cluster, command::text, process::Running};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

const IN_FORCE: &str = "the command log is in force";
const BUCKET: &str = "pantry";

/// What clients were told.
#[derive(Default)]
struct Told {
    objects: BTreeMap<String, Vec<u8>>,
}

impl Told {
    async fn begin(client: &Client) -> Self {
        client.create_bucket().bucket(BUCKET).send().await.unwrap();
        Self::default()
    }

    async fn put(&mut self, client: &Client, key: &str, bytes: Vec<u8>) {
        let body = ByteStream::from(bytes.clone());
        client.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
        self.objects.insert(key.to_owned(), bytes);
    }

    /// New objects, others in the place of some, and some of them deleted.
    async fn change(&mut self, client: &Client, round: usize) {
        for number in 0..30 {
            let bytes = format!("round {round} number {number} ").into_bytes().repeat(number * 40 + 1);
            self.put(client, &format!("key-{}", (number * 7 + round * 11) % 50), bytes).await;
        }
        for number in 0..10 {
            let key = format!("key-{}", (number * 13 + round) % 50);
            client.delete_object().bucket(BUCKET).key(&key).send().await.unwrap();
            self.objects.remove(&key);
        }
    }

    async fn put_in_parts(&mut self, client: &Client, key: &str) {
        let parts = [vec![1; 5 << 20], vec![2; 100_000]];
        let begun = client.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
        let upload = begun.upload_id().unwrap();
        let mut done = Vec::new();
        for (number, part) in (1..).zip(&parts) {
            let put = client.upload_part().bucket(BUCKET).key(key).upload_id(upload).part_number(number);
            let put = put.body(ByteStream::from(part.clone())).send().await.unwrap();
            done.push(CompletedPart::builder().part_number(number).set_e_tag(put.e_tag).build());
        }
        let done = CompletedMultipartUpload::builder().set_parts(Some(done)).build();
        let complete = client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(upload);
        complete.multipart_upload(done).send().await.unwrap();
        self.objects.insert(key.to_owned(), parts.concat());
    }

    /// The same keys, and of each the same bytes.
    async fn assert_all(&self, client: &Client) {
        let listed = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        let keys: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
        assert_eq!(keys, self.objects.keys().collect::<Vec<_>>());
        for (key, bytes) in &self.objects {
            let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
            assert!(got.body.collect().await.unwrap().into_bytes() == bytes[..], "{key}");
        }
    }
}

fn client_of(cluster: &Cluster) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&cluster.s3)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("TESTROOTACCESSKEY", "a-secret-for-tests-only", None, None, "test"))
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

/// Until the process has said so in its log.
async fn await_said(log: impl Fn() -> String, what: &str) {
    while !log().contains(what) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Fleet {
    cluster: Cluster,
    addresses: Vec<String>,
}

impl Fleet {
    async fn start() -> Self {
        let mut cluster = Cluster::start(0);
        let addresses = (1..=3).map(|number| cluster.start_node(number)).collect();
        cluster.await_health();
        await_said(|| cluster.gateway.log(), IN_FORCE).await;
        Self { cluster, addresses }
    }

    fn lose_gateway(&mut self) {
        self.cluster.gateway.kill();
        fs::remove_dir_all(self.cluster.directory.path().join("gateway")).unwrap();
    }

    /// Asks the first nodes, so many of them.
    fn recover(&self, asked: usize, arguments: &[&str]) -> Running {
        let (s3, admin) = (self.cluster.s3.replace("http://", ""), self.cluster.admin.clone());
        let from = self.addresses[..asked].join(",");
        let all = [&["--recover-from", &from], arguments].concat();
        self.cluster.start_gateway("gateway", [&s3, &admin], &all)
    }

    fn go_on(&mut self, gateway: Running) {
        gateway.greeted("Admin address");
        self.cluster.gateway = gateway;
    }

    fn assert_refused(&self, mut gateway: Running, because: &str) {
        assert_eq!(gateway.wait().code(), Some(1), "{}", gateway.log());
        assert!(gateway.log().contains(because), "{}", gateway.log());
        let metadata = self.cluster.directory.path().join("gateway/metadata/metadata.sqlite");
        assert!(!metadata.exists(), "nothing was made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_lost_its_disk_has_everything_again_that_was_acknowledged() {
    let mut fleet = Fleet::start().await;
    let client = client_of(&fleet.cluster);
    let mut told = Told::begin(&client).await;
    told.change(&client, 1).await;
    told.put_in_parts(&client, "parts").await;
    for round in 2..4 {
        fleet.lose_gateway();
        // One address is enough: the metadata names the others.
        let gateway = fleet.recover(1, &["--recover"]);
        fleet.go_on(gateway);
        told.assert_all(&client).await;
        fleet.cluster.await_health();
        await_said(|| fleet.cluster.gateway.log(), IN_FORCE).await;
        told.change(&client, round).await;
    }
    let status = String::from_utf8(fleet.cluster.admin(&["status"]).stdout).unwrap();
    assert!(!status.contains("confirm"), "the history went on: {status}");
    // Where there is metadata nothing is recovered over it.
    fleet.cluster.gateway.kill();
    let mut again = fleet.recover(3, &["--recover"]);
    assert_eq!(again.wait().code(), Some(1), "{}", again.log());
    assert!(again.log().contains("move that directory away"), "{}", again.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_node_it_is_refused_by_name_and_accepted_it_is_whole() {
    let mut fleet = Fleet::start().await;
    let client = client_of(&fleet.cluster);
    let mut told = Told::begin(&client).await;
    told.change(&client, 1).await;
    let name =
        fleet.cluster.nodes().iter().find_map(|node| {
            (node["address"] == fleet.addresses[2]).then(|| node["name"].as_str().unwrap().to_owned())
        });
    let name = name.unwrap();
    fleet.lose_gateway();
    fleet.cluster.nodes[2].kill();
    fleet.assert_refused(fleet.recover(2, &["--recover"]), &name);
    fleet.assert_refused(fleet.recover(3, &["--recover"]), &name);
    let gateway = fleet.recover(2, &["--recover-incomplete"]);
    fleet.go_on(gateway);
    told.assert_all(&client).await;
    let status = String::from_utf8(fleet.cluster.admin(&["status"]).stdout).unwrap();
    assert!(!status.contains("confirm"), "one node alone held nothing back: {status}");
    told.change(&client, 2).await;
    told.assert_all(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recovered_beside_a_gateway_that_is_alive_nor_without_nodes() {
    let fleet = Fleet::start().await;
    let from = fleet.addresses.join(",");
    let any = ["127.0.0.1:0", "127.0.0.1:0"];
    let mut beside = fleet.cluster.start_gateway("beside", any, &["--recover", "--recover-from", &from]);
    assert_eq!(beside.wait().code(), Some(1), "{}", beside.log());
    assert!(beside.log().contains("another gateway of this cluster is alive"), "{}", beside.log());
    let mut nowhere = fleet.cluster.start_gateway("nowhere", any, &["--recover"]);
    assert_eq!(nowhere.wait().code(), Some(2), "{}", nowhere.log());
    assert!(nowhere.log().contains("--recover-from"), "{}", nowhere.log());
    let mut nobody = fleet.cluster.start_gateway("nobody", any, &["--recover", "--recover-from", "127.0.0.1:1"]);
    assert_eq!(nobody.wait().code(), Some(1), "{}", nobody.log());
    assert!(nobody.log().contains("no node answered at 127.0.0.1:1"), "{}", nobody.log());
}

/// What a start of the server with its data as it is now says before it ends.
fn refusal(server: &Server, arguments: &[&str]) -> String {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut refused = Running::start(log.path(), |command| {
        let anywhere = ["--address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
        command.args(["server", "--data", text(&server.data())]).args(anywhere).args(arguments);
    });
    refused.refused()
}

/// What clients were told, and where its metadata is.
async fn killed_server() -> (Server, Told, PathBuf) {
    let mut server = Server::start_with(Options::default().without_records()).await;
    await_said(|| server.log(), IN_FORCE).await;
    let mut told = Told::begin(&server.client()).await;
    told.change(&server.client(), 1).await;
    server.kill();
    let metadata = server.data().join("metadata");
    (server, told, metadata)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_recovers_a_database_that_is_gone_or_damaged_from_its_own_nodes() {
    let (mut server, mut told, metadata) = killed_server().await;
    fs::remove_dir_all(&metadata).unwrap();
    assert!(refusal(&server, &[]).contains("--recover"));
    server.start_again_with(&["--recover"]).await;
    told.assert_all(&server.client()).await;
    await_said(|| server.log().rsplit_once("was recovered").unwrap().1.to_owned(), IN_FORCE).await;
    told.change(&server.client(), 2).await;

    server.kill();
    let database = metadata.join("metadata.sqlite");
    let length = fs::metadata(&database).unwrap().len() as usize;
    fs::write(&database, vec![0x5A; length]).unwrap();
    assert!(refusal(&server, &[]).contains("--recover"), "the remedy is named");
    assert!(refusal(&server, &["--recover"]).contains("move that directory away"));
    fs::rename(&metadata, server.data().join("damaged")).unwrap();
    server.start_again_with(&["--recover"]).await;
    told.assert_all(&server.client()).await;
    told.put(&server.client(), "after", b"all".to_vec()).await;
    told.assert_all(&server.client()).await;
}

/// The last changes are in the log alone, and what is left opens as if they had never been.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_its_log_is_not_served_and_is_recovered() {
    let (mut server, told, metadata) = killed_server().await;
    fs::remove_file(metadata.join("metadata.sqlite-wal")).unwrap();
    let said = refusal(&server, &[]);
    assert!(said.contains("the log of the metadata is gone") && said.contains("--recover"), "{said}");
    fs::rename(&metadata, server.data().join("damaged")).unwrap();
    server.start_again_with(&["--recover"]).await;
    told.assert_all(&server.client()).await;
}

/// SQLite leaves out without a word what it can't read at the end of its log.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_log_ends_early_is_not_served_and_is_recovered() {
    let (mut server, told, metadata) = killed_server().await;
    let log = fs::OpenOptions::new().write(true).open(metadata.join("metadata.sqlite-wal")).unwrap();
    log.set_len(log.metadata().unwrap().len() / 2).unwrap();
    for _ in 0..2 {
        let said = refusal(&server, &[]);
        assert!(said.contains("the end of the database was lost") && said.contains("--recover"), "{said}");
    }
    fs::rename(&metadata, server.data().join("damaged")).unwrap();
    server.start_again_with(&["--recover"]).await;
    told.assert_all(&server.client()).await;
}
