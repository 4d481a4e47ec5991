//! Access control lists as far as they exist: the owner has full control, and nobody else has anything. Reading one says
//! so; setting exactly that changes nothing and succeeds; anything else is refused as S3 refuses it for a bucket whose
//! owner is enforced. Source: Amazon S3 API Reference, "PutBucketAcl", "PutObjectAcl".

use super::owner_output;
use crate::{
    identity::Principal,
    s3::{
        RequestBody, RequestContext, S3Code, S3Error,
        xml::{self, Schema, XmlWriter},
    },
};
use bytes::Bytes;
use serde::Deserialize;

/// Amazon S3 allows 100 grants; each is a few hundred bytes.
const DOCUMENT_MAX_BYTES: usize = 128 << 10;

const FULL_CONTROL: &str = "FULL_CONTROL";

const SCHEMA: Schema = Schema(&[
    ("AccessControlPolicy", &["Owner", "AccessControlList"]),
    ("Owner", &["ID", "DisplayName"]),
    ("AccessControlList", &["Grant"]),
    ("Grant", &["Grantee", "Permission"]),
    ("Grantee", &["ID", "DisplayName", "EmailAddress", "URI"]),
]);

#[derive(Deserialize)]
struct Policy {
    #[serde(rename = "Owner")]
    owner: Option<Owner>,
    #[serde(rename = "AccessControlList")]
    grants: Grants,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(rename = "ID", default)]
    id: String,
}

#[derive(Deserialize)]
struct Grants {
    #[serde(rename = "Grant", default)]
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
struct Grant {
    #[serde(rename = "Grantee")]
    grantee: Grantee,
    #[serde(rename = "Permission")]
    permission: String,
}

/// A group has a URI and somebody named by e-mail an address; neither has an id.
#[derive(Deserialize)]
struct Grantee {
    #[serde(rename = "ID")]
    id: Option<String>,
}

/// The list of a bucket or an object.
pub fn default_acl(owner: &str) -> Bytes {
    const GRANTEE: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"";
    let mut xml = XmlWriter::document("AccessControlPolicy");
    owner_output::owner(&mut xml, "Owner", owner);
    xml.element("AccessControlList", |xml| {
        xml.element("Grant", |xml| {
            xml.element_with("Grantee", GRANTEE, |xml| {
                xml.text("ID", owner).text("DisplayName", owner);
            });
            xml.text("Permission", FULL_CONTROL);
        });
    });
    xml.finish()
}

/// Passes a request that sets what is already so: by a canned list, which `vocabulary.rs` has checked by now, or by a
/// document, never by both.
pub async fn require_default_acl(ctx: &RequestContext<'_>, body: RequestBody) -> Result<(), S3Error> {
    let is_canned = ctx.header("x-amz-acl")?.is_some();
    let document = body.read_document(DOCUMENT_MAX_BYTES).await?;
    match (is_canned, document.trim_ascii()) {
        (true, []) => Ok(()),
        (true, _) => Err(S3Code::UnexpectedContent.into()),
        (false, []) => Err(S3Code::MissingSecurityHeader.into()),
        (false, document) => check_policy(document),
    }
}

pub(in crate::s3) fn check_policy(document: &[u8]) -> Result<(), S3Error> {
    let policy: Policy = xml::read(document, SCHEMA).map_err(|_| S3Error::new(S3Code::MalformedACLError))?;
    if policy.owner.is_some_and(|owner| owner.id != Principal::OWNER) {
        return Err(S3Code::AccessDenied.into());
    }
    let gives_the_owner_all =
        |grant: &Grant| grant.grantee.id.as_deref() == Some(Principal::OWNER) && grant.permission == FULL_CONTROL;
    let grants = policy.grants.grants;
    if !grants.is_empty() && grants.iter().all(gives_the_owner_all) {
        Ok(())
    } else {
        Err(S3Code::AccessControlListNotSupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(owner: &str, grants: &str) -> String {
        format!(
            "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>{owner}</ID></Owner>\
             <AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        )
    }

    fn code(document: &str) -> Option<S3Code> {
        check_policy(document.as_bytes()).err().map(|error| error.code())
    }

    #[test]
    fn what_is_read_can_be_set() {
        assert_eq!(code(std::str::from_utf8(&default_acl(Principal::OWNER)).unwrap()), None);
    }

    #[test]
    fn what_gives_more_or_less_is_refused() {
        let grant = |grantee: &str, permission: &str| {
            policy(
                "larder",
                &format!("<Grant><Grantee>{grantee}</Grantee><Permission>{permission}</Permission></Grant>"),
            )
        };
        let everybody = "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>";
        let refused = Some(S3Code::AccessControlListNotSupported);
        assert_eq!(code(&grant("<ID>larder</ID>", "FULL_CONTROL")), None);
        assert_eq!(code(&grant("<ID>larder</ID>", "READ")), refused);
        assert_eq!(code(&grant("<ID>somebody</ID>", "FULL_CONTROL")), refused);
        assert_eq!(code(&grant(everybody, "READ")), refused);
        assert_eq!(code(&grant("<EmailAddress>a@b.c</EmailAddress>", "FULL_CONTROL")), refused);
        assert_eq!(code(&policy("larder", "")), refused);
        assert_eq!(code(&policy("somebody", "")), Some(S3Code::AccessDenied));
        for malformed in
            ["<AccessControlPolicy/>", "<Other/>", "x", &policy("larder", "<Grant/>"), &policy("larder", "<More/>")]
        {
            assert_eq!(code(malformed), Some(S3Code::MalformedACLError), "{malformed}");
        }
    }
}
