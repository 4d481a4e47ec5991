//! Current rows that a batch is going to ask for, read for all of its commands at once.
//!
//! A row that was foreseen is taken by the first command that asks for it. That command alone may change it, because
//! any command that is not itself foreseeable makes the transaction forget the rest first. So a row that is taken is the
//! row that the table has.

use super::existing::KeyState;
use crate::types::{BucketId, ObjectKey};
use std::collections::HashMap;

/// Rows of existing buckets. Bounded by the commands of a batch.
#[derive(Default)]
pub(super) struct Foreseen {
    current: HashMap<(BucketId, ObjectKey), KeyState>,
}

impl Foreseen {
    pub fn keep(&mut self, bucket: BucketId, key: &ObjectKey, current: KeyState) {
        self.current.insert((bucket, key.clone()), current);
    }

    /// The key with its current row, when it was foreseen.
    pub fn take(&mut self, bucket: BucketId, key: &ObjectKey) -> Option<KeyState> {
        if self.current.is_empty() {
            return None;
        }
        self.current.remove(&(bucket, key.clone()))
    }

    pub fn forget(&mut self) {
        self.current.clear();
    }
}
