//! What an operation knows of its request besides the body. Everything in it is authenticated and parsed.

use super::{
    copy_source::CopySource,
    error::{S3Code, S3Error},
    form::FormFields,
    operation::Operation,
    percent::{self, Slash},
    query::Query,
};
use crate::{
    identity::{Permit, Principal},
    types::{BucketName, ObjectKey, RequestId},
};
use http::{HeaderMap, header};

#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    pub principal: &'a Principal,
    /// What was allowed: goes along to where versions are found.
    pub permit: Permit,
    pub request_id: &'a RequestId,
    pub operation: Operation,
    pub bucket: Option<&'a BucketName>,
    pub key: Option<&'a ObjectKey>,
    /// Where a copy comes from: already authorised.
    pub copy_source: Option<&'a CopySource>,
    pub query: &'a Query,
    /// Those of the request; of a form those that its fields say.
    pub headers: &'a HeaderMap,
    /// The fields of a form.
    pub form: Option<&'a FormFields>,
    /// The decoded path.
    pub path: &'a str,
    /// `http` or `https`: what the S3 address speaks.
    pub scheme: &'static str,
    /// The region that the settings fix, if any.
    pub region: Option<&'a str>,
}

impl<'a> RequestContext<'a> {
    /// The bucket of an operation that has one; the router gives it none without.
    pub fn bucket(&self) -> Result<&'a BucketName, S3Error> {
        self.bucket.ok_or_else(|| S3Code::InvalidBucketName.into())
    }

    /// The key of an operation that has one; the router gives it none without.
    pub fn key(&self) -> Result<&'a ObjectKey, S3Error> {
        self.key.ok_or_else(|| S3Code::MethodNotAllowed.into())
    }

    /// The source of an operation that copies; the router gives it none without.
    pub fn copy_source(&self) -> Result<&'a CopySource, S3Error> {
        self.copy_source
            .ok_or_else(|| S3Error::invalid_argument("x-amz-copy-source", "", "The copy source is missing."))
    }

    /// The fields of an operation that is a form.
    pub fn form(&self) -> Result<&'a FormFields, S3Error> {
        self.form.ok_or_else(|| {
            let condition = "Bucket POST must be of the enclosure-type multipart/form-data";
            S3Error::new(S3Code::PreconditionFailed).field("Condition", condition)
        })
    }

    /// The address of what the request is about, as the client reached it.
    pub fn location(&self) -> String {
        let host = self.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        format!("{}://{host}{}", self.scheme, percent::encode(self.path, Slash::Kept))
    }

    /// The value of a header as text. Not UTF-8: refused.
    pub fn header(&self, name: &'static str) -> Result<Option<&'a str>, S3Error> {
        let Some(value) = self.headers.get(name) else { return Ok(None) };
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(S3Error::invalid_argument(name, "", "The header is not UTF-8.")),
        }
    }
}
