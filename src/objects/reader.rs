//! The bytes of a read, verified, in order.

use super::ObjectError;
use crate::cluster::ContentReader;
use bytes::Bytes;
use std::fmt;

/// Gives the bytes that were asked for. An error ends it: whoever answers a client has to break the answer off.
pub struct ObjectReader {
    content: ContentReader,
}

impl ObjectReader {
    pub(super) fn new(content: ContentReader) -> Self {
        Self { content }
    }

    pub async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        self.content.next().await.map(|result| result.map_err(ObjectError::from))
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").finish_non_exhaustive()
    }
}
