//! From a body to durable bytes: what PutObject and UploadPart have in common. The body is hashed once, while its
//! bytes go to the nodes; when a digest is wrong, nothing is committed and what was written is abandoned.

use super::{
    ExpectedDigests, ObjectError, Objects, SINGLE_WRITE_MAX_BYTES, UploadBody,
    digest::{BodyHasher, Digests, needed_algorithms},
};
use crate::{
    cluster::{ContentWriter, Waited, WrittenContent},
    types::{Checksum, ChecksumAlgorithm, ETag},
};
use bytes::Bytes;

/// Bytes on the nodes that no command names yet. Dropped, they are garbage and reclaimed.
pub(super) struct StoredBody {
    pub written: WrittenContent,
    pub digests: Digests,
    /// In bytes.
    pub length: u64,
}

impl StoredBody {
    pub fn etag(&self) -> ETag {
        ETag::from_md5(self.digests.md5)
    }

    /// The value of an algorithm that the body was hashed with.
    pub fn checksum(&self, algorithm: ChecksumAlgorithm) -> Result<Checksum, ObjectError> {
        let checksum = self.digests.checksum(algorithm).cloned();
        checksum.ok_or_else(|| ObjectError::Internal(format!("the body was not hashed with {algorithm}")))
    }
}

impl Objects {
    /// Reads the body to its end. `kept` is the algorithm whose value is stored, whatever the client sends.
    /// A cancelled call leaves unnamed blobs, which are reclaimed.
    pub(super) async fn store_body(
        &self,
        body: &mut dyn UploadBody,
        expected: &ExpectedDigests,
        kept: ChecksumAlgorithm,
    ) -> Result<StoredBody, ObjectError> {
        let too_large = ObjectError::EntityTooLarge { limit: SINGLE_WRITE_MAX_BYTES };
        let declared_length = body.declared_length();
        if declared_length.is_some_and(|length| length > SINGLE_WRITE_MAX_BYTES) {
            return Err(too_large);
        }
        let mut hasher = BodyHasher::new(&self.hashes, needed_algorithms(expected).chain([kept]));
        let mut writer = self.cluster.write(declared_length).await?;
        let mut length = 0_u64;
        while let Some(bytes) = next_bytes(body, &mut writer, &mut hasher).await? {
            length += bytes.len() as u64;
            if length > SINGLE_WRITE_MAX_BYTES {
                return Err(too_large);
            }
            hasher.update(&bytes).await;
            writer.write(bytes).await?;
        }
        let digests = hasher.finish().await;
        digests.check(expected, body.trailing_checksum().as_ref())?;
        Ok(StoredBody { written: writer.finish().await?, digests, length })
    }
}

/// The body's next bytes. While the client is silent, memory that others wait for is given back.
async fn next_bytes(
    body: &mut dyn UploadBody,
    writer: &mut ContentWriter,
    hasher: &mut BodyHasher,
) -> Result<Option<Bytes>, ObjectError> {
    let mut next = body.next();
    loop {
        match writer.while_waiting(&mut next).await? {
            Waited::Done(bytes) => return Ok(bytes?),
            Waited::Starving => hasher.flush().await,
        }
    }
}
