//! The seam between the wire and what carries operations out: the match over all of them, without a wildcard, is in
//! `ops/handlers.rs`.

use super::{body::RequestBody, context::RequestContext, error::S3Error, response::Response};
use futures_util::future::BoxFuture;

/// What carries out operations. The real one is over `objects`; tests of the wire put a small one here.
pub trait Operations: Send + Sync + 'static {
    fn call<'a>(
        &'a self,
        context: &'a RequestContext<'a>,
        body: RequestBody,
    ) -> BoxFuture<'a, Result<Response, S3Error>>;
}
