//! What the three lists of objects write alike.

use crate::{
    objects::ListedObject,
    s3::{
        ops::owner_output,
        xml::{TextEncoding, XmlWriter},
    },
};

/// Whether `<Owner>` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerElement {
    Shown,
    Left,
}

/// Everything of `<Contents>` or `<Version>` behind the names and dates that differ.
pub fn write_details(xml: &mut XmlWriter, object: &ListedObject, owner: OwnerElement) {
    xml.text("ETag", &object.etag.quoted());
    if let Some((algorithm, kind)) = object.checksum {
        xml.text("ChecksumAlgorithm", algorithm.name()).text("ChecksumType", kind.name());
    }
    xml.number("Size", object.size);
    if owner == OwnerElement::Shown {
        owner_output::owner(xml, "Owner", &object.owner);
    }
    xml.text("StorageClass", "STANDARD");
}

/// `<Contents>` of ListObjects and ListObjectsV2.
pub fn write_contents(xml: &mut XmlWriter, object: &ListedObject, encoding: TextEncoding, owner: OwnerElement) {
    xml.element("Contents", |xml| {
        xml.key("Key", object.key.as_str(), encoding).text("LastModified", &object.modified.to_iso_8601());
        write_details(xml, object, owner);
    });
}
