//! Extents: which bytes of which blobs a content is made of.

use super::BlobId;
use serde::{Deserialize, Serialize};

/// A slice of a blob. A content is a list of these, in the order of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    pub blob: BlobId,
    /// Where the slice begins in the blob, in bytes.
    pub offset: u64,
    /// Length of the slice in bytes; never 0.
    pub length: u64,
}
