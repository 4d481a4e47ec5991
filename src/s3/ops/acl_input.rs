//! The access control list that a request asks for: by a canned one's name, by grants in headers, or by a document,
//! never by two of them. Source: Amazon S3 API Reference, "PutObject", "PutBucketAcl", "PutObjectAcl".

use super::acl_document::{self, ACL_DOCUMENT_MAX_BYTES};
use crate::{
    s3::{RequestBody, RequestContext, S3Code, S3Error},
    types::{Acl, CannedAcl, Grantee, Permission},
};
use http::{HeaderMap, HeaderValue};

const CANNED: &str = "x-amz-acl";

const GRANTS: [(&str, Permission); 5] = [
    ("x-amz-grant-full-control", Permission::FullControl),
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-read-acp", Permission::ReadAcp),
    ("x-amz-grant-write-acp", Permission::WriteAcp),
];

/// Of a request that makes a bucket or an object. `None`: it says nothing.
pub fn in_headers(ctx: &RequestContext<'_>) -> Result<Option<Acl>, S3Error> {
    from_headers(ctx.headers)
}

/// Of a request that sets a list.
pub async fn in_headers_or_document(ctx: &RequestContext<'_>, body: RequestBody) -> Result<Acl, S3Error> {
    let in_headers = in_headers(ctx)?;
    let document = body.read_document(ACL_DOCUMENT_MAX_BYTES).await?;
    match (in_headers, document.trim_ascii()) {
        (Some(acl), []) => Ok(acl),
        (Some(_), _) => Err(S3Code::UnexpectedContent.into()),
        (None, []) => Err(S3Code::MissingSecurityHeader.into()),
        (None, document) => acl_document::parse(document),
    }
}

fn from_headers(headers: &HeaderMap) -> Result<Option<Acl>, S3Error> {
    let mut granted = None;
    for (name, permission) in GRANTS {
        for value in headers.get_all(name) {
            granted = Some(with_grants(granted.unwrap_or(Acl::EMPTY), name, text(name, value)?, permission)?);
        }
    }
    let mut canned = headers.get_all(CANNED).iter();
    match (canned.next(), canned.next(), granted) {
        (None, _, granted) => Ok(granted),
        (Some(name), None, None) => of_canned(text(CANNED, name)?).map(Some),
        (Some(_), None, Some(_)) => {
            Err(S3Error::invalid_request("Specifying both Canned ACLs and Header Grants is not allowed"))
        }
        (Some(_), Some(_), _) => Err(S3Error::invalid_argument(CANNED, "", "The header stands more than once.")),
    }
}

fn text<'a>(name: &str, value: &'a HeaderValue) -> Result<&'a str, S3Error> {
    value.to_str().map_err(|_| S3Error::invalid_argument(name, "", "The header is not ASCII."))
}

fn of_canned(name: &str) -> Result<Acl, S3Error> {
    let Some(canned) = CannedAcl::from_name(name) else {
        return Err(S3Error::invalid_argument(CANNED, name, "The canned ACL is not one of S3's."));
    };
    canned.acl().ok_or_else(|| {
        let message = "The canned ACL names a service of Amazon's, which is not here.";
        S3Error::with_message(S3Code::NotImplemented, message).field("Header", CANNED)
    })
}

/// Grantees, each as `id="..."`, `uri="..."` or `emailAddress="..."`, with commas between. Quotes may be left out.
fn with_grants(acl: Acl, name: &str, list: &str, permission: Permission) -> Result<Acl, S3Error> {
    list.split(',').try_fold(acl, |acl, one| Ok(acl.with(grantee(name, one.trim())?, permission)))
}

fn grantee(header: &str, text: &str) -> Result<Grantee, S3Error> {
    let refused = || S3Error::invalid_argument(header, text, "Argument format not recognized");
    let (kind, value) = text.split_once('=').ok_or_else(refused)?;
    let value = value.trim();
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    if bare.is_empty() || bare.contains('"') {
        return Err(refused());
    }
    match kind.trim() {
        kind if kind.eq_ignore_ascii_case("id") => acl_document::by_id(bare),
        kind if kind.eq_ignore_ascii_case("uri") => acl_document::by_uri(bare),
        kind if kind.eq_ignore_ascii_case("emailAddress") => Err(acl_document::by_email(bare)),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;
    use proptest::prelude::*;

    fn read(headers: &[(&'static str, &str)]) -> Result<Option<Acl>, S3Code> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        from_headers(&map).map_err(|error| error.code())
    }

    const ALL_USERS: &str = "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"";

    #[test]
    fn a_canned_list_is_taken_by_its_name() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("x-amz-acl", "private")]), Ok(Some(Acl::PRIVATE)));
        assert_eq!(read(&[("x-amz-acl", "public-read")]), Ok(CannedAcl::PublicRead.acl()));
        for (name, code) in [
            ("", S3Code::InvalidArgument),
            ("open-to-all", S3Code::InvalidArgument),
            ("aws-exec-read", S3Code::NotImplemented),
            ("log-delivery-write", S3Code::NotImplemented),
        ] {
            assert_eq!(read(&[("x-amz-acl", name)]), Err(code), "{name}");
        }
        assert_eq!(read(&[("x-amz-acl", "private"), ("x-amz-acl", "public-read")]), Err(S3Code::InvalidArgument));
    }

    #[test]
    fn grants_in_headers_are_the_whole_list() {
        let everybody_reads = Acl::EMPTY.with(Grantee::AllUsers, Permission::Read);
        assert_eq!(read(&[("x-amz-grant-read", ALL_USERS)]), Ok(Some(everybody_reads)));
        let both = format!("id=larder, {ALL_USERS}");
        assert_eq!(
            read(&[("x-amz-grant-read", &both), ("x-amz-grant-write-acp", "ID = \"larder\"")]),
            Ok(Some(everybody_reads.with(Grantee::Owner, Permission::Read).with(Grantee::Owner, Permission::WriteAcp)))
        );
        let twice = [("x-amz-grant-read", "id=larder"), ("x-amz-grant-read", ALL_USERS)];
        assert_eq!(read(&twice), Ok(Some(everybody_reads.with(Grantee::Owner, Permission::Read))));
        assert_eq!(read(&[("x-amz-acl", "private"), ("x-amz-grant-read", ALL_USERS)]), Err(S3Code::InvalidRequest));
    }

    #[test]
    fn grants_that_name_nobody_are_refused() {
        for (text, code) in [
            ("id=somebody", S3Code::InvalidArgument),
            ("id=\"larder", S3Code::InvalidArgument),
            ("id=larder,", S3Code::InvalidArgument),
            ("", S3Code::InvalidArgument),
            ("larder", S3Code::InvalidArgument),
            ("name=larder", S3Code::InvalidArgument),
            ("uri=http://example.com/", S3Code::InvalidArgument),
            ("uri=http://acs.amazonaws.com/groups/s3/LogDelivery", S3Code::NotImplemented),
            ("emailAddress=\"a@b.c\"", S3Code::UnresolvableGrantByEmailAddress),
        ] {
            assert_eq!(read(&[("x-amz-grant-read", text)]), Err(code), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "[ -~]{0,40}|((id|uri|emailAddress)=\"?[a-z,=\" ]{0,9}){0,3}") {
            let _ = read(&[("x-amz-grant-read", &text)]);
        }
    }
}
