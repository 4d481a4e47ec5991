//! Before and after the measured part: the bucket, the objects that a case reads, and taking everything away again.

use super::{
    exchange::{Exchange, Wrong},
    options::Bench,
    target::Target,
    workload::Workload,
};
use crate::{
    cli::s3_client::{Connection, Depth, Location, create_bucket, delete_keys, list_buckets, list_page},
    types::BucketName,
};
use anyhow::anyhow;
use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::task::JoinSet;

/// Enough to share a server's syncs among many, few enough not to trouble it before the measured part.
const FILLERS: usize = 16;

/// Where a run's objects live.
pub struct Store {
    connection: Connection,
    bucket: BucketName,
    /// Prefix of every key of this run: runs at the same time, and what an earlier one left, don't meet.
    folder: String,
}

impl Store {
    pub fn open(bench: &Bench) -> anyhow::Result<Self> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(Self {
            connection: Connection::open(&bench.access)?,
            bucket: bench.bucket.clone(),
            folder: format!("larder-bench/{seconds}-{}/", process::id()),
        })
    }

    pub fn folder(&self) -> &str {
        &self.folder
    }

    pub async fn make_bucket(&self) -> anyhow::Result<()> {
        let buckets = list_buckets(&self.connection).await?;
        if buckets.iter().any(|bucket| bucket.name == self.bucket.as_str()) {
            return Ok(());
        }
        create_bucket(&self.connection, &self.bucket).await
    }

    /// Makes the case's objects; the first refusal ends it.
    pub async fn fill(&self, target: &Arc<Target>, workload: &Arc<Workload>) -> anyhow::Result<()> {
        let next = Arc::new(AtomicU64::new(0));
        let mut fillers = JoinSet::new();
        for _ in 0..FILLERS {
            let mut exchange = Exchange::new(target.clone());
            let (workload, next) = (workload.clone(), next.clone());
            fillers.spawn(async move {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= workload.objects_to_prepare() {
                        return Ok::<(), Wrong>(());
                    }
                    workload.make(index, &mut exchange).await?;
                }
            });
        }
        while let Some(filler) = fillers.join_next().await {
            filler?.map_err(|wrong| anyhow!("{wrong}"))?;
        }
        Ok(())
    }

    /// Deletes everything below the run's prefix. The bucket stays: it may be somebody's.
    pub async fn clean_up(&self) -> anyhow::Result<()> {
        let location = Location { bucket: self.bucket.clone(), key: self.folder.clone() };
        let mut after = None;
        loop {
            let page = list_page(&self.connection, &location, Depth::Everything, after.as_deref()).await?;
            let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
            if !keys.is_empty() {
                delete_keys(&self.connection, &self.bucket, &keys).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
