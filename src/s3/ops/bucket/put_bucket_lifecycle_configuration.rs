//! PutBucketLifecycleConfiguration.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            lifecycle_input::{self, LIFECYCLE_DOCUMENT_MAX_BYTES},
            lifecycle_output, parameter,
        },
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let minimum = lifecycle_input::transition_minimum(ctx)?;
    let document = body.read_document(LIFECYCLE_DOCUMENT_MAX_BYTES).await?;
    let rules = lifecycle_input::parse_document(&document, minimum)?;
    let mut response = parameter::empty(StatusCode::OK);
    lifecycle_output::transition_minimum(&mut response, &rules);
    objects.set_bucket_lifecycle(ctx.bucket()?, Some(rules)).await?;
    Ok(response)
}
