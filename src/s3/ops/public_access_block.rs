//! A bucket's public access block as a document, in both directions. Source: Amazon S3 API Reference,
//! "PutPublicAccessBlock".

use crate::{
    s3::{
        S3Code, S3Error,
        xml::{self, Schema, XmlWriter},
    },
    types::PublicAccessBlock,
};
use bytes::Bytes;
use serde::Deserialize;

const SCHEMA: Schema = Schema(&[(
    "PublicAccessBlockConfiguration",
    &["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"],
)]);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    block_public_acls: Option<String>,
    ignore_public_acls: Option<String>,
    block_public_policy: Option<String>,
    restrict_public_buckets: Option<String>,
}

/// What a document does not say is off.
pub(in crate::s3) fn parse_document(bytes: &[u8]) -> Result<PublicAccessBlock, S3Error> {
    let document: Document = xml::read(bytes, SCHEMA)?;
    Ok(PublicAccessBlock {
        block_public_acls: flag(document.block_public_acls.as_deref())?,
        ignore_public_acls: flag(document.ignore_public_acls.as_deref())?,
        block_public_policy: flag(document.block_public_policy.as_deref())?,
        restrict_public_buckets: flag(document.restrict_public_buckets.as_deref())?,
    })
}

fn flag(text: Option<&str>) -> Result<bool, S3Error> {
    match text.map(str::trim) {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(S3Code::MalformedXML.into()),
    }
}

pub(in crate::s3) fn render_document(block: PublicAccessBlock) -> Bytes {
    let mut xml = XmlWriter::document("PublicAccessBlockConfiguration");
    xml.flag("BlockPublicAcls", block.block_public_acls).flag("IgnorePublicAcls", block.ignore_public_acls);
    xml.flag("BlockPublicPolicy", block.block_public_policy);
    xml.flag("RestrictPublicBuckets", block.restrict_public_buckets);
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_back_and_what_is_none_is_malformed() {
        for block in (0..16).filter_map(PublicAccessBlock::from_bits) {
            assert_eq!(parse_document(&render_document(block)).unwrap(), block);
        }
        let parse = |flags: &str| {
            let root = "PublicAccessBlockConfiguration";
            parse_document(format!("<{root}>{flags}</{root}>").as_bytes()).map_err(|error| error.code())
        };
        assert_eq!(parse(""), Ok(PublicAccessBlock::default()));
        let one = PublicAccessBlock { ignore_public_acls: true, ..Default::default() };
        assert_eq!(parse("<IgnorePublicAcls>TRUE</IgnorePublicAcls>"), Ok(one));
        for malformed in ["<IgnorePublicAcls>1</IgnorePublicAcls>", "<IgnorePublicAcls/>", "<Other>true</Other>"] {
            assert_eq!(parse(malformed), Err(S3Code::MalformedXML), "{malformed}");
        }
    }
}
