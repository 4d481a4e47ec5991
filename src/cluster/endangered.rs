//! Which blobs repair looks after first: those that lack more than one copy, of which the next failure may take the last.
//! Pure.

use crate::{metadata::command::BlobCopy, types::BlobId};
use std::cmp::Reverse;

/// What a window of the repair list says.
#[derive(Debug, PartialEq, Eq)]
pub struct Endangered {
    /// Those that lack the most copies first.
    pub blobs: Vec<BlobId>,
    /// Behind what the next window begins; `None` at the end of the list.
    pub next: Option<BlobCopy>,
}

/// `window` is in order; it is the end of the list when it has fewer than `window_max` copies. A blob that the window may
/// have cut is left to the next one.
pub fn endangered(window: &[BlobCopy], window_max: usize) -> Endangered {
    let mut by_blob: Vec<&[BlobCopy]> = window.chunk_by(|one, next| one.blob == next.blob).collect();
    let mut next = None;
    if window.len() >= window_max && by_blob.len() > 1 {
        by_blob.pop();
        next = by_blob.last().and_then(|copies| copies.last()).copied();
    }
    by_blob.retain(|copies| copies.len() > 1);
    by_blob.sort_by_key(|copies| Reverse(copies.len()));
    Endangered { blobs: by_blob.into_iter().filter_map(|copies| copies.first()).map(|copy| copy.blob).collect(), next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    fn copy(blob: u8, node: u8) -> BlobCopy {
        BlobCopy { blob: id(blob), node: NodeId::from_bytes([node; 16]) }
    }

    fn id(blob: u8) -> BlobId {
        BlobId::from_bytes([blob; 16])
    }

    #[test]
    fn who_lacks_most_comes_first_and_who_lacks_one_copy_waits() {
        let list = [copy(1, 1), copy(2, 1), copy(2, 2), copy(3, 3), copy(4, 1), copy(4, 2), copy(4, 3)];
        assert_eq!(endangered(&list, 8), Endangered { blobs: vec![id(4), id(2)], next: None });
        assert_eq!(endangered(&list, 7), Endangered { blobs: vec![id(2)], next: Some(copy(3, 3)) });
        assert_eq!(endangered(&list[..3], 3), Endangered { blobs: vec![], next: Some(copy(1, 1)) });
        assert_eq!(endangered(&list[1..3], 2), Endangered { blobs: vec![id(2)], next: None }, "nothing else fits");
        assert_eq!(endangered(&[], 7), Endangered { blobs: vec![], next: None });
    }
}
