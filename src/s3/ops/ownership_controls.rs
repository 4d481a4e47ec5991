//! A bucket's Object Ownership as a document, in both directions. Source: Amazon S3 API Reference,
//! "PutBucketOwnershipControls".

use crate::{
    s3::{
        S3Code, S3Error,
        xml::{self, Schema, XmlWriter},
    },
    types::ObjectOwnership,
};
use bytes::Bytes;
use serde::Deserialize;

const SCHEMA: Schema = Schema(&[("OwnershipControls", &["Rule"]), ("Rule", &["ObjectOwnership"])]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Rule", default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "ObjectOwnership")]
    ownership: String,
}

/// A document has one rule.
pub(in crate::s3) fn parse_document(bytes: &[u8]) -> Result<ObjectOwnership, S3Error> {
    let document: Document = xml::read(bytes, SCHEMA)?;
    let malformed = || S3Error::new(S3Code::MalformedXML);
    let [rule] = document.rules.as_slice() else { return Err(malformed()) };
    ObjectOwnership::from_name(rule.ownership.trim()).ok_or_else(malformed)
}

pub(in crate::s3) fn render_document(ownership: ObjectOwnership) -> Bytes {
    let mut xml = XmlWriter::document("OwnershipControls");
    xml.element("Rule", |xml| {
        xml.text("ObjectOwnership", ownership.name());
    });
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_one_rule_and_comes_back() {
        for ownership in ObjectOwnership::ALL {
            assert_eq!(parse_document(&render_document(ownership)).unwrap(), ownership);
        }
        let rule = |name: &str| format!("<Rule><ObjectOwnership>{name}</ObjectOwnership></Rule>");
        let two = rule("ObjectWriter").repeat(2);
        for rules in ["", "<Rule/>", &rule(""), &rule("Nobody"), &two, "<Other/>"] {
            let refused = parse_document(format!("<OwnershipControls>{rules}</OwnershipControls>").as_bytes());
            assert_eq!(refused.unwrap_err().code(), S3Code::MalformedXML, "{rules}");
        }
    }
}
