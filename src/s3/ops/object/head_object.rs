//! HeadObject: what GetObject answers, without the body.

use super::selection_input::get_input;
use crate::s3::{
    RequestBody, RequestContext, Response, S3Error,
    ops::object_output::{self, Overrides, checksum_mode},
};

pub async fn handle(ctx: &RequestContext<'_>, _body: RequestBody) -> Result<Response, S3Error> {
    let (input, overrides, mode) = (get_input(ctx)?, Overrides::parse(ctx), checksum_mode(ctx)?);
    let found = ctx.objects.head(&input).await?;
    object_output::render(&found, &overrides, mode)
}
