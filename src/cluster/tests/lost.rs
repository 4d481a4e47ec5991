//! The metadata of a test's cluster is lost: what its nodes keep of the command log is put there by the log's format, whoever
//! wrote it.

use super::{
    fake_nodes::Place,
    test_cluster::{RECORDS, TestCluster, quick_settings},
};
use crate::{
    cluster::{
        Succession,
        command_log::{Accepted, LogHead, LogKind, Recovered, Recovery, RecoveryError, pieces_of, recover},
    },
    metadata::{
        command::CommandRecord,
        replay::{dump, read_records},
    },
    node::{
        NodeApi, PeerConnector,
        api::{PeerAddress, PutChunk},
    },
    runtime::SeededRandom,
    types::{BlobId, ChunkKey, CommitSequence, GroupId, Term},
};
use bytes::Bytes;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const LOG: BlobId = BlobId::from_bytes([77; 16]);

/// A cluster whose metadata is lost, with nodes that keep what a test puts there of its log.
pub struct Lost {
    pub test: TestCluster,
    next_chunk: AtomicU32,
    pub term: Term,
}

impl Lost {
    pub async fn with_nodes(count: u8) -> Self {
        let test = TestCluster::with(quick_settings(), count, Place::Elsewhere).await;
        let term = test.cluster.term();
        Self { test, next_chunk: AtomicU32::new(0), term }
    }

    fn records(&self) -> Vec<CommandRecord> {
        read_records(&self.test.directory.path().join(RECORDS)).unwrap()
    }

    pub fn head(&self, kind: LogKind, number: u64, first: CommitSequence, last: CommitSequence) -> LogHead {
        LogHead {
            kind,
            cluster: self.test.metadata.cluster_id(),
            history: self.test.metadata.history(),
            term: self.term,
            number,
            first,
            last,
            piece: 0,
            pieces: 1,
        }
    }

    /// On the nodes of these positions. Answers the chunks.
    pub async fn keep(&self, head: LogHead, payload: Bytes, nodes: &[usize]) -> Vec<ChunkKey> {
        let pieces = pieces_of(&payload);
        let (count, mut keys) = (u32::try_from(pieces.len()).unwrap(), Vec::new());
        for (piece, payload) in (0..).zip(pieces) {
            let key = ChunkKey { blob: LOG, index: self.next_chunk.fetch_add(1, Ordering::Relaxed) };
            let (data, root) = LogHead { piece, pieces: count, ..head }.seal(key, payload);
            for position in nodes {
                let node = &self.test.nodes[*position];
                let (term, group, data) = (self.term.max(self.test.cluster.term()), GroupId::COMMAND_LOG, data.clone());
                node.put_chunk(PutChunk { term, group, key, data, root }).await.unwrap();
            }
            keys.push(key);
        }
        keys
    }

    pub async fn keep_snapshot(&self, number: u64, nodes: &[usize]) -> (CommitSequence, Vec<ChunkKey>) {
        let file = self.test.directory.path().join(format!("snapshot-{number}"));
        let at = self.test.metadata.backup(&file).await.unwrap().committed;
        let bytes = std::fs::read(file).unwrap();
        (at, self.keep(self.head(LogKind::Snapshot, number, at, at), bytes.into(), nodes).await)
    }

    /// The commands behind `after`, in frames of so many; `nodes` says which nodes keep the frame of a number.
    pub async fn keep_frames(
        &self,
        after: CommitSequence,
        length: usize,
        nodes: impl Fn(usize) -> Vec<usize>,
    ) -> Vec<ChunkKey> {
        let mut keys = Vec::new();
        let behind: Vec<_> = self.records().into_iter().filter(|record| record.sequence > after).collect();
        for (number, records) in behind.chunks(length).enumerate() {
            let commands: Vec<_> = records.iter().map(|record| &record.command).collect();
            let written = serde_json::json!({ "format": CommandRecord::FORMAT, "commands": commands });
            let (first, last) = (records[0].sequence, records[records.len() - 1].sequence);
            let head = self.head(LogKind::Frame, number as u64 + 1, first, last);
            keys.extend(self.keep(head, written.to_string().into(), &nodes(number)).await);
        }
        keys
    }

    pub fn directory(&self, name: &str) -> PathBuf {
        self.test.directory.path().join(name)
    }

    /// Asks the nodes of these positions first.
    pub async fn recover(&self, name: &str, asked: &[usize], accepted: Accepted) -> Result<Recovered, RecoveryError> {
        self.recover_by(Succession::AtOnce, name, asked, accepted).await
    }

    /// `WhenFree`: each node is as quiet as it has to be.
    pub async fn recover_by(
        &self,
        succession: Succession,
        name: &str,
        asked: &[usize],
        accepted: Accepted,
    ) -> Result<Recovered, RecoveryError> {
        let nodes = asked.iter().map(|position| {
            let node = self.test.nodes[*position].id();
            let address = Some(format!("10.0.0.{position}:9002"));
            (format!("address-{position}"), self.test.network.connect(&PeerAddress { node, address }).unwrap())
        });
        recover(Recovery {
            directory: &self.directory(name),
            cluster: self.test.metadata.cluster_id(),
            nodes: nodes.collect(),
            silent: Vec::new(),
            connector: &*self.test.network,
            clock: &*self.test.clock,
            random: &SeededRandom::new(5),
            succession,
            suspect_after: Duration::ZERO,
            copies: 3,
            accepted,
        })
        .await
    }

    pub async fn assert_refused(&self, asked: &[usize], because: &str) {
        let terms: Vec<Term> = self.test.nodes.iter().map(|node| node.status_now().term).collect();
        let error = self.recover("refused", asked, Accepted::Whole).await.unwrap_err();
        assert!(error.to_string().contains(because), "{error}");
        let left = std::fs::read_dir(self.directory("refused")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["lock"], "nothing that looks like metadata is left");
        assert_eq!(self.test.nodes.iter().map(|node| node.status_now().term).collect::<Vec<_>>(), terms);
    }

    pub async fn assert_same(&self, name: &str) {
        assert_eq!(dump(&self.directory(name)).await.unwrap(), dump(self.test.directory.path()).await.unwrap());
    }

    pub async fn put(&self, keys: std::ops::Range<u32>) {
        for key in keys {
            self.test.put(&format!("{key}"), b"an object").await;
        }
    }
}

pub const ALL: [usize; 3] = [0, 1, 2];

/// Frame by frame two others of three.
pub fn two_of_three(number: usize) -> Vec<usize> {
    ALL.into_iter().filter(|node| *node != number % 3).collect()
}
