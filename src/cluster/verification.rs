//! How a verification stands: what it looks at, how far it has come, what it has found. Kept with the metadata
//! (`Command::SaveJobState`), so that it goes on after a restart of the gateway. The work itself is in `verify`.

use super::{Cluster, error::ClusterError};
use crate::{
    metadata::{
        Command,
        command::SaveJobState,
        rows::{PieceCursor, Totals},
    },
    types::{BlobId, BucketId, BucketName, NodeId, Timestamp, VersionId},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const JOB: &str = "verify";

/// Blobs that are remembered as lost, and bytes of the names of their objects: both lie in one row. What is beyond is counted.
pub const LOST_MAX: usize = 1000;
pub const NAMES_BYTES_MAX: usize = 100 << 10;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerifyScope {
    Everything,
    /// All versions of the bucket's keys that begin with the prefix.
    Prefix {
        bucket: BucketId,
        name: BucketName,
        prefix: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerifyStage {
    /// Copies are read and compared.
    Checking,
    /// What was bad is on the repair list.
    Repairing,
    /// The objects of what is lost are searched for.
    Naming,
    Finished,
}

/// A count of copies is one of blobs on nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    pub scope: VerifyScope,
    pub stage: VerifyStage,
    pub began: Timestamp,
    pub finished: Option<Timestamp>,
    /// Behind these the next page begins: the first for everything, the second for a prefix.
    pub after_blob: Option<BlobId>,
    pub after_piece: Option<PieceCursor>,
    /// Blobs there were when it began; of a prefix nobody knows.
    pub blobs_expected: Option<u64>,
    /// Versions of objects, where a prefix is walked.
    pub objects: u64,
    pub blobs: u64,
    /// In these blobs, one copy.
    pub bytes: u64,
    pub intact_copies: u64,
    /// Missing or wrong: on the repair list.
    pub bad_copies: u64,
    /// Of these, of blobs that are lost.
    pub lost_copies: u64,
    /// Of these, not yet repaired when it ended, or as last looked at.
    pub bad_copies_left: u64,
    pub bad_nodes: BTreeMap<NodeId, u64>,
    /// Copies on nodes that gave no answer.
    pub unasked: BTreeMap<NodeId, u64>,
    /// Blobs of which no node has all chunks right, all having been asked.
    pub lost_blobs: u64,
    pub lost: Vec<BlobId>,
    /// Versions that need one of them.
    pub lost_objects: u64,
    pub named: Vec<LostObject>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostObject {
    pub bucket: String,
    pub key: String,
    /// `None` when it was written while versioning was off.
    pub version: Option<VersionId>,
    pub blob: BlobId,
}

impl Verification {
    fn new(scope: VerifyScope, began: Timestamp, blobs_expected: Option<u64>) -> Self {
        Self {
            scope,
            stage: VerifyStage::Checking,
            began,
            finished: None,
            after_blob: None,
            after_piece: None,
            blobs_expected,
            objects: 0,
            blobs: 0,
            bytes: 0,
            intact_copies: 0,
            bad_copies: 0,
            lost_copies: 0,
            bad_copies_left: 0,
            bad_nodes: BTreeMap::new(),
            unasked: BTreeMap::new(),
            lost_blobs: 0,
            lost: Vec::new(),
            lost_objects: 0,
            named: Vec::new(),
        }
    }

    pub fn is_under_way(&self) -> bool {
        self.stage != VerifyStage::Finished
    }

    /// Everything was looked at, and all of it is right now.
    pub fn is_good(&self) -> bool {
        !self.is_under_way() && self.lost_blobs == 0 && self.unasked.is_empty() && self.bad_copies_left == 0
    }
}

/// The newest verification, for whoever asks. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Verifications {
    newest: Arc<Mutex<Newest>>,
}

#[derive(Debug, Default)]
struct Newest {
    is_read: bool,
    verification: Option<Verification>,
}

impl Verifications {
    /// As it is in memory; the first time it is read.
    pub async fn newest(&self, cluster: &Cluster) -> Result<Option<Verification>, ClusterError> {
        if !self.lock().is_read {
            let kept = cluster.metadata().job_state(JOB).await?;
            // What another version has written is as if it had not been.
            let kept = kept.and_then(|state| serde_json::from_str(&state).ok());
            let mut newest = self.lock();
            if !newest.is_read {
                *newest = Newest { is_read: true, verification: kept };
            }
        }
        Ok(self.lock().verification.clone())
    }

    pub(super) fn note(&self, verification: Verification) {
        self.lock().verification = Some(verification);
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps it over a restart.
pub(super) async fn save(cluster: &Cluster, verification: &Verification) -> Result<(), ClusterError> {
    let state = serde_json::to_string(verification).map_err(|error| ClusterError::Metadata(error.to_string()))?;
    let job = SaveJobState { name: JOB.to_owned(), state: Some(state) };
    cluster.metadata().propose(Command::SaveJobState(job)).await?;
    Ok(())
}

impl Cluster {
    /// The verification that is under way, or else the last one.
    pub async fn verification(&self) -> Result<Option<Verification>, ClusterError> {
        self.verifications().newest(self).await
    }

    /// Begins a verification, unless one is under way: then that one. Says whether it is new.
    pub async fn begin_verification(
        &self,
        scope: VerifyScope,
        totals: Option<&Totals>,
    ) -> Result<(Verification, bool), ClusterError> {
        if let Some(running) = self.verification().await?.filter(Verification::is_under_way) {
            return Ok((running, false));
        }
        let new = Verification::new(scope, self.clock().now(), totals.map(|totals| totals.blobs));
        save(self, &new).await?;
        self.verifications().note(new.clone());
        Ok((new, true))
    }
}
