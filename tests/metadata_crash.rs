//! The metadata under `kill -9`: what was acknowledged is there after a restart, what was not is whole or absent, and the
//! recorded commands give the same rows.

use larder::{
    metadata::{
        Command, Metadata, MetadataSettings, Outcome,
        command::*,
        replay::{dump, read_records, replay},
        rows::ReadFrom,
    },
    runtime::{SystemClock, SystemRandom},
    types::*,
};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::Arc,
};

/// Set for the child process: where it works.
const DIRECTORY: &str = "LARDER_METADATA_CRASH_DIRECTORY";

const ROUNDS: u32 = 6;

async fn open(directory: &Path) -> Metadata {
    let settings = MetadataSettings {
        record_commands: Some(directory.join("commands.jsonl")),
        metadata_reserve: ByteSize::mib(1),
        // Short, so that kills meet checkpoints too.
        metadata_checkpoint_at: ByteSize::kib(64),
        metadata_log_limit: ByteSize::kib(512),
        ..MetadataSettings::default()
    };
    let path = directory.join("metadata");
    Metadata::open(&path, &settings, Arc::new(SystemClock::new()), Arc::new(SystemRandom)).await.unwrap()
}

fn node() -> NodeId {
    NodeId::from_bytes([1; 16])
}

/// A node, a group of it, a bucket: refused where an earlier round made them.
async fn prepare(metadata: &Metadata) -> BucketId {
    let register = RegisterNode {
        node: node(),
        name: "node-1".into(),
        address: None,
        zone: "zone".into(),
        capacity: 1 << 40,
        device: None,
        volumes: vec![],
        at: Timestamp::default(),
    };
    metadata.propose(Command::RegisterNode(register)).await.unwrap();
    let group = NewGroup { group: GroupId(1), members: vec![node()], scheme: "replica:1".into() };
    let _ = metadata.propose(Command::CreateGroups { groups: vec![group] }).await;
    let bucket = CreateBucket {
        name: "bucket".parse().unwrap(),
        region: String::new(),
        owner: "root".into(),
        created: Timestamp::default(),
        tags: None,
        object_lock: None,
        acl: Default::default(),
        ownership: None,
        buckets_max: 10_000,
    };
    let _ = metadata.propose(Command::CreateBucket(bucket)).await;
    metadata.bucket(&"bucket".parse().unwrap()).await.unwrap().unwrap().id
}

fn put(bucket: BucketId, name: &str) -> Command {
    let blob = BlobId::from_uuid(uuid::Uuid::now_v7());
    let size = 3 + name.len() as u64;
    Command::PutObject(PutObject {
        bucket,
        key: ObjectKey::new(name).unwrap(),
        attributes: VersionAttributes {
            version: VersionId::from_uuid(uuid::Uuid::now_v7()),
            created: Timestamp::default(),
            owner: "root".into(),
            headers: ObjectHeaders::default(),
            tags: TagSet::default(),
            lock: VersionLock::default(),
            acl: Default::default(),
        },
        etag: ETag::from_md5([size as u8; 16]),
        checksum: None,
        content: NewContent {
            blobs: vec![NewBlob {
                blob,
                group: GroupId(1),
                epoch: Epoch(1),
                size,
                chunk_size: 1024,
                roots: vec![ChunkRoot::from_bytes([7; 32])],
                durable_on: vec![node()],
            }],
            extents: vec![Extent { blob, offset: 0, length: size }],
            copies_required: 1,
        },
        precondition: WritePrecondition::None,
        granted: None,
    })
}

/// Puts without end from 16 tasks, and says each key that was acknowledged.
async fn work(directory: &Path) {
    let metadata = open(directory).await;
    let bucket = prepare(&metadata).await;
    let round = metadata.committed();
    let writers = (0..16).map(|task| {
        let metadata = metadata.clone();
        tokio::spawn(async move {
            for index in 0_u64.. {
                let name = format!("{round}-{task}-{index}");
                assert!(matches!(metadata.propose(put(bucket, &name)).await, Ok(Outcome::Written(_))));
                println!("acknowledged {name}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

fn spawn(directory: &Path) -> Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets the child acknowledge `count` keys, kills it, and returns all that it said by then.
fn kill_after(mut child: Child, count: usize) -> BTreeSet<String> {
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = BTreeSet::new();
    let mut killed = false;
    for line in said.split(b'\n') {
        // The last line may be torn; then it ends in no key that anybody was told.
        let line = String::from_utf8(line.unwrap()).unwrap();
        if let Some((_, key)) = line.split_once("acknowledged ") {
            acknowledged.insert(key.to_owned());
        }
        if acknowledged.len() >= count && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself");
    acknowledged
}

async fn verify(directory: &Path, acknowledged: &BTreeSet<String>) {
    let metadata = open(directory).await;
    let bucket = "bucket".parse().unwrap();
    for name in acknowledged {
        let key = ObjectKey::new(name.as_str()).unwrap();
        let found = metadata.lookup_in(&bucket, &key, VersionSelector::Latest, ReadFrom::Offset(0)).await.unwrap();
        let larder::metadata::BucketLookup::Found(found) = found else { panic!("{name} is lost") };
        let found = found.lookup;
        assert_eq!(found.extents.iter().map(|extent| extent.extent.length).sum::<u64>(), found.object.size);
    }
    metadata.close().await;
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Ok(directory) = std::env::var(DIRECTORY) {
        return runtime.block_on(work(Path::new(&directory)));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 1..=ROUNDS {
        let child = spawn(folder.path());
        acknowledged.extend(kill_after(child, 100 * round as usize));
        runtime.block_on(verify(folder.path(), &acknowledged));
    }
    let records = read_records(&folder.path().join("commands.jsonl")).unwrap();
    let replayed = folder.path().join("replayed");
    runtime.block_on(async {
        replay(&records, &replayed).await.unwrap();
        assert_eq!(dump(&replayed).await.unwrap(), dump(&folder.path().join("metadata")).await.unwrap());
    });
}
