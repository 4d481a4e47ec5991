//! Checksums of objects and parts that clients send and ask for. Source: Amazon S3 User Guide, "Checking object
//! integrity in Amazon S3".

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The algorithms of `x-amz-checksum-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ChecksumAlgorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

impl ChecksumAlgorithm {
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    /// As in `x-amz-checksum-algorithm` and XML bodies: `CRC64NVME`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header or trailer that carries the value: `x-amz-checksum-crc64nvme`.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Length of a value in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Case-insensitive, as S3 takes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    pub fn from_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value of one algorithm, in big-endian bytes, always of the algorithm's length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    value: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the base64 form of a {0} checksum")]
pub struct InvalidChecksum(pub ChecksumAlgorithm);

impl Checksum {
    pub fn new(algorithm: ChecksumAlgorithm, value: Vec<u8>) -> Result<Self, InvalidChecksum> {
        if value.len() == algorithm.length() { Ok(Self { algorithm, value }) } else { Err(InvalidChecksum(algorithm)) }
    }

    pub fn from_base64(algorithm: ChecksumAlgorithm, text: &str) -> Result<Self, InvalidChecksum> {
        let value = BASE64.decode(text).map_err(|_| InvalidChecksum(algorithm))?;
        Self::new(algorithm, value)
    }

    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.value)
    }

    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

/// `x-amz-checksum-type`: over the whole object, or over the parts' checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChecksumKind {
    FullObject,
    Composite,
}

impl ChecksumKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::FullObject, Self::Composite].into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// The checksum that is stored with an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectChecksum {
    pub checksum: Checksum,
    pub kind: ChecksumKind,
    /// Number of parts when the kind is composite: shown as the suffix `-N`.
    pub part_count: Option<u32>,
}

impl ObjectChecksum {
    pub fn full_object(checksum: Checksum) -> Self {
        Self { checksum, kind: ChecksumKind::FullObject, part_count: None }
    }

    /// As headers and XML bodies give it: base64, with `-N` when composite.
    pub fn to_text(&self) -> String {
        match (self.kind, self.part_count) {
            (ChecksumKind::Composite, Some(count)) => format!("{}-{count}", self.checksum.to_base64()),
            _ => self.checksum.to_base64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_length_of_their_algorithm() {
        for algorithm in ChecksumAlgorithm::ALL {
            let checksum = Checksum::new(algorithm, vec![1; algorithm.length()]).unwrap();
            assert_eq!(Checksum::from_base64(algorithm, &checksum.to_base64()), Ok(checksum));
            assert!(Checksum::new(algorithm, vec![1; algorithm.length() + 1]).is_err());
            assert_eq!(ChecksumAlgorithm::from_name(&algorithm.name().to_lowercase()), Some(algorithm));
            assert_eq!(ChecksumAlgorithm::from_header(algorithm.header()), Some(algorithm));
        }
        assert!(Checksum::from_base64(ChecksumAlgorithm::Crc32, "not base64!").is_err());
    }
}
