//! Bounds the bytes of chunks that a node process holds while they are on the wire. One share for what comes and one for
//! what goes: readers that take their time don't keep chunks from arriving.

use crate::{node::NodeError, types::ByteSize};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a permit stands for: small enough for small chunks, large enough that a share of a terabyte can be counted.
const UNIT_BYTES: u64 = 1024;

pub(super) struct ChunkMemory {
    units: Arc<Semaphore>,
}

/// Memory that was taken; dropping it gives it back.
#[derive(Debug)]
pub(super) struct HeldMemory(OwnedSemaphorePermit);

impl ChunkMemory {
    pub(super) fn new(share: ByteSize) -> Self {
        let units = usize::try_from(share.bytes() / UNIT_BYTES).unwrap_or(usize::MAX);
        Self { units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))) }
    }

    /// Waits until there is room for so many bytes: at most one chunk's, which the settings make room for.
    pub(super) async fn take(&self, length: u32) -> Result<HeldMemory, NodeError> {
        let units = units_of(u64::from(length));
        let taken = Arc::clone(&self.units).acquire_many_owned(u32::try_from(units).unwrap_or(u32::MAX)).await;
        taken.map(HeldMemory).map_err(|error| NodeError::Unreachable(error.to_string()))
    }
}

impl HeldMemory {
    /// Gives back what is more than so many bytes need.
    pub(super) fn shrink_to(&mut self, length: usize) {
        let needed = usize::try_from(units_of(length as u64)).unwrap_or(usize::MAX);
        drop(self.0.split(self.0.num_permits().saturating_sub(needed)));
    }

    pub(super) fn into_permit(self) -> OwnedSemaphorePermit {
        self.0
    }
}

fn units_of(length: u64) -> u64 {
    length.div_ceil(UNIT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn memory_is_taken_shrunk_and_given_back() {
        let memory = ChunkMemory::new(ByteSize::kib(100));
        let mut held = memory.take(70_000).await.unwrap();
        assert!(memory.take(40_000).now_or_never().is_none(), "31 KiB are left");
        held.shrink_to(10_000);
        let other = memory.take(90 * 1024).await.unwrap();
        assert!(memory.take(1).now_or_never().is_none());
        drop((held, other));
        memory.take(100 * 1024).await.unwrap();
    }
}
