//! What all lists that know a delimiter write alike: objects, versions, uploads.

use crate::{
    objects::ListEntry,
    s3::xml::{TextEncoding, XmlWriter},
};

/// `<EncodingType>` is written when it was asked for.
pub fn write_encoding(xml: &mut XmlWriter, encoding: TextEncoding) {
    match encoding {
        TextEncoding::Plain => {}
        TextEncoding::Url => {
            xml.text("EncodingType", "url");
        }
    }
}

/// First all items, then all common prefixes, each in their order, as S3 has them: a client that reads an element's
/// repetitions as one list takes them only side by side.
pub fn write_entries<T>(
    xml: &mut XmlWriter,
    entries: &[ListEntry<T>],
    encoding: TextEncoding,
    write_item: impl Fn(&mut XmlWriter, &T),
) {
    for entry in entries {
        if let ListEntry::Item(item) = entry {
            write_item(xml, item);
        }
    }
    for entry in entries {
        if let ListEntry::CommonPrefix(prefix) = entry {
            xml.element("CommonPrefixes", |xml| {
                xml.key("Prefix", prefix, encoding);
            });
        }
    }
}
