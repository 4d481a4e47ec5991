//! An access control list as a document, in both directions. Source: Amazon S3 API Reference, "PutBucketAcl",
//! "PutObjectAcl"; User Guide, "Access control list (ACL) overview".

use super::owner_output;
use crate::{
    identity::Principal,
    s3::{
        S3Code, S3Error,
        xml::{self, Schema, XmlWriter},
    },
    types::{Acl, Grantee, Permission},
};
use bytes::Bytes;
use serde::Deserialize;

/// Amazon S3 allows 100 grants; each is a few hundred bytes.
pub const ACL_DOCUMENT_MAX_BYTES: usize = 128 << 10;

/// Amazon S3 User Guide, "Access control list (ACL) overview": "An ACL can have up to 100 grants."
const GRANTS_MAX: usize = 100;

/// Writes access logs, which are not here.
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

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
    grants: Vec<GrantElement>,
}

#[derive(Deserialize)]
struct GrantElement {
    #[serde(rename = "Grantee")]
    grantee: GranteeElement,
    #[serde(rename = "Permission")]
    permission: String,
}

/// By one of three names; what is shown of somebody beside an id says nothing.
#[derive(Deserialize)]
struct GranteeElement {
    /// Says which of the names it is; the name says so too, so it may be missing.
    #[serde(rename = "@type")]
    kind: Option<String>,
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "EmailAddress")]
    email: Option<String>,
    #[serde(rename = "URI")]
    uri: Option<String>,
}

/// The list that a document says. Whose it is may be left out; another owner is refused.
pub(in crate::s3) fn parse(document: &[u8]) -> Result<Acl, S3Error> {
    let malformed = || S3Error::new(S3Code::MalformedACLError);
    let policy: Policy = xml::read(document, SCHEMA).map_err(|_| malformed())?;
    if policy.owner.is_some_and(|owner| owner.id != Principal::OWNER) {
        return Err(S3Code::AccessDenied.into());
    }
    let grants = policy.grants.grants;
    if grants.len() > GRANTS_MAX {
        return Err(malformed());
    }
    grants.iter().try_fold(Acl::EMPTY, |acl, grant| {
        let permission = Permission::from_name(grant.permission.trim()).ok_or_else(malformed)?;
        let GranteeElement { kind, id, email, uri } = &grant.grantee;
        let is = |expected| kind.as_deref().is_none_or(|kind| kind == expected);
        let grantee = match (id.as_deref(), email.as_deref(), uri.as_deref()) {
            (Some(id), None, None) if is("CanonicalUser") => by_id(id)?,
            (None, Some(email), None) if is("AmazonCustomerByEmail") => return Err(by_email(email)),
            (None, None, Some(uri)) if is("Group") => by_uri(uri)?,
            _ => return Err(malformed()),
        };
        Ok(acl.with(grantee, permission))
    })
}

/// There is one account.
pub(super) fn by_id(id: &str) -> Result<Grantee, S3Error> {
    if id == Principal::OWNER {
        Ok(Grantee::Owner)
    } else {
        Err(S3Error::invalid_argument("CanonicalUser/ID", id, "Invalid id"))
    }
}

pub(super) fn by_uri(uri: &str) -> Result<Grantee, S3Error> {
    if uri == LOG_DELIVERY {
        return Err(S3Error::with_message(
            S3Code::NotImplemented,
            "There are no access logs, nor a group that writes them.",
        ));
    }
    Grantee::of_uri(uri).ok_or_else(|| S3Error::invalid_argument("Group/URI", uri, "Invalid group uri"))
}

/// The account has no address.
pub(super) fn by_email(email: &str) -> S3Error {
    S3Error::new(S3Code::UnresolvableGrantByEmailAddress).field("EmailAddress", email)
}

pub(in crate::s3) fn render(owner: &str, acl: Acl) -> Bytes {
    const USER: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"";
    const GROUP: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\"";
    let mut xml = XmlWriter::document("AccessControlPolicy");
    owner_output::owner(&mut xml, "Owner", owner);
    xml.element("AccessControlList", |xml| {
        for (grantee, permission) in acl.grants() {
            xml.element("Grant", |xml| {
                match grantee.uri() {
                    None => xml.element_with("Grantee", USER, |xml| {
                        xml.text("ID", owner).text("DisplayName", owner);
                    }),
                    Some(uri) => xml.element_with("Grantee", GROUP, |xml| {
                        xml.text("URI", uri);
                    }),
                };
                xml.text("Permission", permission.name());
            });
        }
    });
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(owner: &str, grants: &str) -> String {
        format!(
            "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>{owner}</ID></Owner>\
             <AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        )
    }

    fn grant(grantee: &str, permission: &str) -> String {
        format!("<Grant><Grantee>{grantee}</Grantee><Permission>{permission}</Permission></Grant>")
    }

    fn typed(kind: &str, grantee: &str) -> String {
        let xsi = format!("xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\"");
        grant(grantee, "READ").replace("<Grantee>", &format!("<Grantee {xsi}>"))
    }

    fn code(document: &str) -> Option<S3Code> {
        parse(document.as_bytes()).err().map(|error| error.code())
    }

    proptest! {
        #[test]
        fn what_is_read_can_be_set(bits in 0_u64..1 << 15) {
            let acl = Acl::from_bits(bits).unwrap();
            prop_assert_eq!(parse(&render(Principal::OWNER, acl)).ok(), Some(acl));
        }
    }

    #[test]
    fn a_document_is_the_grants_that_it_says() {
        let everybody = "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>";
        let text = policy("larder", &(grant("<ID>larder</ID>", "READ_ACP") + &grant(everybody, "WRITE").repeat(2)));
        let expected = Acl::EMPTY.with(Grantee::Owner, Permission::ReadAcp).with(Grantee::AllUsers, Permission::Write);
        assert_eq!(parse(text.as_bytes()).ok(), Some(expected));
        assert_eq!(parse(policy("larder", "").as_bytes()).ok(), Some(Acl::EMPTY));
    }

    #[test]
    fn whom_no_list_here_can_name_is_refused() {
        let refused = |grantee: &str| code(&policy("larder", &grant(grantee, "READ")));
        assert_eq!(refused("<ID>somebody</ID>"), Some(S3Code::InvalidArgument));
        assert_eq!(refused("<EmailAddress>a@b.c</EmailAddress>"), Some(S3Code::UnresolvableGrantByEmailAddress));
        assert_eq!(refused("<URI>http://acs.amazonaws.com/groups/s3/LogDelivery</URI>"), Some(S3Code::NotImplemented));
        assert_eq!(refused("<URI>http://example.com/</URI>"), Some(S3Code::InvalidArgument));
        assert_eq!(code(&policy("somebody", "")), Some(S3Code::AccessDenied));
    }

    #[test]
    fn what_is_no_list_is_malformed() {
        let owner = grant("<ID>larder</ID>", "READ");
        for malformed in [
            "<AccessControlPolicy/>",
            "<Other/>",
            "x",
            "",
            &policy("larder", "<Grant/>"),
            &policy("larder", "<More/>"),
            &policy("larder", &grant("<ID>larder</ID>", "read")),
            &policy("larder", &grant("", "READ")),
            &policy("larder", &grant("<ID>larder</ID><EmailAddress>a@b.c</EmailAddress>", "READ")),
            &policy("larder", &owner.repeat(GRANTS_MAX + 1)),
            &policy("larder", &typed("CanonicalUser", "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>")),
            &policy("larder", &typed("Group", "<ID>larder</ID>")),
        ] {
            assert_eq!(code(malformed), Some(S3Code::MalformedACLError), "{malformed}");
        }
        assert_eq!(code(&policy("larder", &owner.repeat(GRANTS_MAX))), None);
    }
}
