//! The seam between the wire and what carries operations out: the match over all of them, without a wildcard, is in
//! `ops/handlers.rs`.

use super::{body::RequestBody, context::RequestContext, error::S3Error, response::Response};
use crate::{
    identity::BucketFacts,
    types::{BucketName, CorsConfiguration},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// What carries out operations. The real one is over `objects`; tests of the wire put a small one here.
pub trait Operations: Send + Sync + 'static {
    fn call<'a>(
        &'a self,
        context: &'a RequestContext<'a>,
        body: RequestBody,
    ) -> BoxFuture<'a, Result<Response, S3Error>>;

    /// What decides about requests that nobody signed.
    fn bucket_facts<'a>(&'a self, bucket: &'a BucketName) -> BoxFuture<'a, Result<BucketFacts, S3Error>>;

    /// The bucket's rules for other origins: `None` when it has none, or isn't there.
    fn cors_rules<'a>(
        &'a self,
        bucket: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<Arc<CorsConfiguration>>, S3Error>>;
}
