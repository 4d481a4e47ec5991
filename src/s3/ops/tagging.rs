//! Tag sets: as a header, as a document in both directions.

use crate::{
    s3::{
        S3Code, S3Error,
        percent::{self, PlusSign},
        xml::{self, Schema, XmlWriter},
    },
    types::{InvalidTagSet, TagLimit, TagSet},
};
use bytes::Bytes;
use serde::Deserialize;

const SCHEMA: Schema = Schema(&[("Tagging", &["TagSet"]), ("TagSet", &["Tag"]), ("Tag", &["Key", "Value"])]);

#[derive(Deserialize)]
struct TaggingDocument {
    #[serde(rename = "TagSet")]
    tag_set: TagSetElement,
}

#[derive(Default, Deserialize)]
pub struct TagSetElement {
    #[serde(rename = "Tag", default)]
    tags: Vec<TagElement>,
}

#[derive(Deserialize)]
pub struct TagElement {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Value")]
    value: String,
}

pub fn parse_document(bytes: &[u8], limit: TagLimit) -> Result<TagSet, S3Error> {
    let document: TaggingDocument = xml::read(bytes, SCHEMA)?;
    from_elements(document.tag_set.tags, limit)
}

pub fn from_elements(tags: Vec<TagElement>, limit: TagLimit) -> Result<TagSet, S3Error> {
    TagSet::new(tags.into_iter().map(|tag| (tag.key, tag.value)), limit).map_err(refused)
}

/// `k1=v1&k2=v2`, percent-encoded.
pub fn parse_header(text: &str, limit: TagLimit) -> Result<TagSet, S3Error> {
    let malformed = || {
        S3Error::invalid_argument(
            "x-amz-tagging",
            text,
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name \
             duplicates.",
        )
    };
    let decode = |part: &str| percent::decode(part, PlusSign::IsSpace).map_err(|_| malformed());
    let mut tags = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        tags.push((decode(key)?, decode(value)?));
        if tags.len() > limit.count() {
            return Err(refused(InvalidTagSet::TooMany(limit.count())));
        }
    }
    TagSet::new(tags, limit).map_err(|error| match error {
        InvalidTagSet::DuplicateKey(_) => malformed(),
        other => refused(other),
    })
}

fn refused(error: InvalidTagSet) -> S3Error {
    let message = match &error {
        InvalidTagSet::TooMany(limit) if *limit == TagLimit::Object.count() => {
            format!("Object tags cannot be greater than {limit}")
        }
        InvalidTagSet::TooMany(limit) => format!("Bucket tag count cannot be greater than {limit}"),
        InvalidTagSet::DuplicateKey(_) => "Cannot provide multiple Tags with the same key".to_owned(),
        InvalidTagSet::KeyLength => "The TagKey you have provided is invalid".to_owned(),
        InvalidTagSet::ValueLength | InvalidTagSet::Character => "The TagValue you have provided is invalid".to_owned(),
        InvalidTagSet::ReservedPrefix => "System tags cannot be added/updated by requester".to_owned(),
    };
    S3Error::with_message(S3Code::InvalidTag, message)
}

pub fn render_document(tags: &TagSet) -> Bytes {
    let mut xml = XmlWriter::document("Tagging");
    xml.element("TagSet", |xml| {
        for (key, value) in tags.iter() {
            xml.element("Tag", |xml| {
                xml.text("Key", key).text("Value", value);
            });
        }
    });
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_comes_back() {
        let tags = parse_header("a=1&b=x%20y&c", TagLimit::Object).unwrap();
        let written = render_document(&tags);
        assert_eq!(parse_document(&written, TagLimit::Object).unwrap(), tags);
        let none = parse_document(b"<Tagging><TagSet/></Tagging>", TagLimit::Object).unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn each_fault_has_its_code() {
        let eleven: String = (0..11).map(|i| format!("k{i}=v&")).collect();
        for (text, code) in [
            ("a=%zz", S3Code::InvalidArgument),
            ("a=1&a=2", S3Code::InvalidArgument),
            ("=v", S3Code::InvalidTag),
            ("aws:a=1", S3Code::InvalidTag),
            (eleven.as_str(), S3Code::InvalidTag),
        ] {
            assert_eq!(parse_header(text, TagLimit::Object).unwrap_err().code(), code, "{text}");
        }
        let more = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value><Id>1</Id></Tag></TagSet></Tagging>";
        for text in ["<Tagging/>", "<Tagging><TagSet><Tag/></TagSet></Tagging>", "<Other/>", more] {
            let error = parse_document(text.as_bytes(), TagLimit::Object).unwrap_err();
            assert_eq!(error.code(), S3Code::MalformedXML, "{text}");
        }
    }
}
