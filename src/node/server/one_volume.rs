//! A volume of a node with the threads that work for it.

use super::{
    parts::{NodeParts, OpenError},
    scrub::Scrubber,
    upkeep::Upkeep,
};
use crate::{
    types::{ChunkKey, ChunkRoot, VolumeStatus},
    volume::{RecoveryReport, Volume, VolumeError, VolumeOwner},
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::oneshot;

pub struct OneVolume {
    pub volume: Volume,
    pub scrubber: Scrubber,
    upkeep: Upkeep,
    /// Free bytes when it was last asked, which is at each heartbeat.
    room: AtomicU64,
}

pub fn open_one(parts: &NodeParts, directory: &Path) -> Result<(OneVolume, RecoveryReport), OpenError> {
    let owner = VolumeOwner { cluster: parts.cluster, node: parts.node };
    let (disk, random) = (Arc::clone(&parts.disk), Arc::clone(&parts.random));
    let (volume, report) = Volume::open(disk, directory, owner, &parts.volume_settings, random)?;
    let scrubber = Scrubber::start(volume.clone(), Arc::clone(&parts.settings), Arc::clone(&parts.clock))?;
    let upkeep = Upkeep::start(volume.clone())?;
    let room = AtomicU64::new(volume.status().free);
    Ok((OneVolume { volume, scrubber, upkeep, room }, report))
}

impl OneVolume {
    pub fn room(&self) -> u64 {
        self.room.load(Ordering::Relaxed)
    }

    pub fn status(&self) -> VolumeStatus {
        let status = self.volume.status();
        self.room.store(status.free, Ordering::Relaxed);
        status
    }

    /// The root and the length of the chunk, if it is held and whole. One that is damaged is quarantined. Blocks.
    pub fn whole(&self, key: ChunkKey) -> Result<Option<(ChunkRoot, u32)>, VolumeError> {
        match self.volume.read(key, 0, 0) {
            Ok(slice) => {
                let root = slice.table.root(key, slice.chunk_length);
                Ok(self.volume.verify_or_quarantine(key, root)?.then_some((root, slice.chunk_length)))
            }
            Err(VolumeError::Corrupt(_)) => self.volume.quarantine_damaged(key).map(|()| None),
            Err(VolumeError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins to drop the chunks; the receiver hears when that is durable. What was begun goes on when nobody listens, and
    /// holds `guard` until it has ended. Blocks.
    pub fn drop_chunks(
        &self,
        keys: Vec<ChunkKey>,
        guard: Arc<impl Send + Sync + 'static>,
    ) -> oneshot::Receiver<Result<(), VolumeError>> {
        let (done, durable) = oneshot::channel();
        self.volume.drop_chunks(keys, move |result| {
            // Nobody waits any more when the request was cancelled.
            let _ = done.send(result);
            drop(guard);
        });
        durable
    }

    /// Its next start needs no recovery.
    pub fn close(&self) -> Result<(), VolumeError> {
        self.scrubber.stop();
        self.upkeep.stop();
        self.volume.close()
    }
}
