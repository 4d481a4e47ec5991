//! What S3 means, without HTTP: one file a verb, each `impl Objects { pub async fn verb(...) }`.
//!
//! Pure cores stand beside the verbs (conditions, ranges, tokens, combining checksums): plain functions on data,
//! tested by tables and properties. The verbs fetch, call and store. What a write requires (`If-Match` and the like)
//! is decided inside the metadata command, so that of any number of racing writers exactly one wins.

mod acls;
mod append;
mod attributes;
mod body;
mod buckets;
mod checksum_combine;
mod conditions;
mod copy;
mod copy_source;
mod cors;
mod delete;
mod digest;
mod document;
mod error;
mod get;
mod handle;
mod lifecycle;
mod list;
mod list_versions;
mod object_lock;
mod overtaken;
mod preconditions;
mod put;
mod ranges;
mod reader;
mod rename;
mod settings;
mod store_body;
mod tags;
#[cfg(test)]
mod tests;
mod tokens;
mod upload_abort;
mod upload_complete;
mod upload_create;
mod upload_list;
mod upload_part;
mod upload_part_copy;
mod website;

pub use crate::metadata::{
    command::{Directive, SourceConditions, VersionSelector, WritePrecondition},
    outcome::{DeletedVersion, WrittenVersion},
    rows::{
        Bucket, ListEntry, ListMarker, ListedObject, ListedVersion, ObjectVersion, Upload, UploadPart, VersionPart,
    },
};
pub use acls::BucketLists;
pub use append::AppendInput;
pub use attributes::{ObjectAttributes, PARTS_PAGE_MAX, PartPage, PartPageInput};
pub use body::{BodyError, ExpectedChecksum, ExpectedDigests, UploadBody};
pub use buckets::{BUCKETS_PAGE_MAX, BucketPage, CreateBucketInput, ListBucketsInput};
pub use conditions::{RangeCondition, ReadConditions, TagCondition};
pub use copy::{CopiedObject, CopyInput, OntoItself};
pub use copy_source::SourceInput;
pub use cors::{AllowedOrigin, Audience, CrossOriginRequest, allowed_origin};
pub use delete::{DELETE_MANY_MAX, DeleteEntry};
pub use digest::checksum_of;
pub use document::check_document;
pub use error::{NotModified, ObjectError};
pub use get::{FoundObject, GetInput, Selection};
pub use handle::Objects;
pub use lifecycle::{ExpireObjects, Expiry, ExpiryKind, LifecyclePreview, PreviewedKind, WouldGo};
pub use list::{LIST_PAGE_MAX, ListInput, ListPosition, ObjectPage};
pub use list_versions::{ListVersionsInput, NextVersion, VersionPage};
pub use object_lock::LockTarget;
pub use put::PutInput;
pub use ranges::ByteRange;
pub use reader::ObjectReader;
pub use rename::{RenameInput, RenamePrefixInput};
pub use settings::ObjectsSettings;
pub use upload_complete::{CompleteInput, NamedPart, PARTS_MAX};
pub use upload_create::{CreateUploadInput, CreatedUpload};
pub use upload_list::{ListUploadsInput, UploadPage};
pub use upload_part::{StoredPart, UploadName};
pub use upload_part_copy::{CopiedPart, PartCopyInput};
pub use website::{Redirection, index_of_directory, object_of, redirect_error, redirect_first, to_directory};

/// Largest object that S3 knows: 5 TiB. Amazon S3 User Guide, "Multipart upload limits".
pub const OBJECT_LENGTH_MAX_BYTES: u64 = 5 << 40;

/// Largest body of one PutObject or UploadPart, and largest source of one CopyObject: 5 GiB.
pub const SINGLE_WRITE_MAX_BYTES: u64 = 5 << 30;
