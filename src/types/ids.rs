//! Identifiers. Those that are made without asking the metadata are UUIDs; those that the metadata gives out
//! are the commit sequence of the command that made them, so that `apply` needs no randomness.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The text is not an identifier of the kind that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct InvalidId {
    /// What was expected, in words.
    pub kind: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Length in bytes on disk and on the wire.
            pub const LENGTH: usize = 16;

            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Reads exactly 16 bytes, as a database column holds them.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, InvalidId> {
                Uuid::from_slice(bytes).map(Self).map_err(|_| InvalidId { kind: $kind })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_simple())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId { kind: $kind })
            }
        }
    };
}

uuid_id! {
    /// An immutable run of bytes; a UUIDv7, so that blobs sort by the time that their gateway made them.
    BlobId, "blob id"
}
uuid_id! {
    /// A storage node: made once in its data directory, kept through changes of address.
    NodeId, "node id"
}
uuid_id! {
    /// One run of a node's process: drawn at each start, so that two processes are told apart that say they are one node.
    RunId, "run id"
}
uuid_id! {
    /// One data directory of a node: an emptied disk gets a new one, so it is never confused with the old.
    VolumeId, "volume id"
}
uuid_id! {
    /// The cluster that a data directory belongs to.
    ClusterId, "cluster id"
}
uuid_id! {
    /// One line of metadata history; a restored backup begins a new one.
    HistoryId, "history id"
}
uuid_id! {
    /// A multipart upload.
    UploadId, "upload id"
}

impl UploadId {
    /// No upload has it: an id is made of the time and of random bits.
    pub const NONE: Self = Self::from_bytes([0; Self::LENGTH]);
}

uuid_id! {
    /// One write of an object. What S3 shows is this text, or `null` for a version written while versioning was off.
    VersionId, "version id"
}

macro_rules! sequence_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

sequence_id! {
    /// A bucket: the commit sequence of the command that created it. Commands name buckets by id, so that a write
    /// to a bucket that was deleted and made again does not land in the new one.
    BucketId
}
sequence_id! {
    /// An immutable list of extents: the commit sequence of the command that made it.
    ContentId
}
sequence_id! {
    /// A placement group, numbered from 1.
    GroupId
}

impl GroupId {
    /// No placement group: what holds the command log, on nodes of its keeper's choice.
    pub const COMMAND_LOG: Self = Self(0);
}
