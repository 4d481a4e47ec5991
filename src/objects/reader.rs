//! The bytes of a read, verified, in order.

use super::ObjectError;
use crate::cluster::ContentReader;
use bytes::Bytes;
use std::fmt;

/// Gives the bytes that were asked for. An error ends it: whoever answers a client has to break the answer off.
pub struct ObjectReader {
    /// Read before there was a reader, see `begin`.
    first: Option<Bytes>,
    content: ContentReader,
}

impl ObjectReader {
    /// Reads the first bytes at once: an object whose copies are all away or wrong is refused here, while the client can
    /// still be told so by a status. Behind these bytes only breaking the connection is left.
    pub(super) async fn begin(mut content: ContentReader) -> Result<Self, ObjectError> {
        let first = content.next().await.transpose()?;
        Ok(Self { first, content })
    }

    pub async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        self.content.next().await.map(|result| result.map_err(ObjectError::from))
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").finish_non_exhaustive()
    }
}
