//! OPTIONS object: a browser asks before a request from another origin (preflight). Nobody signs it, and the answer says no
//! more than the rules of the bucket do: of one that is not there the same as of one without rules.

use crate::{
    objects::Objects,
    s3::{RequestContext, Response, S3Error, cross_origin::Preflight, ops::parameter},
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let asked = Preflight::parse(ctx.headers)?;
    let rules = match ctx.bucket {
        Some(bucket) => objects.cors_rules(bucket).await?,
        None => None,
    };
    let allowed = asked.answer(rules.as_deref()).map_err(|error| about(ctx, &asked, error))?;
    let mut response = parameter::empty(StatusCode::OK);
    response.headers_mut().extend(allowed);
    Ok(response)
}

fn about(ctx: &RequestContext<'_>, asked: &Preflight<'_>, error: S3Error) -> S3Error {
    let resource = match (ctx.bucket, ctx.key) {
        (_, Some(_)) => "OBJECT",
        (Some(_), None) => "BUCKET",
        (None, None) => "SERVICE",
    };
    error.field("Method", asked.request().method.as_str()).field("ResourceType", resource)
}
