//! OPTIONS object: a browser asks before a request from another origin (preflight). Nobody signs it, and the answer says no
//! more than the rules of the bucket do: of one that is not there the same as of one without rules.

use crate::{
    objects::{Objects, allowed_origin},
    s3::{
        RequestContext, Response, S3Code, S3Error,
        cross_origin::{self, Preflight},
        ops::parameter,
    },
};
use http::StatusCode;

const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, \
                           request method / Access-Control-Request-Method or Access-Control-Request-Headers are not \
                           whitelisted by the resource's CORS spec.";

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let asked = Preflight::parse(ctx.headers)?;
    let rules = match ctx.bucket {
        Some(bucket) => objects.cors_rules(bucket).await?,
        None => None,
    };
    let rules = rules.ok_or_else(|| about(ctx, &asked, S3Code::AccessForbidden.into()))?;
    let allowed = allowed_origin(&rules, &asked.request())
        .ok_or_else(|| about(ctx, &asked, S3Error::with_message(S3Code::AccessForbidden, NOT_ALLOWED)))?;
    let mut response = parameter::empty(StatusCode::OK);
    cross_origin::answer_preflight(&allowed, &asked, response.headers_mut());
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
