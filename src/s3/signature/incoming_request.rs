//! What a signature can cover of a request, decoded once: the handlers see the same path and query.

use crate::s3::{form::FormFields, operation::Scope, query::Query};
use http::{HeaderMap, Method};

#[derive(Clone, Copy, Debug)]
pub struct IncomingRequest<'a> {
    pub method: &'a Method,
    /// What the address names.
    pub scope: Scope,
    /// Decoded.
    pub path: &'a str,
    /// As it was sent: Signature Version 2 signs it so.
    pub raw_path: &'a str,
    /// The bucket, when the Host names it and the path does not.
    pub host_bucket: Option<&'a str>,
    pub query: &'a Query,
    pub headers: &'a HeaderMap,
    /// The fields of a form, which is signed in them and nowhere else.
    pub form: Option<&'a FormFields>,
}
