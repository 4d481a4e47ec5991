//! Checksums as headers and as elements.

use super::parameter::insert_own;
use crate::{
    s3::{Response, xml::XmlWriter},
    types::{Checksum, ChecksumAlgorithm, ObjectChecksum},
};

/// The element of an XML body: `ChecksumCRC64NVME`.
pub fn element_name(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "ChecksumCRC32",
        ChecksumAlgorithm::Crc32c => "ChecksumCRC32C",
        ChecksumAlgorithm::Crc64nvme => "ChecksumCRC64NVME",
        ChecksumAlgorithm::Sha1 => "ChecksumSHA1",
        ChecksumAlgorithm::Sha256 => "ChecksumSHA256",
    }
}

/// `x-amz-checksum-*` and `x-amz-checksum-type`.
pub fn object_headers(response: &mut Response, checksum: &ObjectChecksum) {
    insert_own(response, checksum.checksum.algorithm().header(), &checksum.to_text());
    insert_own(response, "x-amz-checksum-type", checksum.kind.name());
}

pub fn part_header(response: &mut Response, checksum: &Checksum) {
    insert_own(response, checksum.algorithm().header(), &checksum.to_base64());
}

/// Value and type.
pub fn object_elements(xml: &mut XmlWriter, checksum: &ObjectChecksum) {
    xml.text(element_name(checksum.checksum.algorithm()), &checksum.to_text());
    xml.text("ChecksumType", checksum.kind.name());
}

pub fn part_element(xml: &mut XmlWriter, checksum: &Checksum) {
    xml.text(element_name(checksum.algorithm()), &checksum.to_base64());
}
