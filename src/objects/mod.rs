//! What S3 means, without HTTP: one file a verb, each `impl Objects { pub async fn verb(...) }`.
//!
//! Pure cores stand beside the verbs (conditions, ranges, tokens, combining checksums): plain functions on data,
//! tested by tables and properties. The verbs fetch, call and store. What a write requires (`If-Match` and the like)
//! is decided inside the metadata command, so that of any number of racing writers exactly one wins.

mod body;
mod checksum_combine;
mod conditions;
mod digest;
mod document;
mod error;
mod ranges;
mod tokens;

pub use crate::metadata::command::{SourceConditions, VersionSelector, WritePrecondition};
pub use body::{BodyError, ExpectedChecksum, ExpectedDigests, UploadBody};
pub use conditions::{ReadConditions, TagCondition};
pub use document::check_document;
pub use error::ObjectError;
pub use ranges::ByteRange;

/// Largest object that S3 knows: 5 TiB. Amazon S3 User Guide, "Multipart upload limits".
pub const OBJECT_LENGTH_MAX_BYTES: u64 = 5 << 40;

/// Largest body of one PutObject or UploadPart, and largest source of one CopyObject: 5 GiB.
pub const SINGLE_WRITE_MAX_BYTES: u64 = 5 << 30;
