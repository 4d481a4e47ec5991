//! Operation → handler. The match has no wildcard: a new operation does not compile until somebody decided what it
//! does, and `not_implemented` is a decision too.

use super::{body::RequestBody, context::RequestContext, error::S3Error, operation::Operation, response::Response};
use futures_util::future::BoxFuture;

/// What carries out operations. The real one is over `objects`; tests of the wire put a small one here.
pub trait Operations: Send + Sync + 'static {
    fn call<'a>(
        &'a self,
        context: &'a RequestContext<'a>,
        body: RequestBody,
    ) -> BoxFuture<'a, Result<Response, S3Error>>;
}
